/* Checkpoints out and in again; what is refused, and by what name; the newest whole one; writing beside the caller. */
#include "harness/harness.h"

#include <math.h>
#include <sys/stat.h>

#include "checkpoint/checkpoint_fixture.h"
#include "checkpoint/checkpoint_folder.h"
#include "checkpoint/h5.h"
#include "checkpoint/weights.h"
#include "harness/scratch_dir.h"

#define FIXTURES FLR_SOURCE_DIR "/tests/checkpoint/fixtures"
#define VERSION_1_SUM 671.751627704 /* of all absolute values in fixtures/version-1.h5, by h5py */

enum { PATH_ROOM = SCRATCH_PATH + 64 };

static flr_status read_back(flr_checkpoint *out, const char *path, const flr_graph *graph) {
  FLR_TRY(flr_checkpoint_open(out, path));
  return flr_checkpoint_load(out, path, flr_graph_params(graph));
}

static void check_round_trip(void **state, int sweeps) {
  char path[PATH_ROOM];
  flr_graph *graph = fixture_graph("cnn");
  flr_checkpoint c = fixture_make(graph, sweeps), back;
  c.progress.epoch_stall_seconds = 0.125; /* (what files of older fixtures lack) */
  c.progress.train_seconds = 9.5;
  c.progress.stall_seconds = 1.25;
  CHECK_OK(flr_checkpoint_write(scratch_path(path, state, "checkpoint-120.h5"), &c));
  CHECK_OK(read_back(&back, path, graph));
  assert_true(fixture_same(&c, &back));
  assert_int_equal(scratch_files(state, 1), 1); /* no temporary file stays */
  flr_checkpoint_clear(&back);
  flr_checkpoint_clear(&c);
  flr_graph_destroy(graph);
}

static void test_checkpoint__comes_back_to_the_bit(void **state) { check_round_trip(state, 0); }
static void test_checkpoint__of_a_sweep_comes_back_to_the_bit(void **state) { check_round_trip(state, 1); }

/* The parameters and averaged statistics are weights for whoever wants only those. */
static void test_checkpoint__is_a_file_of_weights_too(void **state) {
  char path[PATH_ROOM];
  flr_graph *graph = fixture_graph("cnn");
  const flr_params *layout = flr_graph_params(graph);
  flr_checkpoint c = fixture_make(graph, 0);
  const flr_weights_options options = {.load_head = 1};
  float *values = calloc((size_t)layout->elements, sizeof *values);
  float *states = calloc((size_t)layout->state_elements + 1, sizeof *states);
  CHECK_OK(flr_checkpoint_write(scratch_path(path, state, "checkpoint-120.h5"), &c));
  CHECK_OK(flr_weights_load(path, layout, &options, values, states, NULL));
  assert_memory_equal(values, c.train.params, (size_t)layout->elements * sizeof *values);
  assert_memory_equal(states, c.buffers, (size_t)layout->state_elements * sizeof *states);
  free(values);
  free(states);
  flr_checkpoint_clear(&c);
  flr_graph_destroy(graph);
}

static void test_open__refusals_name_file_and_reason(void **state) {
  char path[PATH_ROOM], other[PATH_ROOM];
  flr_graph *graph = fixture_graph("cnn"), *mlp = fixture_graph("mlp");
  const flr_params *layout = flr_graph_params(graph);
  flr_checkpoint c = fixture_make(graph, 0), out;
  const flr_final_info info = {.model = "cnn", .config = "", .classes = 3, .channels = 1, .height = 8, .width = 8};
  CHECK_FAILS(flr_checkpoint_open(&out, scratch_path(path, state, "none.h5")), FLR_ERROR_NO_INPUT, "none.h5");
  CHECK_OK(flr_weights_write_final(scratch_path(path, state, "final.h5"), layout, c.train.params, c.buffers, &info));
  CHECK_FAILS(flr_checkpoint_open(&out, path), FLR_ERROR_DATA, "final.h5: it holds weights alone");
  CHECK_OK(flr_checkpoint_write(scratch_path(other, state, "checkpoint-1.h5"), &c));
  CHECK_OK(flr_checkpoint_open(&out, other));
  CHECK_FAILS(flr_checkpoint_load(&out, other, flr_graph_params(mlp)), FLR_ERROR_DATA, "does not fit the model");
  flr_checkpoint_clear(&out);
  flr_checkpoint_clear(&c);
  flr_graph_destroy(graph);
  flr_graph_destroy(mlp);
}

static void change_version(const char *path, int64_t version) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), attribute = H5Aopen(file, "format_version", H5P_DEFAULT);
  assert_true(H5Awrite(attribute, H5T_NATIVE_INT64, &version) >= 0);
  H5Aclose(attribute);
  H5Fclose(file);
}

