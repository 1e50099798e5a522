/* The emulation of kernels finds what it promises to find, and rounds as a GPU does. */
#include "harness/harness.h"

#include <sys/wait.h>
#include <unistd.h>

#include "emulation/emulation.h"
#include "faulty_kernels.h"

static cudaStream_t open_stream(void) {
  cudaStream_t stream;
  assert_int_equal(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, 0), cudaSuccess);
  return stream;
}

static void run_scan(fault kind, float *result) {
  cudaStream_t stream = open_stream();
  float values[64], *in, *out;
  for (int i = 0; i < 64; i++) values[i] = (float)(i + 1);
  assert_int_equal(cudaMalloc((void **)&in, sizeof values), cudaSuccess);
  assert_int_equal(cudaMalloc((void **)&out, sizeof values), cudaSuccess);
  assert_int_equal(cudaMemcpyAsync(in, values, sizeof values, cudaMemcpyHostToDevice, stream), cudaSuccess);
  assert_int_equal(launch_faulty(stream, kind, in, out), cudaSuccess);
  assert_int_equal(cudaMemcpyAsync(result, out, sizeof values, cudaMemcpyDeviceToHost, stream), cudaSuccess);
  assert_int_equal(cudaStreamSynchronize(stream), cudaSuccess);
  assert_int_equal(cudaFree(in), cudaSuccess);
  assert_int_equal(cudaFree(out), cudaSuccess);
  assert_int_equal(cudaStreamDestroy(stream), cudaSuccess);
}

static void test_emulation__barriers_and_shuffles_work(void **state) {
  (void)state;
  for (int reversed = 0; reversed < 2; reversed++) {
    float result[64], sum = 0;
    emulation_reverse_threads(reversed);
    run_scan(FAULT_NONE, result);
    for (int i = 0; i < 64; i++) {
      sum = i == 32 ? 33 : sum + (float)(i + 1);
      assert_true(result[i] == sum);
    }
  }
  emulation_reverse_threads(0);
}

/* The child's last words. */
static void check_aborts(fault kind, const char *part) {
  int ends[2], status;
  char text[512] = "";
  assert_int_equal(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    float result[64];
    (void)dup2(ends[1], STDERR_FILENO);
    run_scan(kind, result);
    _exit(0);
  }
  (void)close(ends[1]);
  size_t used = 0;
  for (ssize_t got; (got = read(ends[0], text + used, sizeof text - 1 - used)) > 0;) used += (size_t)got;
  (void)close(ends[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (!WIFSIGNALED(status) || !strstr(text, part)) fail_msg("fault %d: status %d, said \"%s\"", (int)kind, status, text);
}

static void test_emulation__finds_faults(void **state) {
  (void)state;
  check_aborts(FAULT_BARRIER_IN_A_BRANCH, "did not reach");
  check_aborts(FAULT_BARRIER_AFTER_RETURN, "did not reach");
  check_aborts(FAULT_TWO_BARRIERS, "two different barriers");
  check_aborts(FAULT_SHUFFLE_IN_A_BRANCH, "two different shuffles");
  check_aborts(FAULT_BESIDE_SHARED_ARRAY, "beside this shared array");
  check_aborts(FAULT_BEHIND_THE_BUFFER, "behind a block of 256 bytes");
}

static void test_emulation__poisons_shared_memory(void **state) {
  (void)state;
  cudaStream_t stream = open_stream();
  float value = 0, *out;
  assert_int_equal(cudaMalloc((void **)&out, sizeof value), cudaSuccess);
  assert_int_equal(launch_uninitialised(stream, out), cudaSuccess);
  assert_int_equal(cudaMemcpyAsync(&value, out, sizeof value, cudaMemcpyDeviceToHost, stream), cudaSuccess);
  assert_int_equal(cudaStreamSynchronize(stream), cudaSuccess);
  assert_true(isnan(value));
  assert_int_equal(cudaFree(out), cudaSuccess);
  assert_int_equal(cudaStreamDestroy(stream), cudaSuccess);
}

static void test_emulation__refuses_impossible_launches(void **state) {
  (void)state;
  cudaStream_t stream = open_stream();
  assert_int_equal(launch_nothing(stream, 0, 32), cudaErrorInvalidValue);
  assert_int_equal(launch_nothing(stream, 1, 0), cudaErrorInvalidValue);
  assert_int_equal(launch_nothing(stream, 1, 1025), cudaErrorInvalidValue);
  assert_int_equal(launch_nothing(stream, 3, 1024), cudaSuccess);
  assert_int_equal(cudaStreamDestroy(stream), cudaSuccess);
}

/* Every number of the format survives; between two neighbours the nearer wins, and the even one in the middle. */
static void check_rounding(uint16_t (*narrow)(float), float (*widen)(uint16_t), uint16_t infinity) {
  for (unsigned bits = 0; bits < infinity; bits++) {
    const float a = widen((uint16_t)bits), b = widen((uint16_t)(bits + 1));
    assert_int_equal(narrow(a), bits);
    assert_int_equal(narrow(-a), bits | 0x8000U);
    if (bits + 1 == infinity) break;
    const float middle = (float)(((double)a + (double)b) / 2);
    assert_int_equal(narrow(middle), bits + bits % 2);
    assert_int_equal(narrow(nextafterf(middle, 0)), bits);
    assert_int_equal(narrow(nextafterf(middle, INFINITY)), bits + 1);
  }
  assert_int_equal(narrow(INFINITY), infinity);
  assert_int_equal(narrow(-INFINITY), infinity | 0x8000U);
  assert_true(isinf(widen(infinity)) && isnan(widen(narrow(NAN))));
}

static void test_emulation__rounds_to_nearest_even(void **state) {
  (void)state;
  check_rounding(bits_of_half, float_of_half, 0x7c00);
  check_rounding(bits_of_bf16, float_of_bf16, 0x7f80);
  assert_int_equal(bits_of_half(65519.9F), 0x7bff);
  assert_int_equal(bits_of_half(65520.0F), 0x7c00);
  assert_true(float_of_half(0x3555) == 0.333251953125F && float_of_half(1) == 0x1p-24F);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_emulation__barriers_and_shuffles_work),
      cmocka_unit_test(test_emulation__finds_faults),
      cmocka_unit_test(test_emulation__poisons_shared_memory),
      cmocka_unit_test(test_emulation__refuses_impossible_launches),
      cmocka_unit_test(test_emulation__rounds_to_nearest_even),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
