/* Samples of every number type, shape and byte order: what they are delivered as, and which values are refused. */
#include <float.h>

#include "datasets/dataset.h"
#include "datasets/element.h"

#include "harness/harness.h"
#include "harness/scratch_dir.h"
#include "open_data.h"

enum { ROWS = 7, HEIGHT = 5, WIDTH = 4, CHANNELS = 3, VALUES = HEIGHT * WIDTH * CHANNELS };

static flr_dataset *open_at(const char *path, const char *axis_order) {
  flr_dataset_options options = data_options(path);
  options.axis_order = axis_order;
  return data_open(&options);
}

/* Good in every type: at place `at` of [h, w, c]. */
static float value_of(int64_t row, int64_t at) { return (float)((row * 17 + at * 5) % 101); }

/* rank 2: [N, D], 3: [N, H, W], 4: [N, H, W, C], or [N, C, H, W] with planes. */
static void write_values(const char *path, hid_t type, int rank, int planes, int64_t rows_of_chunk) {
  static const hsize_t shapes[][4] = {{ROWS, VALUES}, {ROWS, HEIGHT, WIDTH * CHANNELS}, {ROWS, HEIGHT, WIDTH, CHANNELS}};
  static const hsize_t channels_first[] = {ROWS, CHANNELS, HEIGHT, WIDTH};
  static float values[ROWS * VALUES];
  const int32_t labels[ROWS] = {0, 1, 2, 0, 1, 2, 0};
  const hsize_t rows = ROWS;
  for (int64_t row = 0; row < ROWS; row++)
    for (int64_t at = 0; at < VALUES; at++) {
      const int64_t pixel = at / CHANNELS, c = at % CHANNELS;
      values[row * VALUES + (planes ? c * HEIGHT * WIDTH + pixel : at)] = value_of(row, at);
    }
  (void)unlink(path);
  h5_fixture_put(path, rank == 2 ? "train/features" : "train/images", type, H5T_NATIVE_FLOAT, rank,
                 planes ? channels_first : shapes[rank - 2], values, rows_of_chunk);
  h5_fixture_put(path, "train/labels", H5T_NATIVE_INT32, H5T_NATIVE_INT32, 1, &rows, labels, 0);
}

static void check_values(const char *path, const char *axis_order, flr_dtype dtype) {
  flr_dataset *d = open_at(path, axis_order);
  float numbers[VALUES];
  unsigned char bytes[VALUES];
  assert_int_equal(d->dtype, dtype);
  assert_int_equal(d->sample_bytes, VALUES * flr_dtype_size(dtype));
  for (int64_t row = ROWS - 1; row >= 0; row--) {
    CHECK_OK(flr_dataset_read(d, FLR_SPLIT_TRAIN, &row, 1, dtype == FLR_U8 ? (void *)bytes : (void *)numbers));
    for (int64_t at = 0; at < VALUES; at++)
      assert_true((dtype == FLR_U8 ? (float)bytes[at] : numbers[at]) == value_of(row, at));
  }
  flr_dataset_destroy(d);
}

static hid_t half(hid_t order_of) {
  const hid_t type = H5Tcopy(order_of);
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
  return type;
}

static void check_type(void **state, hid_t type, int bytes) {
  const char *path = scratch_at(state, "data.h5");
  for (int64_t chunk = 0; chunk < 6; chunk += 3) {
    for (int rank = 2; rank <= 4; rank++) {
      write_values(path, type, rank, 0, chunk);
      check_values(path, NULL, bytes && rank > 2 ? FLR_U8 : FLR_F32);
    }
    write_values(path, type, 4, 1, chunk);
    check_values(path, "nchw", bytes ? FLR_U8 : FLR_F32);
  }
}

static void test_types__every_type_and_shape(void **state) {
  const hid_t types[] = {H5T_STD_I8LE,   H5T_STD_U16LE,  H5T_STD_U16BE,  H5T_STD_I16LE, H5T_STD_I16BE,
                         H5T_STD_U32LE,  H5T_STD_I32LE,  H5T_STD_I32BE,  H5T_STD_U64LE, H5T_STD_I64BE,
                         H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_IEEE_F64BE};
  const hid_t halves[] = {half(H5T_IEEE_F32LE), half(H5T_IEEE_F32BE)};
  check_type(state, H5T_STD_U8LE, 1);
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) check_type(state, types[i], 0);
  for (size_t i = 0; i < 2; i++) check_type(state, halves[i], 0);
  for (size_t i = 0; i < 2; i++) H5Tclose(halves[i]);
}

/* ---- conversion ---- */

/* By the definition of binary16. */
static float half_by_definition(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
  if (exponent == 31) return fraction ? NAN : bits & 0x8000 ? -INFINITY : INFINITY;
  return (float)(bits & 0x8000 ? -magnitude : magnitude);
}

