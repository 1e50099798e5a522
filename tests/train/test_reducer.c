/* The reducer: bucketed sums are exact, ordered sums are the same to the bit at any rank count. */
#include "train/reducer.h"

#include "core/rng.h"
#include "datasets/sampler.h"
#include "mpi/launch.h"
#include "train/train_harness.h"

enum { ELEMENTS = 10007, SHARDS = 5 };

static flr_comm *comm;

static float gradient(int64_t shard, int64_t i) { return flr_rng_uniform(77, (uint64_t)(shard * ELEMENTS + i)) - 0.5f; }

/* Small integers: sums are exact in any order. */
static float integer_gradient(int64_t shard, int64_t i) { return (float)((shard * 31 + i) % 64); }

typedef struct setup {
  flr_reducer *reducer;
  int64_t first, count; /* this rank's shards */
  float *gradients;
} setup;

static setup make(size_t bucket_bytes, int deterministic) {
  setup s = {0};
  flr_partition(SHARDS, comm->size, comm->rank, &s.first, &s.count);
  const flr_reducer_options options = {.elements = ELEMENTS,
                                       .bucket_bytes = bucket_bytes,
                                       .deterministic = deterministic,
                                       .shards = SHARDS,
                                       .first_shard = s.first,
                                       .shard_count = s.count};
  CHECK_OK(flr_reducer_create(&s.reducer, comm, &options));
  s.gradients = calloc(ELEMENTS, sizeof(float));
  for (int i = 0; i < ELEMENTS; i++) s.gradients[i] = NAN;
  return s;
}

static void drop(setup *s) {
  flr_reducer_destroy(s->reducer);
  free(s->gradients);
}

/* Writes every local shard but `skip`, as backward would: from the end, in uneven ranges; the last shard announces them. */
static void run(setup *s, int64_t skip, float (*value)(int64_t, int64_t)) {
  int64_t last = -1;
  for (int64_t k = 0; k < s->count; k++)
    if (s->first + k != skip) last = k;
  flr_reducer_start(s->reducer, s->gradients);
  for (int64_t k = 0; k <= last; k++) {
    if (s->first + k == skip) continue;
    int accumulate;
    float *target = flr_reducer_target(s->reducer, k, &accumulate);
    for (int64_t end = ELEMENTS, piece = 1; end > 0; piece = piece * 3 + 1) {
      const int64_t start = end > piece ? end - piece : 0;
      for (int64_t i = start; i < end; i++) target[i] = (accumulate ? target[i] : 0) + value(s->first + k, i);
      if (k == last) CHECK_OK(flr_reducer_ready(s->reducer, start, end - start));
      end = start;
    }
  }
  CHECK_OK(flr_reducer_finish(s->reducer));
}

static void check_sums(size_t bucket_bytes, int64_t skip) {
  setup s = make(bucket_bytes, 0);
  for (int repeat = 0; repeat < 3; repeat++) {
    run(&s, skip, integer_gradient);
    for (int64_t i = 0; i < ELEMENTS; i++) {
      float wanted = 0;
      for (int64_t shard = 0; shard < SHARDS; shard++) wanted += shard == skip ? 0 : integer_gradient(shard, i);
      if (!(s.gradients[i] == wanted))
        fail_msg("element %lld is %g, wanted %g", (long long)i, (double)s.gradients[i], (double)wanted);
    }
  }
  drop(&s);
}

static void test_reducer__sums_exactly_with_any_bucket_size(void **state) {
  (void)state;
  check_sums(0, -1);
  check_sums(256, -1);
  check_sums(4096, -1);
}

/* What is left for the end is a 32nd of a bucket: backward has then nothing more to hide it with. */
static void test_reducer__leaves_little_for_the_end(void **state) {
  (void)state;
  enum { BUCKET = 1024, LEFT = BUCKET / 32 };
  setup s = make(BUCKET * sizeof(float), 0);
  int accumulate;
  flr_reducer_start(s.reducer, s.gradients);
  float *target = flr_reducer_target(s.reducer, 0, &accumulate);
  for (int64_t i = 0; i < ELEMENTS; i++) target[i] = 1;
  const int64_t before = flr_reducer_bytes(s.reducer);
  CHECK_OK(flr_reducer_ready(s.reducer, LEFT + 1, ELEMENTS - LEFT - 1));
  const int64_t all_but_two = comm->size > 1 ? (ELEMENTS - 2 * LEFT) * (int64_t)sizeof(float) : 0;
  assert_int_equal(flr_reducer_bytes(s.reducer) - before, all_but_two);
  CHECK_OK(flr_reducer_ready(s.reducer, LEFT, 1));
  assert_int_equal(flr_reducer_bytes(s.reducer) - before, comm->size > 1 ? all_but_two + LEFT * (int64_t)sizeof(float) : 0);
  CHECK_OK(flr_reducer_finish(s.reducer));
  for (int64_t i = 0; i < ELEMENTS; i++) assert_true(s.gradients[i] == (float)comm->size);
  drop(&s);
}

static void test_reducer__a_shard_without_samples_adds_nothing(void **state) {
  (void)state;
  for (int64_t skip = 0; skip < SHARDS; skip++) check_sums(4096, skip);
}

static void test_reducer__ordered_sum_has_the_same_bits_at_any_rank_count(void **state) {
  (void)state;
  setup s = make(0, 1);
  for (int64_t skip = -1; skip < 2; skip++) {
    run(&s, skip, gradient);
    for (int64_t i = 0; i < ELEMENTS; i++) {
      float wanted = skip == 0 ? 0.0f : gradient(0, i);
      for (int64_t shard = 1; shard < SHARDS; shard++) wanted += shard == skip ? 0.0f : gradient(shard, i);
      if (!(s.gradients[i] == wanted))
        fail_msg("element %lld is %.9g, wanted %.9g", (long long)i, (double)s.gradients[i], (double)wanted);
    }
  }
  drop(&s);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reducer__sums_exactly_with_any_bucket_size),
      cmocka_unit_test(test_reducer__leaves_little_for_the_end),
      cmocka_unit_test(test_reducer__a_shard_without_samples_adds_nothing),
      cmocka_unit_test(test_reducer__ordered_sum_has_the_same_bits_at_any_rank_count),
  };
  (void)argc;
  (void)argv;
  const flr_comm_mpi_options options = {.algorithm = "shared"};
  if (flr_launch_start(&comm, "auto", &options) != FLR_OK) return 1;
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  flr_launch_finish(comm);
  return failed;
}
