/* Which GPU a rank takes and what is said when there is none: flr's own judgement, no CUDA. */
#include "harness/harness.h"

#include "backend/cuda/cuda_device.h"

static cuda_machine good_machine(void) {
  return (cuda_machine){.driver_version = 13010, .runtime_version = 13000, .device_count = 4};
}

static void test_version__is_major_and_minor(void **state) {
  (void)state;
  const struct {
    int version;
    const char *text;
  } cases[] = {{13000, "13.0"}, {12040, "12.4"}, {11080, "11.8"}, {13150, "13.15"}, {0, "none"}, {-1, "none"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[16];
    cuda_version_text(text, cases[i].version);
    assert_string_equal(text, cases[i].text);
  }
}

static void test_machine__with_driver_and_devices_is_good(void **state) {
  (void)state;
  const cuda_machine machine = good_machine();
  CHECK_OK(cuda_machine_check(&machine));
}

static void test_machine__without_driver_says_so(void **state) {
  (void)state;
  cuda_machine machine = good_machine();
  machine.driver_version = 0;
  machine.driver_too_old = 1; /* CUDA gives the same error for both */
  machine.device_count = 0;
  CHECK_FAILS(cuda_machine_check(&machine), FLR_ERROR_UNAVAILABLE, "no NVIDIA driver");
  assert_null(strchr(flr_status_message(), '\n'));
}

static void test_machine__with_an_old_driver_names_both_versions(void **state) {
  (void)state;
  cuda_machine machine = good_machine();
  machine.driver_version = 12040;
  machine.driver_too_old = 1;
  CHECK_FAILS(cuda_machine_check(&machine), FLR_ERROR_UNAVAILABLE, "CUDA 12.4");
  CHECK_FAILS(cuda_machine_check(&machine), FLR_ERROR_UNAVAILABLE, "CUDA 13.0");
}

static void test_machine__with_an_older_driver_that_still_works_is_good(void **state) {
  (void)state;
  cuda_machine machine = good_machine();
  machine.driver_version = 13000;
  machine.runtime_version = 13050; /* minor versions are compatible */
  CHECK_OK(cuda_machine_check(&machine));
}

static void test_machine__without_devices_says_what_hides_them(void **state) {
  (void)state;
  cuda_machine machine = good_machine();
  machine.device_count = 0;
  CHECK_FAILS(cuda_machine_check(&machine), FLR_ERROR_UNAVAILABLE, "no GPU that this job may use");
  machine.visible_devices = "7";
  CHECK_FAILS(cuda_machine_check(&machine), FLR_ERROR_UNAVAILABLE, "CUDA_VISIBLE_DEVICES='7'");
}

static void test_machine__with_broken_devices_gives_cudas_reason(void **state) {
  (void)state;
  cuda_machine machine = good_machine();
  machine.device_count = 0;
  machine.failure = "system not yet initialized";
  CHECK_FAILS(cuda_machine_check(&machine), FLR_ERROR_UNAVAILABLE, "(system not yet initialized)");
}

static void test_device__each_rank_has_its_own(void **state) {
  (void)state;
  for (int local_rank = 0; local_rank < 4; local_rank++) {
    const cuda_device_request request = {.local_rank = local_rank, .local_size = 4, .device_count = 8};
    int device = -1;
    CHECK_OK(cuda_device_choose(&device, &request));
    assert_int_equal(device, local_rank);
  }
}

static void test_device__more_ranks_than_devices_are_refused_with_both_numbers(void **state) {
  (void)state;
  for (int local_rank = 0; local_rank < 3; local_rank++) { /* also the ranks that would have found one */
    const cuda_device_request request = {.local_rank = local_rank, .local_size = 3, .device_count = 2};
    int device;
    CHECK_FAILS(cuda_device_choose(&device, &request), FLR_ERROR_UNAVAILABLE, "3 ranks on this host and 2 GPUs");
  }
  const cuda_device_request one = {.local_rank = 0, .local_size = 2, .device_count = 1};
  int device;
  CHECK_FAILS(cuda_device_choose(&device, &one), FLR_ERROR_UNAVAILABLE, "2 ranks on this host and 1 GPU:");
}

static void test_device__shared_ones_go_in_turns(void **state) {
  (void)state;
  for (int local_rank = 0; local_rank < 5; local_rank++) {
    const cuda_device_request request = {.local_rank = local_rank, .local_size = 5, .device_count = 2, .share = 1};
    int device = -1;
    CHECK_OK(cuda_device_choose(&device, &request));
    assert_int_equal(device, local_rank % 2);
  }
}

static void test_device__a_bound_rank_takes_the_one_it_sees(void **state) {
  (void)state;
  for (int local_rank = 0; local_rank < 4; local_rank++) {
    const cuda_device_request request = {.local_rank = local_rank, .local_size = 4, .device_count = 1, .bound = 1};
    int device = -1;
    CHECK_OK(cuda_device_choose(&device, &request));
    assert_int_equal(device, 0);
  }
}

static void test_device__nonsense_is_our_fault(void **state) {
  (void)state;
  const cuda_device_request requests[] = {{.local_rank = 0, .local_size = 1, .device_count = 0},
                                          {.local_rank = 2, .local_size = 2, .device_count = 4},
                                          {.local_rank = -1, .local_size = 2, .device_count = 4}};
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    int device;
    CHECK_FAILS(cuda_device_choose(&device, &requests[i]), FLR_ERROR_INTERNAL, "local rank");
  }
}

