/* Weights files that are broken, foreign or of another model: each is one refusal that says what is wrong, and nothing of the
 * model has changed afterwards. */
#include "harness/harness.h"

#include <sys/stat.h>

#include "harness/scratch_dir.h"
#include "unit/weights_files.h"

/* fc1: 12 weights, 3 biases; the header and the 60 bytes of a file that fits. */
static const char good_header[] =
    "{\"fc1.weight\":{\"dtype\":\"F32\",\"shape\":[3,4],\"data_offsets\":[0,48]},"
    "\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[48,60]}}";
enum { GOOD_BYTES = 60 };

static weights_model small_model(void) { return weights_model_make("mlp", "", 2, 3); }

static void check_refused(weights_model *m, const char *path, flr_status status, const char *part) {
  weights_model_reset(m);
  flr_status_set_message(NULL);
  const flr_status got = weights_model_load(m, path);
  if (got != status || !strstr(flr_status_message(), part) || !strstr(flr_status_message(), path))
    fail_msg("status %d, wanted %d; \"%s\" lacks \"%s\" or the path", (int)got, (int)status, flr_status_message(), part);
  if (strchr(flr_status_message(), '\n')) fail_msg("more than one line: %s", flr_status_message());
  weights_model_check_untouched(m, part);
}

static void test_weights__bad_safetensors_are_refused(void **state) {
#define WEIGHT "\"fc1.weight\":{\"dtype\":\"F32\",\"shape\":[3,4],\"data_offsets\":[0,48]}"
#define BIAS "\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[48,60]}"
  static const struct {
    int64_t claimed; /* negative: what the header has */
    const char *header;
    size_t bytes;
    const char *part;
  } cases[] = {
      {INT64_C(1) << 60, good_header, GOOD_BYTES, "claims 1152921504606846976 bytes"},
      {-2, good_header, 0, "fc1.weight ends at byte 48 of 0: the file is cut off"},
      {1000, good_header, GOOD_BYTES, "claims 1000 bytes"},
      {-1, "not JSON", GOOD_BYTES, "no JSON object"},
      {-1, "[1,2]", GOOD_BYTES, "no JSON object"},
      {-1, "", 0, "no JSON object"},
      {-1, "{" WEIGHT ",\"fc1.bias\":7}", GOOD_BYTES, "fc1.bias has no dtype"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"shape\":[3],\"data_offsets\":[48,60]}}", GOOD_BYTES, "fc1.bias has no dtype"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"data_offsets\":[48,60]}}", GOOD_BYTES, "no usable shape"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,3],\"data_offsets\":[48,60]}}", GOOD_BYTES,
       "no usable shape"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[-3],\"data_offsets\":[48,60]}}", GOOD_BYTES,
       "too large or no whole number"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[48,60]}}", GOOD_BYTES,
       "too large or no whole number"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[48,60]}}",
       GOOD_BYTES, "too large or no whole number"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[1e300],\"data_offsets\":[48,60]}}", GOOD_BYTES,
       "too large or no whole number"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[4503599627370496,2048],\"data_offsets\":[48,60]}}",
       GOOD_BYTES, "too large or no whole number"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[2305843009213693952],\"data_offsets\":[48,60]}}", GOOD_BYTES,
       "too large or no whole number"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[3]}}", GOOD_BYTES, "no usable data_offsets"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[60,48]}}", GOOD_BYTES,
       "no usable data_offsets"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[-12,0]}}", GOOD_BYTES,
       "no usable data_offsets"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[52,64]}}", GOOD_BYTES,
       "fc1.bias ends at byte 64 of 60: the file is cut off"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[44,60]}}", GOOD_BYTES,
       "a byte range that does not fit its shape"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[48,60]}}", GOOD_BYTES,
       "a byte range that does not fit its shape"},
      {-1, "{" WEIGHT "," WEIGHT "," BIAS "}", GOOD_BYTES, "fc1.weight is there twice"},
      {-1, "{" WEIGHT ",\"fc1.bias\":{\"dtype\":\"I32\",\"shape\":[3],\"data_offsets\":[48,60]}}", GOOD_BYTES,
       "not floating point: fc1.bias [3]"},
      {-1, "{}", 0, "missing fc1.weight [3, 4]; missing fc1.bias [3]"},
      {-1, "{" WEIGHT "}", 48, "missing fc1.bias [3]"},
      {-1, "{" WEIGHT "," BIAS ",\"fc2.bias\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[60,60]}}", GOOD_BYTES,
       "extra fc2.bias [0]"},
      {-1, "{\"fc1.weight\":{\"dtype\":\"F32\",\"shape\":[4,3],\"data_offsets\":[0,48]}," BIAS "}", GOOD_BYTES,
       "misshapen fc1.weight [4, 3], wanted [3, 4]"},
      {-1, "{\"fc1.weight\":{\"dtype\":\"F32\",\"shape\":[12],\"data_offsets\":[0,48]}," BIAS "}", GOOD_BYTES,
       "misshapen fc1.weight [12], wanted [3, 4]"},
  };
  static const float zeros[GOOD_BYTES / sizeof(float)];
  char path[SCRATCH_PATH + 64];
  weights_model m = small_model();
  scratch_path(path, state, "bad.safetensors");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    safetensors_write(path, cases[i].claimed, cases[i].header, zeros, cases[i].bytes);
    check_refused(&m, path, FLR_ERROR_DATA, cases[i].part);
  }
  safetensors_write(path, -1, good_header, zeros, GOOD_BYTES); /* the pattern itself is good */
  CHECK_OK(weights_model_load(&m, path));
  weights_model_free(&m);
}