static void test_types__all_halves(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 65536; bits++)
    for (int swapped = 0; swapped < 2; swapped++) {
      uint16_t in = (uint16_t)bits;
      float out;
      if (swapped) in = (uint16_t)(in << 8 | in >> 8);
      flr_element_convert((flr_element){FLR_ELEMENT_F16, swapped}, &in, 1, &out, 1);
      const float wanted = half_by_definition((uint16_t)bits);
      if (isnan(wanted))
        assert_true(isnan(out));
      else
        assert_memory_equal(&out, &wanted, sizeof out);
    }
}

static void test_types__extremes(void **state) {
  (void)state;
  int64_t whole[] = {INT64_MIN, INT64_MAX, -1};
  double wide[] = {1e300, -1e300, 1.0 / 3};
  float out[3];
  flr_element_convert((flr_element){FLR_ELEMENT_I64, 0}, whole, 3, out, 1);
  assert_true(out[0] == -0x1p63F && out[1] == 0x1p63F && out[2] == -1);
  flr_element_convert((flr_element){FLR_ELEMENT_U64, 0}, whole, 3, out, 1);
  assert_true(out[0] == 0x1p63F && out[2] == 0x1p64F);
  flr_element_convert((flr_element){FLR_ELEMENT_F64, 0}, wide, 3, out, 1);
  assert_true(isinf(out[0]) && isinf(out[1]) && out[2] == (float)(1.0 / 3));
}

static void test_types__first_value_outside(void **state) {
  (void)state;
  float values[67];
  for (int i = 0; i < 67; i++) values[i] = (float)i;
  assert_int_equal(flr_first_outside(values, 67, 0, 66), 67);
  assert_int_equal(flr_first_outside(values, 67, 0, 65), 66);
  assert_int_equal(flr_first_outside(values, 67, 1, 66), 0);
  const float bad[] = {NAN, INFINITY, -INFINITY};
  for (int i = 0; i < 3; i++) {
    values[31] = bad[i];
    assert_int_equal(flr_first_outside(values, 67, -FLT_MAX, FLT_MAX), 31);
  }
}

/* ---- values ---- */

static void write_one(const char *path, int rank, float value) {
  const hsize_t features[] = {3, VALUES}, images[] = {3, HEIGHT, WIDTH, CHANNELS}, rows = 3;
  float values[3 * VALUES] = {0};
  const int32_t labels[] = {0, 1, 0};
  values[VALUES + 2 * WIDTH * CHANNELS + 1 * CHANNELS + 2] = value; /* row 1: place 29, or pixel 2,1 channel 2 */
  (void)unlink(path);
  h5_fixture_put(path, rank == 2 ? "train/features" : "train/images", H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, rank,
                 rank == 2 ? features : images, values, 0);
  h5_fixture_put(path, "train/labels", H5T_NATIVE_INT32, H5T_NATIVE_INT32, 1, &rows, labels, 0);
}

static void check_value(void **state, int rank, float value, float most, const char *part) {
  const char *path = scratch_at(state, "data.h5");
  float out[VALUES];
  const int64_t good = 0, row = 1;
  write_one(path, rank, value);
  flr_dataset *d = data_open_at(path);
  if (most > 0) flr_dataset_limit(d, 0, most);
  CHECK_OK(flr_dataset_read(d, FLR_SPLIT_TRAIN, &good, 1, out));
  CHECK_FAILS(flr_dataset_read(d, FLR_SPLIT_TRAIN, &row, 1, out), FLR_ERROR_DATA, part);
  assert_non_null(strstr(flr_status_message(), path));
  flr_dataset_limit(d, NAN, NAN);
  CHECK_OK(flr_dataset_read(d, FLR_SPLIT_TRAIN, &row, 1, out));
  flr_dataset_destroy(d);
}

static void test_types__values_that_are_refused(void **state) {
  check_value(state, 2, NAN, 0, "train/features: row 1, column 29 is nan");
  check_value(state, 2, -INFINITY, 0, "row 1, column 29 is -inf");
  check_value(state, 4, INFINITY, 0, "train/images: row 1, pixel 2,1 channel 2 is inf");
  check_value(state, 4, 1.5F, 1, "row 1, pixel 2,1 channel 2 is 1.5: --normalize imagenet is for values from 0 to 1");
  check_value(state, 4, -0.25F, 1, "is -0.25: --normalize imagenet");
}

/* A view on the training split passes the limit on. */
static void test_types__limit_of_a_split(void **state) {
  const char *path = scratch_at(state, "data.h5");
  const flr_dataset_options options = {.source = path, .valid_fraction = 0.34, .seed = 1};
  flr_dataset *d;
  float out[VALUES];
  int failures = 0;
  write_one(path, 4, 9);
  CHECK_OK(flr_dataset_open(&d, &options));
  for (int split = 0; split < 2; split++)
    for (int64_t row = 0; row < d->samples[split]; row++) CHECK_OK(flr_dataset_read(d, (flr_split)split, &row, 1, out));
  flr_dataset_limit(d, 0, 1);
  for (int split = 0; split < 2; split++)
    for (int64_t row = 0; row < d->samples[split]; row++)
      failures += flr_dataset_read(d, (flr_split)split, &row, 1, out) == FLR_ERROR_DATA;
  assert_int_equal(failures, 1);
  flr_dataset_destroy(d);
}