static void test_bound__one_device_that_someone_chose(void **state) {
  (void)state;
  assert_int_equal(cuda_device_bound(1, NULL, NULL), 0);
  assert_int_equal(cuda_device_bound(1, "3", NULL), 1);
  assert_int_equal(cuda_device_bound(1, NULL, "1"), 1);
  assert_int_equal(cuda_device_bound(1, "", ""), 0);
  assert_int_equal(cuda_device_bound(2, "0,1", NULL), 0);
  assert_int_equal(cuda_device_bound(4, "0,1,2,3", "4"), 0);
}

static void test_slices__are_counted_where_the_first_is_one(void **state) {
  (void)state;
  assert_int_equal(cuda_device_slices(NULL), 0);
  assert_int_equal(cuda_device_slices(""), 0);
  assert_int_equal(cuda_device_slices("0,1"), 0);
  assert_int_equal(cuda_device_slices("GPU-8932f937,GPU-46a2c1f3"), 0);
  assert_int_equal(cuda_device_slices("MIG-8932f937"), 1);
  assert_int_equal(cuda_device_slices("MIG-GPU-8932f937/1/0,MIG-GPU-8932f937/2/0,MIG-46a2c1f3"), 3);
}

static void test_slices__each_has_its_name(void **state) {
  (void)state;
  const char *const names[] = {"MIG-GPU-8932f937/1/0", "MIG-46a2c1f3-d72c-ab42-688c-30e8a6fd1c83", "MIG-b", ""};
  for (int which = 0; which < 4; which++) {
    char name[CUDA_DEVICE_NAME] = "?";
    cuda_device_name(name, "MIG-GPU-8932f937/1/0,MIG-46a2c1f3-d72c-ab42-688c-30e8a6fd1c83,MIG-b", which);
    assert_string_equal(name, names[which]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_version__is_major_and_minor),
      cmocka_unit_test(test_machine__with_driver_and_devices_is_good),
      cmocka_unit_test(test_machine__without_driver_says_so),
      cmocka_unit_test(test_machine__with_an_old_driver_names_both_versions),
      cmocka_unit_test(test_machine__with_an_older_driver_that_still_works_is_good),
      cmocka_unit_test(test_machine__without_devices_says_what_hides_them),
      cmocka_unit_test(test_machine__with_broken_devices_gives_cudas_reason),
      cmocka_unit_test(test_device__each_rank_has_its_own),
      cmocka_unit_test(test_device__more_ranks_than_devices_are_refused_with_both_numbers),
      cmocka_unit_test(test_device__shared_ones_go_in_turns),
      cmocka_unit_test(test_device__a_bound_rank_takes_the_one_it_sees),
      cmocka_unit_test(test_device__nonsense_is_our_fault),
      cmocka_unit_test(test_bound__one_device_that_someone_chose),
      cmocka_unit_test(test_slices__are_counted_where_the_first_is_one),
      cmocka_unit_test(test_slices__each_has_its_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
