/* Philox against known answers; keys, uniform and normal numbers against values made by an independent program and by
 * statistics. */
#include "core/rng.h"
#include "harness/harness.h"

/* Lines "philox4x32 10" of tests/kat_vectors of Random123 1.14 (Salmon et al.): counter, key, result. */
static void test_rng__philox_gives_the_known_answers(void **state) {
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], result[4];
  } cases[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint32_t out[4];
    flr_philox4x32(out, cases[i].counter, cases[i].key);
    for (int j = 0; j < 4; j++) assert_int_equal(out[j], cases[i].result[j]);
  }
}

static void test_rng__key_and_index_are_low_words_first(void **state) {
  (void)state;
  const uint32_t counter[4] = {0x89abcdef, 0x01234567, 0, 0}, key[2] = {0x76543210, 0xfedcba98};
  uint32_t whole[4], block[4];
  flr_philox4x32(whole, counter, key);
  flr_philox(block, 0xfedcba9876543210u, 0x0123456789abcdefu);
  assert_memory_equal(block, whole, sizeof block);
}

/* By a Python program that follows the headers' words. They are part of the stored format: a seed must keep its meaning. */
static void test_rng__keys_and_numbers_keep_their_values(void **state) {
  (void)state;
  assert_true(flr_rng_key(1, FLR_STREAM_INIT, 0) == 0x7e7e71cce4ef93c3u);
  assert_true(flr_rng_key(1, FLR_STREAM_SHUFFLE, 0) == 0x6cbcf28b8b13eccdu);
  assert_true(flr_rng_key(42, FLR_STREAM_SWEEP, 7) == 0xabe490ea4e6e7481u);
  assert_true(flr_rng_key(UINT64_MAX, FLR_STREAM_SYNTHETIC, ((uint64_t)1 << 40) + 5) == 0x5873e2b69f68ce9du);
  const uint64_t key = flr_rng_key(1, FLR_STREAM_SHUFFLE, 0);
  static const uint64_t indices[] = {0, 1, 2, 3, 4, 1000003};
  static const int words[] = {10723151, 13504267, 13095429, 16383203, 3088796, 14765397};
  for (int i = 0; i < 6; i++) assert_int_equal((int)(flr_rng_uniform(key, indices[i]) * 0x1p24f), words[i]);
  CHECK_NEAR(flr_rng_normal(key, 0), 0.32003901185109834, 1e-14, 1);
  CHECK_NEAR(flr_rng_normal(key, 1), -1.586147533420674, 1e-14, 1);
  CHECK_NEAR(flr_rng_normal(key, ((uint64_t)1 << 33) + 1), 1.0080575485026293, 1e-14, 1);
}

static void test_rng__seed_stream_and_substream_all_matter(void **state) {
  (void)state;
  enum { SEEDS = 8, STREAMS = 7, SUBSTREAMS = 8, KEYS = SEEDS * STREAMS * SUBSTREAMS };
  uint64_t keys[KEYS];
  int count = 0;
  for (uint64_t seed = 0; seed < SEEDS; seed++)
    for (int stream = 1; stream <= STREAMS; stream++)
      for (uint64_t sub = 0; sub < SUBSTREAMS; sub++) keys[count++] = flr_rng_key(seed, (flr_rng_stream)stream, sub);
  for (int i = 0; i < KEYS; i++)
    for (int j = 0; j < i; j++) assert_true(keys[i] != keys[j]);
}

/* Mean and variance of 2^18 numbers within 5 standard errors; each of 16 bins within 6. */
static void test_rng__uniform_numbers_are_uniform(void **state) {
  (void)state;
  enum { COUNT = 1 << 18, BINS = 16 };
  const uint64_t key = flr_rng_key(3, FLR_STREAM_DROPOUT, 0);
  int bins[BINS] = {0};
  double sum = 0;
  for (uint64_t i = 0; i < COUNT; i++) {
    const float u = flr_rng_uniform(key, i);
    assert_true(u >= 0 && u < 1);
    sum += (double)u;
    bins[(int)(u * BINS)]++;
  }
  CHECK_NEAR(sum / COUNT, 0.5, 5 * sqrt(1.0 / 12 / COUNT), 1);
  for (int b = 0; b < BINS; b++) CHECK_NEAR(bins[b], (double)COUNT / BINS, 6 / sqrt((double)COUNT / BINS), 1);
}

static void test_rng__normal_numbers_are_normal(void **state) {
  (void)state;
  enum { COUNT = 1 << 18 };
  const uint64_t key = flr_rng_key(3, FLR_STREAM_INIT, 0);
  double sum = 0, squares = 0, fourth = 0;
  int inside = 0;
  for (uint64_t i = 0; i < COUNT; i++) {
    const double x = flr_rng_normal(key, i);
    assert_true(isfinite(x));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    inside += fabs(x) < 1;
  }
  CHECK_NEAR(sum / COUNT, 0, 5 / sqrt(COUNT), 1);
  CHECK_NEAR(squares / COUNT, 1, 5 * sqrt(2.0 / COUNT), 1);
  CHECK_NEAR(fourth / COUNT, 3, 5 * sqrt(96.0 / COUNT), 1);
  CHECK_NEAR((double)inside / COUNT, 0.6826894921370859, 5 * sqrt(0.25 / COUNT), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_rng__philox_gives_the_known_answers),
                                     cmocka_unit_test(test_rng__key_and_index_are_low_words_first),
                                     cmocka_unit_test(test_rng__keys_and_numbers_keep_their_values),
                                     cmocka_unit_test(test_rng__seed_stream_and_substream_all_matter),
                                     cmocka_unit_test(test_rng__uniform_numbers_are_uniform),
                                     cmocka_unit_test(test_rng__normal_numbers_are_normal)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
