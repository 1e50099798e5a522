/* The fingerprint: the same for the same, another for anything else. */
#include "core/hash.h"
#include "harness/harness.h"

/* By an independent Python program, on a little-endian machine. */
static void test_hash__keeps_its_values(void **state) {
  (void)state;
  const union {
    uint16_t word;
    unsigned char first;
  } order = {.word = 1};
  if (order.first != 1) skip();
  assert_true(flr_hash(FLR_HASH_START, "", 0) == 0x2cb0f69f4abea221u);
  assert_true(flr_hash(FLR_HASH_START, "learning", 8) == 0x62d742d613fb41f1u);
  assert_true(flr_hash(FLR_HASH_START, "learning rate", 13) == 0x704baaa0e3b310b9u);
  assert_true(flr_hash(flr_hash(FLR_HASH_START, "learning", 8), " rate", 5) == 0xd2c7b3c494300e93u);
}

static void test_hash__every_bit_of_data_and_seed_counts(void **state) {
  (void)state;
  unsigned char data[37];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(17 * i);
  const uint64_t whole = flr_hash(FLR_HASH_START, data, sizeof data);
  double changed = 0;
  for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
    data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    const uint64_t other = flr_hash(FLR_HASH_START, data, sizeof data);
    data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    assert_true(other != whole);
    changed += __builtin_popcountll(other ^ whole);
  }
  CHECK_NEAR(changed / (8 * sizeof data), 32, 1.5, 1); /* half of the result's bits */
  for (int bit = 0; bit < 64; bit++) assert_true(flr_hash(FLR_HASH_START ^ (1ull << bit), data, sizeof data) != whole);
}

static void test_hash__trailing_zeros_and_order_count(void **state) {
  (void)state;
  static const unsigned char zeros[64] = {0};
  uint64_t hashes[65];
  for (size_t n = 0; n <= 64; n++) {
    hashes[n] = flr_hash(FLR_HASH_START, zeros, n);
    for (size_t m = 0; m < n; m++) assert_true(hashes[m] != hashes[n]);
  }
  assert_true(flr_hash(FLR_HASH_START, "12345678abcdefgh", 16) != flr_hash(FLR_HASH_START, "abcdefgh12345678", 16));
}

static void test_hash__does_not_depend_on_alignment(void **state) {
  (void)state;
  unsigned char data[64 + 8] = {0};
  const char text[] = "the same bytes at another address";
  const uint64_t whole = flr_hash(1, text, sizeof text);
  for (size_t shift = 0; shift < 8; shift++) {
    memcpy(data + shift, text, sizeof text);
    assert_true(flr_hash(1, data + shift, sizeof text) == whole);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_hash__keeps_its_values), cmocka_unit_test(test_hash__every_bit_of_data_and_seed_counts),
      cmocka_unit_test(test_hash__trailing_zeros_and_order_count), cmocka_unit_test(test_hash__does_not_depend_on_alignment)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