static void test_weights__what_is_no_file_of_weights_is_refused(void **state) {
  char path[SCRATCH_PATH + 64];
  weights_model m = small_model();
  check_refused(&m, scratch_path(path, state, "missing"), FLR_ERROR_NO_INPUT, "No such file");
  FILE *file = fopen(scratch_path(path, state, "empty"), "w");
  assert_non_null(file);
  fclose(file);
  check_refused(&m, path, FLR_ERROR_NO_INPUT, "is empty");
  file = fopen(path, "w");
  fputs("abc", file);
  fclose(file);
  check_refused(&m, path, FLR_ERROR_DATA, "neither HDF5 nor .safetensors (3 bytes)");
  check_refused(&m, *state, FLR_ERROR_NO_INPUT, "is a folder");
  weights_model_free(&m);
}

/* Ten problems are listed, the rest is counted; the message stays one readable line. */
static void test_weights__ten_problems_are_listed_and_the_rest_counted(void **state) {
  char path[SCRATCH_PATH + 64];
  weights_model m = weights_model_make("cnn", "", 4, 3); /* 10 convolution and norm tensors with bias, 8 statistics, 2 of fc */
  const int tensors = m.params->param_count + m.params->state_count;
  char count[32];
  safetensors_write(scratch_path(path, state, "none.safetensors"), -1, "{}", NULL, 0);
  check_refused(&m, path, FLR_ERROR_DATA, "missing conv1.weight [32, 1, 3, 3]");
  int listed = 0;
  for (const char *at = flr_status_message(); (at = strstr(at, "missing ")); at++) listed++;
  assert_int_equal(listed, 10);
  (void)snprintf(count, sizeof count, "and %d more", tensors - 10);
  if (!strstr(flr_status_message(), count)) fail_msg("\"%s\" lacks \"%s\"", flr_status_message(), count);
  weights_model_free(&m);
}

/* ---- HDF5 ---- */

static void write_whole(const char *path, const weights_model *m) {
  const flr_final_info info = {.model = "cnn", .config = "", .classes = 3, .channels = 1, .height = 4, .width = 4};
  CHECK_OK(flr_weights_write_final(path, m->params, m->values, m->states, &info));
}

static void test_weights__an_hdf5_file_cut_off_anywhere_is_refused(void **state) {
  char path[SCRATCH_PATH + 64];
  weights_model m = weights_model_make("cnn", "", 4, 3);
  struct stat info;
  write_whole(scratch_path(path, state, "cut.h5"), &m);
  assert_int_equal(stat(path, &info), 0);
  const off_t ends[] = {info.st_size - 1, info.st_size / 2, 4096, 600, 96, 20};
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    assert_int_equal(truncate(path, ends[i]), 0);
    check_refused(&m, path, FLR_ERROR_DATA, "cut");
  }
  weights_model_free(&m);
}

static void test_weights__a_newer_format_is_refused_with_both_versions(void **state) {
  char path[SCRATCH_PATH + 64], out[SCRATCH_PATH + 64];
  const int64_t newer = FLR_CHECKPOINT_VERSION + 1;
  weights_model m = weights_model_make("cnn", "", 4, 3);
  flr_weights_info info;
  write_whole(scratch_path(path, state, "newer.h5"), &m);
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), attribute = H5Aopen(file, "format_version", H5P_DEFAULT);
  assert_true(H5Awrite(attribute, H5T_NATIVE_INT64, &newer) >= 0);
  H5Aclose(attribute);
  H5Fclose(file);
  check_refused(&m, path, FLR_ERROR_DATA, "format version 3, this program knows up to 2");
  CHECK_FAILS(flr_weights_info_load(path, &info), FLR_ERROR_DATA, "format version 3");
  flr_weights_info_clear(&info);
  CHECK_FAILS(flr_weights_export(path, scratch_path(out, state, "out.safetensors")), FLR_ERROR_DATA, "format version 3");
  assert_int_equal(scratch_files(state, 0), 1);
  weights_model_free(&m);
}