static void test_open__a_newer_format_is_refused_by_number(void **state) {
  char path[PATH_ROOM];
  flr_graph *graph = fixture_graph("cnn");
  flr_checkpoint c = fixture_make(graph, 0), out;
  CHECK_OK(flr_checkpoint_write(scratch_path(path, state, "newer.h5"), &c));
  change_version(path, FLR_CHECKPOINT_VERSION + 1);
  CHECK_FAILS(flr_checkpoint_open(&out, path), FLR_ERROR_DATA, "newer.h5: it has format version 3, this program knows up to 2");
  change_version(path, FLR_CHECKPOINT_VERSION - 1); /* attributes are under the digest */
  CHECK_FAILS(flr_checkpoint_open(&out, path), FLR_ERROR_DATA, "attributes are not those that were written");
  flr_checkpoint_clear(&c);
  flr_graph_destroy(graph);
}

/* ---- other writers ---- */

/* What h5py makes of a checkpoint (fixtures/rewrite.py): compressed chunks, texts of variable length. */
static void test_open__a_file_that_h5py_wrote_again_is_the_same(void **state) {
  (void)state;
  flr_graph *graph = fixture_graph("mlp");
  flr_checkpoint c = fixture_make(graph, 1), back;
  CHECK_OK(flr_checkpoint_keep_sweeps(&c, NULL, 0)); /* it is from before there could be several sweeps */
  c.sweeps = 1;
  CHECK_OK(read_back(&back, FIXTURES "/rewritten.h5", graph));
  assert_true(fixture_same(&c, &back));
  flr_checkpoint_clear(&back);
  flr_checkpoint_clear(&c);
  flr_graph_destroy(graph);
}

/* Files of format version 1 held weights alone, and no checksums. */
static void test_weights__of_version_1_are_read(void **state) {
  (void)state;
  const flr_model_options model = {
      .name = "mlp", .height = 8, .width = 8, .channels = 1, .classes = 10, .hidden = "96,48", .stem = "auto", .seed = 1};
  const flr_weights_options options = {.load_head = 1};
  flr_graph *graph;
  flr_weights_info info;
  flr_checkpoint out;
  CHECK_OK(flr_model_create(&graph, &model));
  const flr_params *layout = flr_graph_params(graph);
  float *values = calloc((size_t)layout->elements, sizeof *values), none;
  CHECK_OK(flr_weights_load(FIXTURES "/version-1.h5", layout, &options, values, &none, &info));
  assert_true(info.classes == 10 && info.channels == 1 && info.mean && strstr(info.config, "hidden = 96,48"));
  double sum = 0;
  for (int64_t i = 0; i < layout->elements; i++) sum += fabs((double)values[i]);
  CHECK_NEAR(sum, VERSION_1_SUM, 1e-9, 0);
  CHECK_FAILS(flr_checkpoint_open(&out, FIXTURES "/version-1.h5"), FLR_ERROR_DATA, "it holds weights alone");
  flr_weights_info_clear(&info);
  free(values);
  flr_graph_destroy(graph);
}

/* ---- folders ---- */

static void write_as(flr_checkpoint *c, const char *folder, int64_t step) {
  char path[PATH_ROOM], name[FLR_CHECKPOINT_NAME];
  c->progress.step = step;
  flr_checkpoint_file_name(name, &c->progress);
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  CHECK_OK(flr_checkpoint_write(path, c));
}

static void damage(const char *folder, const char *name) {
  char path[PATH_ROOM];
  struct stat info;
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(truncate(path, info.st_size / 2), 0);
}

static void test_newest__passes_over_what_is_not_whole_and_says_so(void **state) {
  const char *folder = *state;
  (void)scratch_files(state, 1);
  flr_graph *graph = fixture_graph("cnn");
  flr_checkpoint c = fixture_make(graph, 0), sweep = fixture_make(graph, 1), out;
  char *path, *refused;
  CHECK_OK(flr_checkpoint_newest(&out, &path, &refused, folder));
  assert_null(path);
  CHECK_OK(flr_checkpoint_newest(&out, &path, &refused, "/nowhere/at/all"));
  assert_null(path);
  write_as(&sweep, folder, 99);
  write_as(&c, folder, 9);
  write_as(&c, folder, 10);
  CHECK_OK(flr_checkpoint_newest(&out, &path, &refused, folder));
  assert_int_equal(out.progress.step, 10); /* as a number, and training comes after the sweep */
  assert_null(refused);
  flr_checkpoint_clear(&out);
  flr_free(path);
  damage(folder, "checkpoint-10.h5");
  CHECK_OK(flr_checkpoint_newest(&out, &path, &refused, folder));
  assert_int_equal(out.progress.step, 9);
  assert_non_null(strstr(refused, "checkpoint-10.h5"));
  flr_checkpoint_clear(&out);
  flr_free(path);
  flr_free(refused);
  damage(folder, "checkpoint-9.h5");
  damage(folder, "checkpoint-sweep-99.h5");
  CHECK_FAILS(flr_checkpoint_newest(&out, &path, &refused, folder), FLR_ERROR_DATA, "no checkpoint of");
  flr_free(refused);
  assert_int_equal(scratch_files(state, 1), 3);
  flr_checkpoint_clear(&c);
  flr_checkpoint_clear(&sweep);
  flr_graph_destroy(graph);
}

