/* Opening by name, measuring, and what all data sets share. */
#include "datasets/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/permutation.h"
#include "core/rng.h"
#include "datasets/dataset_impl.h"

enum { MEASURED_SAMPLES = 65536, READ_SAMPLES = 16 };

static const double default_valid_fraction = 0.2;

const char *flr_split_name(flr_split split) {
  static const char *const names[] = {"train", "valid", "test"};
  return names[split];
}

/* Paths are of people's own files. */
static flr_status check_paths(const flr_dataset_options *options, int synthetic) {
  const int paths = options->x_path || options->y_path || options->valid_x_path || options->valid_y_path;
  if (!paths || (!synthetic && strcmp(options->source, "digits") != 0)) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--x-path, --y-path: the training data are %s, which have no paths: give --data FILE.h5",
                  synthetic ? "synthetic" : "the embedded digits");
}

/* The validation split is taken by each process itself: it follows from seed and row alone. */
static flr_status split_up(flr_dataset **out, flr_dataset *dataset, const flr_dataset_options *options) {
  const int given = !isnan(options->valid_fraction);
  if (!given && dataset->samples[FLR_SPLIT_VALID] > 0) {
    *out = dataset;
    return FLR_OK;
  }
  return flr_split_view_open(out, dataset, given ? options->valid_fraction : default_valid_fraction, options->seed);
}

flr_status flr_dataset_open(flr_dataset **out, const flr_dataset_options *options) {
  *out = NULL;
  const int synthetic = strncmp(options->source, "synthetic:", 10) == 0;
  flr_dataset *dataset;
  FLR_TRY(check_paths(options, synthetic));
  FLR_TRY(synthetic ? flr_synthetic_open(&dataset, options) : flr_h5_dataset_open(&dataset, options, NULL, 0));
  return split_up(out, dataset, options);
}

flr_status flr_dataset_describe(const flr_dataset *dataset, unsigned char **out, size_t *bytes) {
  *out = NULL;
  *bytes = 0;
  return dataset->ops->describe ? dataset->ops->describe(dataset, out, bytes) : FLR_OK;
}

flr_status flr_dataset_open_described(flr_dataset **out, const flr_dataset_options *options, const unsigned char *description,
                                      size_t bytes) {
  flr_dataset *dataset;
  *out = NULL;
  FLR_TRY(flr_h5_dataset_open(&dataset, options, description, bytes));
  return split_up(out, dataset, options);
}

void flr_dataset_clear_head(flr_dataset *d) {
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) flr_free(d->labels[split]);
  for (int64_t i = 0; d->class_names && i < d->classes; i++) flr_free(d->class_names[i]);
  flr_free(d->class_names);
  flr_free(d->mean);
  flr_free(d->std);
}

void flr_dataset_destroy(flr_dataset *dataset) {
  if (dataset) dataset->ops->destroy(dataset);
}

void flr_dataset_limit(flr_dataset *dataset, float least, float most) {
  if (dataset->ops->limit) dataset->ops->limit(dataset, least, most);
}

flr_status flr_dataset_check(const flr_dataset *dataset) { return dataset->ops->check ? dataset->ops->check(dataset) : FLR_OK; }

/* Sums of values and squares per channel: exact integers for bytes, so that the result does not depend on the order; for
   numbers their distance from the channel's first value, so that a large common offset costs no digits. */
typedef struct channel_sums {
  uint64_t *integer; /* [2, channels] */
  double *real;      /* [3, channels]: sums, squares, the first value */
  int64_t count;     /* values per channel */
} channel_sums;

static void add_bytes(channel_sums *sums, const uint8_t *sample, int64_t pixels, int64_t channels) {
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t c = 0; c < channels; c++) {
      const uint64_t value = sample[p * channels + c];
      sums->integer[c] += value;
      sums->integer[channels + c] += value * value;
    }
}

static void add_floats(channel_sums *sums, const float *sample, int64_t pixels, int64_t channels) {
  double *first = sums->real + 2 * channels;
  for (int64_t c = 0; c < channels && sums->count == 0; c++) first[c] = (double)sample[c];
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t c = 0; c < channels; c++) {
      const double value = (double)sample[p * channels + c] - first[c];
      sums->real[c] += value;
      sums->real[channels + c] += value * value;
    }
}

static int compare_rows(const void *a, const void *b) {
  int64_t x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

/* In file order, so that a compressed block is decoded once. */
static void choose_rows(int64_t *rows, int64_t n, int64_t samples, uint64_t key) {
  for (int64_t i = 0; i < n; i++) rows[i] = n == samples ? i : flr_permute(key, samples, i);
  if (n < samples) qsort(rows, (size_t)n, sizeof *rows, compare_rows);
}

static flr_status add_samples(flr_dataset *d, const int64_t *rows, int64_t measured, char *samples, channel_sums *sums) {
  for (int64_t first = 0; first < measured; first += READ_SAMPLES) {
    const int64_t n = measured - first < READ_SAMPLES ? measured - first : READ_SAMPLES;
    FLR_TRY(flr_dataset_read(d, FLR_SPLIT_TRAIN, rows + first, n, samples));
    for (int64_t i = 0; i < n; i++) {
      const void *sample = samples + (size_t)i * d->sample_bytes;
      if (d->dtype == FLR_U8)
        add_bytes(sums, sample, d->height * d->width, d->channels);
      else
        add_floats(sums, sample, d->height * d->width, d->channels);
      sums->count += d->height * d->width;
    }
  }
  return FLR_OK;
}

static void finish_channel(const channel_sums *sums, int bytes, int64_t channels, int64_t c, float *mean, float *std) {
  const double n = (double)sums->count;
  const double sum = bytes ? (double)sums->integer[c] / 255 : sums->real[c];
  const double squares = bytes ? (double)sums->integer[channels + c] / (255.0 * 255) : sums->real[channels + c];
  const double variance = squares / n - sum / n * (sum / n);
  mean[c] = (float)(sum / n + (bytes ? 0 : sums->real[2 * channels + c]));
  std[c] = variance > 0 && (!bytes || variance > 1e-12) ? (float)sqrt(variance) : 1;
}

flr_status flr_dataset_measure(flr_dataset *d, uint64_t seed, float *mean, float *std) {
  channel_sums sums = {0};
  char *read = NULL;
  int64_t *rows = NULL;
  const int64_t samples = d->samples[FLR_SPLIT_TRAIN], measured = samples < MEASURED_SAMPLES ? samples : MEASURED_SAMPLES;
  flr_status status;
  FLR_TRY_GOTO(status, flr_alloc(&sums.integer, 2 * d->channels, sizeof(uint64_t)), done);
  FLR_TRY_GOTO(status, flr_alloc(&sums.real, 3 * d->channels, sizeof(double)), done);
  FLR_TRY_GOTO(status, flr_alloc(&read, READ_SAMPLES, d->sample_bytes), done);
  FLR_TRY_GOTO(status, flr_alloc(&rows, measured, sizeof *rows), done);
  choose_rows(rows, measured, samples, flr_rng_key(seed, FLR_STREAM_SPLIT, 1));
  FLR_TRY_GOTO(status, add_samples(d, rows, measured, read, &sums), done);
  for (int64_t c = 0; c < d->channels; c++) finish_channel(&sums, d->dtype == FLR_U8, d->channels, c, mean, std);
done:
  flr_free(rows);
  flr_free(read);
  flr_free(sums.real);
  flr_free(sums.integer);
  return status;
}