/* Another of this program's files is told apart from a model that does not fit. */
static void test_weights__a_sweep_or_a_data_set_is_no_checkpoint(void **state) {
  static const char *const kinds[] = {"sweep", "dataset"};
  static const int64_t dims[] = {3};
  char path[SCRATCH_PATH + 64];
  weights_model m = small_model();
  scratch_path(path, state, "other.h5");
  for (int i = 0; i < 2; i++) {
    const hid_t file = h5_create(path), type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    assert_true(H5Tset_size(type, strlen(kinds[i]) + 1) >= 0);
    const hid_t attribute = H5Acreate2(file, "fastlr_format", type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, type, kinds[i]) >= 0);
    h5_add(file, "fc1.bias", H5T_IEEE_F32LE, 1, dims, m.values);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(file);
    check_refused(&m, path, FLR_ERROR_DATA, kinds[i]);
    check_refused(&m, path, FLR_ERROR_DATA, "no weights");
  }
  weights_model_free(&m);
}

static void test_weights__tensors_twice_or_never_written_are_refused(void **state) {
  static const int64_t weight[] = {3, 4}, bias[] = {3};
  char path[SCRATCH_PATH + 64];
  weights_model m = small_model();
  hid_t file = h5_create(scratch_path(path, state, "odd.h5"));
  h5_add(file, "fc1.weight", H5T_IEEE_F32LE, 2, weight, m.values);
  h5_add(file, "fc1.bias", H5T_IEEE_F32LE, 1, bias, m.values);
  h5_add(file, "fc1/bias", H5T_IEEE_F32LE, 1, bias, m.values);
  H5Fclose(file);
  check_refused(&m, path, FLR_ERROR_DATA, "fc1.bias is there twice");
  file = h5_create(path);
  h5_add(file, "fc1.weight", H5T_IEEE_F32LE, 2, weight, m.values);
  h5_add(file, "fc1.bias", H5T_IEEE_F32LE, 1, bias, NULL);
  H5Fclose(file);
  check_refused(&m, path, FLR_ERROR_DATA, "/fc1.bias was never written");
  weights_model_free(&m);
}

/* ---- export ---- */

static void test_export__leaves_no_file_when_it_fails(void **state) {
  static const int64_t dims[] = {4};
  char from[SCRATCH_PATH + 64], to[SCRATCH_PATH + 64];
  weights_model m = small_model();
  scratch_path(from, state, "in.h5");
  scratch_path(to, state, "out.safetensors");
  hid_t file = h5_create(from);
  H5Fclose(file);
  CHECK_FAILS(flr_weights_export(from, to), FLR_ERROR_DATA, "holds no floating point tensors");
  file = h5_create(from);
  h5_add(file, "counts", H5T_STD_I32LE, 1, dims, m.values);
  H5Fclose(file);
  CHECK_FAILS(flr_weights_export(from, to), FLR_ERROR_DATA, "holds no floating point tensors");
  assert_int_equal(scratch_files(state, 0), 1);
  file = h5_create(from);
  h5_add(file, "fc1.bias", H5T_IEEE_F32LE, 1, dims, m.values);
  H5Fclose(file);
  CHECK_FAILS(flr_weights_export(from, "/dev/null/out.safetensors"), FLR_ERROR_IO, "/dev/null/out.safetensors");
  CHECK_FAILS(flr_weights_export(from, *state), FLR_ERROR_IO, *state);
  CHECK_FAILS(flr_weights_export(from, from), FLR_ERROR_USAGE, "the same file");
  assert_int_equal(scratch_files(state, 0), 1);
  CHECK_OK(flr_weights_export(from, to));
  weights_model_free(&m);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
  const struct CMUnitTest tests[] = {
      TEST(test_weights__bad_safetensors_are_refused),
      TEST(test_weights__what_is_no_file_of_weights_is_refused),
      TEST(test_weights__ten_problems_are_listed_and_the_rest_counted),
      TEST(test_weights__an_hdf5_file_cut_off_anywhere_is_refused),
      TEST(test_weights__a_newer_format_is_refused_with_both_versions),
      TEST(test_weights__a_sweep_or_a_data_set_is_no_checkpoint),
      TEST(test_weights__tensors_twice_or_never_written_are_refused),
      TEST(test_export__leaves_no_file_when_it_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
