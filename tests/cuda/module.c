/* Opening the CUDA module: what is taken, and each refusal. usage: test_cuda.module FOLDER (of the fake modules) */
#include "harness/harness.h"

#include <fcntl.h>
#include <unistd.h>

#include "backend/module_cuda.h"
#include "mpi/comm_bulk.h"
#include "tests/harness/temporary_folder.h"

static const char *folder; /* of the fake modules: argv[1] */

static void name_module(const char *path) { assert_int_equal(setenv(FLR_CUDA_MODULE_VARIABLE, path, 1), 0); }

static void name_fake(const char *name) {
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/fake_%s.so", folder, name);
  name_module(path);
}

/* The named fake is refused with one line that has all of these parts; NULL ends them. */
static void refuses(const char *name, const char *const *parts) {
  const flr_cuda_module *module;
  name_fake(name);
  for (; *parts; parts++) CHECK_FAILS(flr_cuda_module_open(&module), FLR_ERROR_UNAVAILABLE, *parts);
  assert_null(module);
  assert_null(strchr(flr_status_message(), '\n'));
}
#define REFUSES(name, ...) refuses(name, (const char *const[]){__VA_ARGS__, NULL})

static void test_open__a_good_module_twice(void **state) {
  (void)state;
  const flr_cuda_module *first, *second;
  name_fake("good");
  CHECK_OK(flr_cuda_module_open(&first));
  CHECK_OK(flr_cuda_module_open(&second));
  assert_ptr_equal(first, second);
  assert_string_equal(first->version, "0.0.1");
}

static void test_open__other_interface(void **state) {
  (void)state;
  REFUSES("other_abi", "module interface 77", "wants 1", "build both");
}

static void test_open__other_sizes(void **state) {
  (void)state;
  char ours[64];
  (void)snprintf(ours, sizeof ours, " of %zu:", sizeof(flr_op));
  REFUSES("other_op", "flr_op of 8 bytes", ours, "(0.0.1)", "build both");
  REFUSES("other_bytes", "table of 12 bytes", "build both");
}

static void test_open__something_else(void **state) {
  (void)state;
  REFUSES("other_magic", "is not a module of this program");
  REFUSES("other_name", "is not a module of this program");
  REFUSES("unresolved", "cannot be loaded", "a_function_of_no_library", "--backend cpu");
}

static void test_open__no_such_file(void **state) {
  (void)state;
  REFUSES("that_nobody_built", "does not exist", FLR_CUDA_MODULE_VARIABLE, "fake_that_nobody_built.so");
  const flr_cuda_module *module;
  name_module("");
  CHECK_FAILS(flr_cuda_module_open(&module), FLR_ERROR_UNAVAILABLE, "is empty");
}

static void test_open__a_text_file(void **state) {
  (void)state;
  char own[256], path[300];
  assert_non_null(temporary_folder(own, sizeof own, "flr_module"));
  (void)snprintf(path, sizeof path, "%s/text.so", own);
  const int file = open(path, O_WRONLY | O_CREAT, 0600);
  assert_true(file >= 0);
  const char text[] = "this is no shared library, however long one looks at it and whatever it is called\n";
  assert_int_equal(write(file, text, sizeof text), sizeof text);
  (void)close(file);
  const flr_cuda_module *module;
  name_module(path);
  CHECK_FAILS(flr_cuda_module_open(&module), FLR_ERROR_UNAVAILABLE, "cannot be loaded");
  CHECK_FAILS(flr_cuda_module_open(&module), FLR_ERROR_UNAVAILABLE, path);
  (void)unlink(path);
  (void)rmdir(own);
}

static void test_backend__comes_from_the_module(void **state) {
  (void)state;
  const flr_backend_options options = {.threads = 1, .local_size = 1};
  flr_backend *backend;
  name_fake("good");
  CHECK_OK(flr_backend_create(&backend, "cuda", &options));
  assert_string_equal(backend->ops->name, "ref"); /* which is the fake's GPU */
  assert_string_equal(backend->note, "");
  flr_backend_destroy(backend);
  name_fake("other_abi");
  CHECK_FAILS(flr_backend_create(&backend, "cuda", &options), FLR_ERROR_UNAVAILABLE, "module interface 77");
}

