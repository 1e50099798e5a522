/* Fingerprints of data. */
#include "harness/harness.h"

#include "core/memory.h"
#include "train/fingerprint.h"

static char *take(const char *source, uint64_t seed) {
  const flr_dataset_options options = {.source = source, .valid_fraction = 0.25, .seed = seed};
  flr_dataset *d;
  char *text;
  CHECK_OK(flr_dataset_open(&d, &options));
  CHECK_OK(flr_fingerprint_take(&text, d));
  flr_dataset_destroy(d);
  return text;
}

static void test_fingerprint__same_data_agree(void **state) {
  (void)state;
  char *a = take("synthetic:100,4,4,3,5", 1), *b = take("synthetic:100,4,4,3,5", 1);
  assert_string_equal(a, b);
  CHECK_OK(flr_fingerprint_compare(a, b, "checkpoint-5.h5"));
  flr_free(a);
  flr_free(b);
}

static void test_fingerprint__other_data_are_told(void **state) {
  (void)state;
  char *a = take("synthetic:100,4,4,3,5", 1), *b = take("synthetic:120,4,4,3,5", 1), *c = take("synthetic:100,4,4,3,5", 2);
  CHECK_FAILS(flr_fingerprint_compare(a, b, "checkpoint-5.h5"), FLR_ERROR_DATA, "train samples: 75, now 90");
  CHECK_FAILS(flr_fingerprint_compare(a, c, "checkpoint-5.h5"), FLR_ERROR_DATA, "checkpoint-5.h5: the data changed since");
  CHECK_FAILS(flr_fingerprint_compare(a, c, "checkpoint-5.h5"), FLR_ERROR_DATA, "train samples hash");
  flr_free(a);
  flr_free(b);
  flr_free(c);
}

static void test_compare__the_source_may_move_and_lines_may_miss(void **state) {
  (void)state;
  CHECK_OK(flr_fingerprint_compare("source = /a/b.h5\nclasses = 3\n", "source = c.h5\nclasses = 3\n", "x"));
  CHECK_FAILS(flr_fingerprint_compare("classes = 3\nvalid samples = 7\n", "classes = 3\n", "x"), FLR_ERROR_DATA,
              "valid samples: 7, now none");
  CHECK_FAILS(flr_fingerprint_compare("classes = 3\n", "classes = 3\ntest samples = 7\n", "x"), FLR_ERROR_DATA,
              "test samples: none, now 7");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fingerprint__same_data_agree),
      cmocka_unit_test(test_fingerprint__other_data_are_told),
      cmocka_unit_test(test_compare__the_source_may_move_and_lines_may_miss),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
