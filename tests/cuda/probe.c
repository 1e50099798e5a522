/* Which device a rank takes of those that its environment leaves, on the emulated run time. */
#include "harness/harness.h"

#include <stdlib.h>
#include <unistd.h>

#include "backend/cuda/cuda_probe.h"
#include "emulation.h"

static flr_status probe(int *device, int local_rank, int local_size, int share) {
  const flr_backend_options options = {.local_rank = local_rank, .local_size = local_size, .share_device = share};
  return cuda_probe(device, &options);
}

static void see(const char *names, int devices) {
  assert_int_equal(setenv("CUDA_VISIBLE_DEVICES", names, 1), 0);
  emulation_set_device_count(devices);
}

static void test_probe__a_rank_takes_the_device_of_its_local_rank(void **state) {
  (void)state;
  int device = -1;
  see("4,5,6", 3);
  CHECK_OK(probe(&device, 2, 3, 0));
  assert_int_equal(device, 2);
  assert_string_equal(getenv("CUDA_VISIBLE_DEVICES"), "4,5,6");
  CHECK_FAILS(probe(&device, 0, 4, 0), FLR_ERROR_UNAVAILABLE, "4 ranks on this host and 3 GPUs");
}

/* CUDA shows one of them, whichever they are. */
static void test_probe__a_rank_takes_the_slice_of_its_local_rank(void **state) {
  (void)state;
  static const char all[] = "MIG-a,MIG-b,MIG-c";
  for (int rank = 0; rank < 3; rank++) {
    const char name[] = {'M', 'I', 'G', '-', (char)('a' + rank), '\0'};
    int device = -1;
    see(all, 1);
    CHECK_OK(probe(&device, rank, 3, 0));
    assert_int_equal(device, 0);
    assert_string_equal(getenv("CUDA_VISIBLE_DEVICES"), name);
    CHECK_OK(probe(&device, rank, 3, 0)); /* once more, as when a backend is opened again */
    assert_string_equal(getenv("CUDA_VISIBLE_DEVICES"), name);
  }
}

static void test_probe__more_ranks_than_slices(void **state) {
  (void)state;
  int device = -1;
  see("MIG-a,MIG-b", 1);
  CHECK_FAILS(probe(&device, 0, 3, 0), FLR_ERROR_UNAVAILABLE, "3 ranks on this host and 2 GPUs");
  assert_string_equal(getenv("CUDA_VISIBLE_DEVICES"), "MIG-a,MIG-b");
  CHECK_OK(probe(&device, 2, 3, 1));
  assert_string_equal(getenv("CUDA_VISIBLE_DEVICES"), "MIG-a");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_probe__a_rank_takes_the_device_of_its_local_rank),
      cmocka_unit_test(test_probe__a_rank_takes_the_slice_of_its_local_rank),
      cmocka_unit_test(test_probe__more_ranks_than_slices),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
