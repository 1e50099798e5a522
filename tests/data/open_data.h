/* Files of h5_fixture.h and h5_filtered.h opened as data sets, and what they must hold or be refused with. */
#ifndef FLR_TESTS_OPEN_DATA_H
#define FLR_TESTS_OPEN_DATA_H

#include "harness/harness.h"

#include "datasets/dataset.h"
#include "h5_fixture.h"

enum { DATA_MOST_BYTES = 4096 }; /* of a sample */

/* All of the source is for training. */
static inline flr_dataset_options data_options(const char *source) {
  return (flr_dataset_options){.source = source, .valid_fraction = 0, .seed = 1};
}

static inline flr_dataset *data_open(const flr_dataset_options *options) {
  flr_dataset *d;
  CHECK_OK(flr_dataset_open(&d, options));
  return d;
}

static inline flr_dataset *data_open_at(const char *path) {
  const flr_dataset_options options = data_options(path);
  return data_open(&options);
}

/* With this status and one line that has `part` in it. */
static inline void data_check_refused(const flr_dataset_options *options, flr_status status, const char *part) {
  flr_dataset *d = NULL;
  CHECK_FAILS(flr_dataset_open(&d, options), status, part);
  assert_null(strchr(flr_status_message(), '\n'));
  assert_null(d);
}

static inline void data_check_bad(const char *path, const char *part) {
  const flr_dataset_options options = data_options(path);
  data_check_refused(&options, FLR_ERROR_DATA, part);
}

/* Row `row` of the split must hold what the fixture's row `truth` holds. */
static inline void data_check_row(flr_dataset *d, flr_split split, int64_t row, int64_t truth) {
  unsigned char bytes[DATA_MOST_BYTES];
  float value;
  assert_true(d->sample_bytes <= sizeof bytes);
  CHECK_OK(flr_dataset_read(d, split, &row, 1, bytes));
  assert_int_equal(d->labels[split][row], h5_fixture_label(truth));
  for (int64_t at = 0; at < d->height * d->width * d->channels; at++) {
    if (!d->features) assert_int_equal(bytes[at], h5_fixture_byte(truth, at));
    if (d->features) memcpy(&value, bytes + (size_t)at * sizeof value, sizeof value);
    if (d->features) assert_true(value == h5_fixture_float(truth, at));
  }
}

#endif
