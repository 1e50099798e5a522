/* Antialiased resizing in two passes, in whole numbers. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "datasets/convert/image_impl.h"

enum { PRECISION = 22 }; /* bits behind the point: 8 bits of value and 2 of overshoot fit beside them */

static void clear_resampler(flr_resampler *r) {
  flr_free(r->from);
  flr_free(r->taken);
  flr_free(r->weights);
  *r = (flr_resampler){0};
}

void flr_resize_clear(flr_resize *resize) {
  clear_resampler(&resize->x);
  clear_resampler(&resize->y);
  flr_pixels_clear(&resize->between);
}

static flr_status make_room(flr_resampler *r, int64_t count, int64_t taps) {
  if (count > r->room[0]) {
    flr_free(r->from);
    flr_free(r->taken);
    r->from = r->taken = NULL;
    r->room[0] = 0;
    FLR_TRY(flr_alloc(&r->from, count, sizeof *r->from));
    FLR_TRY(flr_alloc(&r->taken, count, sizeof *r->taken));
    r->room[0] = count;
  }
  if (count * taps > r->room[1]) {
    flr_free(r->weights);
    r->weights = NULL;
    r->room[1] = 0;
    FLR_TRY(flr_alloc(&r->weights, count * taps, sizeof *r->weights));
    r->room[1] = count * taps;
  }
  return FLR_OK;
}

static double triangle(double x) { return fabs(x) < 1 ? 1 - fabs(x) : 0; }

/* Output `at`: Pillow's precompute_coeffs and normalize_coeffs_8bpc (src/libImaging/Resample.c). */
static void weigh(flr_resampler *r, int64_t at) {
  const double scale = (double)r->in / (double)r->out, reach = scale < 1 ? 1 : scale;
  const double centre = ((double)(r->first + at) + 0.5) * scale;
  int32_t *weights = r->weights + at * r->taps;
  double total = 0;
  int64_t from = (int64_t)(centre - reach + 0.5), end = (int64_t)(centre + reach + 0.5);
  if (from < 0) from = 0;
  if (end > r->in) end = r->in;
  for (int64_t i = from; i < end; i++) total += triangle(((double)i - centre + 0.5) / reach);
  for (int64_t i = from; i < end; i++) {
    const double weight = triangle(((double)i - centre + 0.5) / reach);
    weights[i - from] = (int32_t)(0.5 + (total != 0 ? weight / total : weight) * (1 << PRECISION));
  }
  r->from[at] = (int32_t)from;
  r->taken[at] = (int32_t)(end - from);
}

/* Weights stay for the next image of the same size. */
static flr_status prepare(flr_resampler *r, int64_t in, int64_t out, int64_t first, int64_t count) {
  const double scale = (double)in / (double)out;
  const int64_t taps = (int64_t)ceil(scale < 1 ? 1 : scale) * 2 + 1;
  if (r->in == in && r->out == out && r->first == first && r->count == count) return FLR_OK;
  r->in = 0;
  FLR_TRY(make_room(r, count, taps));
  r->in = in;
  r->out = out;
  r->first = first;
  r->count = count;
  r->taps = taps;
  for (int64_t at = 0; at < count; at++) weigh(r, at);
  return FLR_OK;
}

static unsigned char round_off(int32_t sum) {
  const int32_t value = sum >> PRECISION;
  return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* One row to `count` columns. */
static void reduce_row(const flr_resampler *r, const unsigned char *in, int channels, unsigned char *out) {
  for (int64_t at = 0; at < r->count; at++)
    for (int c = 0; c < channels; c++) {
      const unsigned char *from = in + (int64_t)r->from[at] * channels + c;
      const int32_t *weights = r->weights + at * r->taps;
      int32_t sum = 1 << (PRECISION - 1);
      for (int32_t i = 0; i < r->taken[at]; i++) sum += from[i * channels] * weights[i];
      out[at * channels + c] = round_off(sum);
    }
}

/* Rows of `row_bytes` to output row `at`. */
static void reduce_column(const flr_resampler *r, int64_t at, const unsigned char *in, int64_t row_bytes, unsigned char *out) {
  const int32_t *weights = r->weights + at * r->taps;
  for (int64_t i = 0; i < row_bytes; i++) {
    int32_t sum = 1 << (PRECISION - 1);
    for (int32_t k = 0; k < r->taken[at]; k++) sum += in[k * row_bytes + i] * weights[k];
    out[i] = round_off(sum);
  }
}

/* torchvision's int(round((length - size) / 2.0)), which rounds halves to even. */
static int64_t crop_from(int64_t length, int64_t size) { return (int64_t)nearbyint((double)(length - size) / 2); }

flr_status flr_resize_run(flr_resize *resize, flr_pixels *out, const flr_pixels *in, int64_t size) {
  const int64_t side = in->height < in->width ? in->height : in->width;
  const int64_t height = size * in->height / side, width = size * in->width / side;
  flr_resampler *x = &resize->x, *y = &resize->y;
  FLR_TRY(prepare(x, in->width, width, crop_from(width, size), size));
  FLR_TRY(prepare(y, in->height, height, crop_from(height, size), size));
  const int64_t first = y->from[0], rows = y->from[size - 1] + y->taken[size - 1] - first, row_bytes = size * in->channels;
  FLR_TRY(flr_pixels_resize(&resize->between, rows, size, in->channels));
  FLR_TRY(flr_pixels_resize(out, size, size, in->channels));
  for (int64_t i = 0; i < rows; i++)
    reduce_row(x, in->data + (first + i) * in->width * in->channels, in->channels, resize->between.data + i * row_bytes);
  for (int64_t at = 0; at < size; at++)
    reduce_column(y, at, resize->between.data + (y->from[at] - first) * row_bytes, row_bytes, out->data + at * row_bytes);
  return FLR_OK;
}