/* 1e6 with a spread of one: squares of such values would cost all digits of their spread in float32. */
static void test_types__moments_of_raw_values(void **state) {
  const char *path = scratch_at(state, "data.h5");
  const hsize_t dims[] = {4, 3}, rows = 4;
  const double values[] = {1e6 + 1, 5, 1e-9, 1e6 - 1, 5, 3e-9, 1e6 + 1, 5, 1e-9, 1e6 - 1, 5, 3e-9};
  const int32_t labels[] = {0, 1, 0, 1};
  float mean[3], std[3];
  h5_fixture_put(path, "train/features", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, dims, values, 0);
  h5_fixture_put(path, "train/labels", H5T_NATIVE_INT32, H5T_NATIVE_INT32, 1, &rows, labels, 0);
  flr_dataset *d = data_open_at(path);
  CHECK_OK(flr_dataset_measure(d, 1, mean, std));
  assert_true(mean[0] == 1e6F && std[0] == 1 && mean[1] == 5 && std[1] == 1);
  assert_true(fabs((double)mean[2] - 2e-9) < 1e-15 && fabs((double)std[2] - 1e-9) < 1e-15);
  flr_dataset_destroy(d);
}

/* ---- what is no sample ---- */

static void check_type_refused(void **state, hid_t type, const char *part) {
  const char *path = scratch_at(state, "data.h5");
  const hsize_t dims[] = {2, 2};
  const unsigned char nothing[256] = {0};
  (void)unlink(path);
  h5_fixture_put(path, "train/features", type, type, 2, dims, nothing, 0);
  h5_fixture_put(path, "train/labels", H5T_NATIVE_INT32, H5T_NATIVE_INT32, 1, dims, nothing, 0);
  data_check_bad(path, part);
  H5Tclose(type);
}

static void test_types__types_that_are_refused(void **state) {
  const hid_t compound = H5Tcreate(H5T_COMPOUND, 8), string = H5Tcopy(H5T_C_S1), brain = H5Tcopy(H5T_IEEE_F32LE),
              narrow = H5Tcopy(H5T_STD_I32LE);
  H5Tinsert(compound, "a", 0, H5T_NATIVE_INT32);
  H5Tset_size(string, 5);
  H5Tset_fields(brain, 15, 7, 8, 0, 7);
  H5Tset_size(brain, 2);
  H5Tset_precision(narrow, 12);
  check_type_refused(state, compound, "train/features holds 8-byte compounds (tables): samples are numbers");
  check_type_refused(state, string, "train/features holds strings: samples are numbers");
  check_type_refused(state, brain, "train/features holds 2-byte floats of odd layout");
  check_type_refused(state, narrow, "train/features holds 4-byte integers of odd layout");
  check_type_refused(state, H5Tvlen_create(H5T_NATIVE_UINT8), "train/features holds samples of different sizes");
}

static void test_types__shapes_that_are_refused(void **state) {
  const char *path = scratch_at(state, "data.h5"), *other = scratch_at(state, "other.h5");
  const hsize_t five[] = {2, 1, 1, 1, 1}, one[] = {2}, none[] = {0, 4};
  const unsigned char nothing[64] = {0};
  char both[2 * SCRATCH_PATH + 200];
  h5_fixture_put(path, "train/images", H5T_STD_U8LE, H5T_STD_U8LE, 5, five, nothing, 0);
  h5_fixture_put(path, "train/labels", H5T_STD_U8LE, H5T_STD_U8LE, 1, one, nothing, 0);
  data_check_bad(path, "train/images has 5 axes");
  (void)unlink(path);
  h5_fixture_put(path, "train/features", H5T_STD_U8LE, H5T_STD_U8LE, 2, none, nothing, 0);
  h5_fixture_put(path, "train/labels", H5T_STD_U8LE, H5T_STD_U8LE, 1, none, nothing, 0);
  data_check_bad(path, "train/features has no samples");
  write_values(path, H5T_STD_U8LE, 4, 0, 0);
  write_values(other, H5T_IEEE_F32LE, 4, 0, 0);
  (void)snprintf(both, sizeof both, "%s,%s", path, other);
  data_check_bad(both, "train/images holds float32, others are bytes");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_types__every_type_and_shape, scratch_make, scratch_remove),
      cmocka_unit_test(test_types__all_halves),
      cmocka_unit_test(test_types__extremes),
      cmocka_unit_test(test_types__first_value_outside),
      cmocka_unit_test_setup_teardown(test_types__values_that_are_refused, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_types__limit_of_a_split, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_types__moments_of_raw_values, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_types__types_that_are_refused, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_types__shapes_that_are_refused, scratch_make, scratch_remove),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