static int there(const char *folder, const char *name) {
  char path[PATH_ROOM];
  struct stat info;
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  return stat(path, &info) == 0;
}

static void test_clean__removes_half_files_of_our_names_alone(void **state) {
  static const char *const names[] = {"checkpoint-7.h5.tmp.41", "best.h5.tmp.9",         "config.ini.tmp.12", "checkpoint-7.h5",
                                      "notes.tmp.12",           "checkpoint-7.h5.tmp.x", "final.h5"};
  const int halves = 3, all = 7;
  const char *folder = *state;
  char path[PATH_ROOM];
  (void)scratch_files(state, 1);
  for (int i = 0; i < all; i++) {
    (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    (void)fclose(fopen(path, "w"));
  }
  flr_checkpoint_clean(folder);
  for (int i = 0; i < all; i++) assert_int_equal(there(folder, names[i]), i >= halves);
  flr_checkpoint_clean("/nowhere/at/all");
  (void)scratch_files(state, 1);
}

static void test_writer__keeps_generations_and_the_best(void **state) {
  const char *folder = *state;
  (void)scratch_files(state, 1);
  flr_graph *graph = fixture_graph("cnn");
  flr_checkpoint c = fixture_make(graph, 0);
  flr_checkpoint_writer *writer;
  flr_checkpoint_written written;
  CHECK_OK(flr_checkpoint_writer_create(&writer, folder, 2));
  CHECK_OK(flr_checkpoint_writer_wait(writer, &written));
  assert_string_equal(written.file, "");
  for (int64_t step = 1; step <= 4; step++) {
    c.progress.step = step;
    CHECK_OK(flr_checkpoint_writer_start(writer, &c, FLR_WRITE_GENERATION | (step == 2 ? FLR_WRITE_BEST : 0)));
    CHECK_OK(flr_checkpoint_writer_wait(writer, &written));
    assert_int_equal(written.step, step);
    assert_true(written.seconds > 0);
  }
  assert_string_equal(written.file, "checkpoint-4.h5");
  assert_true(there(folder, "checkpoint-4.h5") && there(folder, "checkpoint-3.h5") && !there(folder, "checkpoint-2.h5"));
  assert_true(there(folder, "best.h5"));
  CHECK_OK(flr_checkpoint_retire(folder));
  assert_true(there(folder, "checkpoint-4.h5.old") && there(folder, "best.h5.old") && !there(folder, "best.h5"));
  flr_checkpoint_writer_destroy(writer);
  (void)scratch_files(state, 1);
  flr_checkpoint_clear(&c);
  flr_graph_destroy(graph);
}

static void test_writer__a_failure_is_told_by_the_next_wait(void **state) {
  (void)state;
  flr_graph *graph = fixture_graph("cnn");
  flr_checkpoint c = fixture_make(graph, 0);
  flr_checkpoint_writer *writer;
  flr_checkpoint_written written;
  CHECK_OK(flr_checkpoint_writer_create(&writer, "/nowhere/at/all", 2));
  CHECK_OK(flr_checkpoint_writer_start(writer, &c, FLR_WRITE_GENERATION));
  CHECK_FAILS(flr_checkpoint_writer_wait(writer, &written), FLR_ERROR_IO, "/nowhere/at/all/checkpoint-120.h5");
  CHECK_OK(flr_checkpoint_writer_wait(writer, &written)); /* told once */
  flr_checkpoint_writer_destroy(writer);
  flr_checkpoint_clear(&c);
  flr_graph_destroy(graph);
}

/* What fixtures/rewrite.py is given. */
static int write_fixture(const char *path) {
  flr_graph *graph = fixture_graph("mlp");
  flr_checkpoint c = fixture_make(graph, 1);
  const flr_status status = flr_checkpoint_write(path, &c);
  flr_checkpoint_clear(&c);
  flr_graph_destroy(graph);
  return (int)status;
}

/* usage: checkpoint_file [write FILE.h5] */
int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "write") == 0) return write_fixture(argv[2]);
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_checkpoint__comes_back_to_the_bit),
      cmocka_unit_test(test_checkpoint__of_a_sweep_comes_back_to_the_bit),
      cmocka_unit_test(test_checkpoint__is_a_file_of_weights_too),
      cmocka_unit_test(test_open__refusals_name_file_and_reason),
      cmocka_unit_test(test_open__a_newer_format_is_refused_by_number),
      cmocka_unit_test(test_open__a_file_that_h5py_wrote_again_is_the_same),
      cmocka_unit_test(test_weights__of_version_1_are_read),
      cmocka_unit_test(test_newest__passes_over_what_is_not_whole_and_says_so),
      cmocka_unit_test(test_clean__removes_half_files_of_our_names_alone),
      cmocka_unit_test(test_writer__keeps_generations_and_the_best),
      cmocka_unit_test(test_writer__a_failure_is_told_by_the_next_wait),
  };
  return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