static void test_list__says_why_not(void **state) {
  (void)state;
  char reason[1024];
  name_fake("other_abi");
  assert_string_equal(flr_backend_list(0, reason, sizeof reason), "cuda");
  assert_non_null(strstr(reason, "module interface 77"));
  name_fake("good");
  assert_string_equal(flr_backend_list(0, reason, sizeof reason), "cuda");
  assert_string_equal(reason, "");
}

/* "auto" with the module named so: the CPU, and a note or none. */
static void auto_gives_cpu(const char *module, int noted) {
  const flr_backend_options options = {.threads = 1, .local_size = 1};
  flr_backend *backend;
  if (module)
    name_fake(module);
  else
    name_module("");
  CHECK_OK(flr_backend_create(&backend, "auto", &options));
  assert_string_equal(backend->ops->name, "cpu");
  if (!noted) assert_string_equal(backend->note, "");
  if (noted && strncmp(backend->note, "cuda: ", 6) != 0) fail_msg("the note is \"%s\"", backend->note);
  flr_backend_destroy(backend);
}

static void test_auto__notes_a_gpu_that_was_expected(void **state) {
  (void)state;
  auto_gives_cpu("other_abi", 1);
  auto_gives_cpu("that_nobody_built", 1);
}

static void test_auto__is_silent_where_none_was_wanted(void **state) {
  (void)state;
  auto_gives_cpu(NULL, 0);
  assert_int_equal(setenv("CUDA_VISIBLE_DEVICES", "-1", 1), 0);
  auto_gives_cpu("other_abi", 0);
  assert_int_equal(setenv("CUDA_VISIBLE_DEVICES", "", 1), 0);
  auto_gives_cpu("other_abi", 0);
  assert_int_equal(unsetenv("CUDA_VISIBLE_DEVICES"), 0);
}

static void test_expected__where_devices_are_named(void **state) {
  (void)state;
  assert_int_equal(unsetenv(FLR_CUDA_MODULE_VARIABLE), 0);
  assert_int_equal(setenv("CUDA_VISIBLE_DEVICES", "0", 1), 0);
  assert_true(flr_cuda_module_expected());
  name_module("");
  assert_false(flr_cuda_module_expected());
  assert_int_equal(unsetenv("CUDA_VISIBLE_DEVICES"), 0);
}

static void test_nccl__other_comm_is_refused(void **state) {
  (void)state;
  flr_comm *self, *comm;
  CHECK_OK(flr_comm_self_create(&self));
  const flr_comm_bulk_options options = {.control = self};
  name_fake("other_comm");
  CHECK_FAILS(flr_comm_nccl_open(&comm, &options), FLR_ERROR_UNAVAILABLE, "flr_comm of 8 bytes");
  assert_null(comm);
  name_fake("good");
  CHECK_OK(flr_comm_nccl_open(&comm, &options));
  flr_comm_destroy(comm);
  flr_comm_destroy(self);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_open__a_good_module_twice),
      cmocka_unit_test(test_open__other_interface),
      cmocka_unit_test(test_open__other_sizes),
      cmocka_unit_test(test_open__something_else),
      cmocka_unit_test(test_open__no_such_file),
      cmocka_unit_test(test_open__a_text_file),
      cmocka_unit_test(test_backend__comes_from_the_module),
      cmocka_unit_test(test_list__says_why_not),
      cmocka_unit_test(test_auto__notes_a_gpu_that_was_expected),
      cmocka_unit_test(test_auto__is_silent_where_none_was_wanted),
      cmocka_unit_test(test_expected__where_devices_are_named),
      cmocka_unit_test(test_nccl__other_comm_is_refused),
  };
  if (argc != 2) {
    (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 64;
  }
  folder = argv[1];
  return cmocka_run_group_tests(tests, NULL, NULL);
}
