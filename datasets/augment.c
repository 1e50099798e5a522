/* Views of images: how they are drawn, and how samples are made of them. */
#include "datasets/augment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum {
  DEFAULT_PAD = 4,
  LARGEST_SMALL = 64,     /* pixels up to which auto crops and does not resize */
  TRIES = 10,             /* for a resized crop's window */
  BLOCKS_PER_SAMPLE = 16, /* of four random words: one for mirror and place, one for each try */
  COLOURS = 3
};

static const double default_least_share = 0.08, default_most_share = 1, least_ratio = 3.0 / 4, most_ratio = 4.0 / 3;

static const char *const names[] = {"none", "flip", "crop-flip", "resized-crop-flip"};

const char *flr_augment_name(flr_augment_kind kind) { return names[kind]; }

/* ---- choosing ---- */

flr_status flr_augment_parse_scale(const char *text, double *least, double *most) {
  char *end;
  *least = default_least_share;
  *most = default_most_share;
  if (!text) return FLR_OK;
  *least = strtod(text, &end);
  const int comma = end != text && *end == ',';
  const char *second = comma ? end + 1 : text;
  *most = strtod(second, &end);
  if (comma && end != second && !*end && *least > 0 && *least <= *most && *most <= 1) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--crop-scale: %.40s is not allowed: two shares of the image's area A,B, 0 < A <= B <= 1",
                  text[0] ? text : "\"\"");
}

static int64_t shorter(int64_t a, int64_t b) { return a < b ? a : b; }

static flr_status find_kind(flr_augment *a, const flr_dataset *d, const char *name) {
  for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
    if (strcmp(name, names[i]) != 0) continue;
    a->kind = (flr_augment_kind)i;
    if (!d->features || a->kind == FLR_AUGMENT_NONE) return FLR_OK;
    return flr_fail(FLR_ERROR_USAGE, "--augment: %s is for images, %s has features: leave it out", name, d->source);
  }
  if (d->features || d->channels != COLOURS) return FLR_OK;
  const int large = d->height > LARGEST_SMALL || d->width > LARGEST_SMALL;
  const int tiny = shorter(d->height, d->width) <= DEFAULT_PAD;
  a->kind = large ? FLR_AUGMENT_RESIZED_CROP_FLIP : tiny ? FLR_AUGMENT_FLIP : FLR_AUGMENT_CROP_FLIP;
  return FLR_OK;
}

static flr_status set_size(flr_augment *a, const flr_dataset *d, int64_t size) {
  const int64_t side = shorter(d->height, d->width);
  if (size < 0) return FLR_OK;
  if (d->features)
    return flr_fail(FLR_ERROR_USAGE, "--crop-size: %lld is for images, %s has features: leave it out", (long long)size,
                    d->source);
  if (size > side)
    return flr_fail(FLR_ERROR_USAGE, "--crop-size: %lld is larger than the images of %s, %lldx%lld: at most %lld",
                    (long long)size, d->source, (long long)d->height, (long long)d->width, (long long)side);
  a->out_height = a->out_width = size;
  return FLR_OK;
}

static flr_status set_pad(flr_augment *a, const flr_dataset *d, int64_t pad) {
  const int64_t side = shorter(d->height, d->width);
  if (a->kind != FLR_AUGMENT_CROP_FLIP) {
    if (pad >= 0 && a->random)
      return flr_fail(FLR_ERROR_USAGE, "--crop-pad: %lld is for --augment crop-flip, not for %s: leave it out", (long long)pad,
                      names[a->kind]);
    return FLR_OK;
  }
  const int whole = a->out_height == a->height && a->out_width == a->width;
  a->pad = pad >= 0 ? pad : whole ? DEFAULT_PAD : 0;
  if (a->pad < side) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE,
                  "--crop-pad: %lld is not allowed for images of %lldx%lld (%s): reflected are at most %lld rows and columns",
                  (long long)a->pad, (long long)d->height, (long long)d->width, d->source, (long long)side - 1);
}

static flr_status set_scale(flr_augment *a, const char *scale) {
  FLR_TRY(flr_augment_parse_scale(scale, &a->least_share, &a->most_share));
  if (!scale || !a->random || a->kind == FLR_AUGMENT_RESIZED_CROP_FLIP) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--crop-scale: %.40s is for --augment resized-crop-flip, not for %s: leave it out", scale,
                  names[a->kind]);
}

flr_status flr_augment_init(flr_augment *out, const flr_dataset *d, const flr_augment_options *o) {
  *out = (flr_augment){.random = o->random,
                       .height = d->height,
                       .width = d->width,
                       .channels = d->channels,
                       .out_height = d->height,
                       .out_width = d->width,
                       .dtype = d->dtype};
  FLR_TRY(find_kind(out, d, o->kind));
  FLR_TRY(set_size(out, d, o->crop_size));
  FLR_TRY(set_pad(out, d, o->crop_pad));
  return set_scale(out, o->scale);
}

flr_augment flr_augment_at_test_time(const flr_augment *a) {
  flr_augment out = *a;
  out.random = 0;
  return out;
}

static int is_whole(const flr_augment *a) { return a->out_height == a->height && a->out_width == a->width; }

int flr_augment_is_identity(const flr_augment *a) { return is_whole(a) && (!a->random || a->kind == FLR_AUGMENT_NONE); }

size_t flr_augment_out_bytes(const flr_augment *a) {
  return (size_t)(a->out_height * a->out_width * a->channels) * flr_dtype_size(a->dtype);
}

static size_t stored_bytes(const flr_augment *a) {
  return (size_t)(a->height * a->width * a->channels) * flr_dtype_size(a->dtype);
}

/* ---- drawing ---- */

uint64_t flr_augment_key(uint64_t seed, flr_rng_stream stream, int64_t epoch) {
  return flr_rng_key(flr_rng_key(seed, FLR_STREAM_AUGMENT, (uint64_t)stream), FLR_STREAM_AUGMENT, (uint64_t)epoch);
}

/* The block-th four words of a sample. */
static void draw(uint32_t out[4], uint64_t key, int64_t row, int block) {
  flr_philox(out, key, (uint64_t)row * BLOCKS_PER_SAMPLE + (uint64_t)block);
}

/* In 0 .. count - 1. */
static int64_t among(uint32_t word, int64_t count) { return (int64_t)(((uint64_t)word * (uint64_t)count) >> 32); }

/* In low .. high. */
static double between(uint32_t word, double low, double high) { return low + (double)word * 0x1p-32 * (high - low); }

static void take_window(flr_augment_view *v, int64_t top, int64_t left, int64_t height, int64_t width) {
  v->top = top;
  v->left = left;
  v->height = v->scaled_height = height;
  v->width = v->scaled_width = width;
}

/* The largest window with an allowed ratio, in the middle. */
static void take_middle(flr_augment_view *v, const flr_augment *a) {
  const double ratio = (double)a->width / (double)a->height;
  int64_t height = a->height, width = a->width;
  if (ratio < least_ratio) height = llrint((double)width / least_ratio);
  if (ratio > most_ratio) width = llrint((double)height * most_ratio);
  take_window(v, (a->height - height) / 2, (a->width - width) / 2, height, width);
}

static void draw_resized_crop(flr_augment_view *v, const flr_augment *a, uint64_t key, int64_t row) {
  const double area = (double)a->height * (double)a->width;
  take_middle(v, a);
  for (int i = 0; i < TRIES; i++) {
    uint32_t word[4];
    draw(word, key, row, 1 + i);
    const double share = area * between(word[0], a->least_share, a->most_share);
    const double ratio = exp(between(word[1], log(least_ratio), log(most_ratio)));
    const int64_t width = llrint(sqrt(share * ratio)), height = llrint(sqrt(share / ratio));
    if (width < 1 || width > a->width || height < 1 || height > a->height) continue;
    take_window(v, among(word[2], a->height - height + 1), among(word[3], a->width - width + 1), height, width);
    break;
  }
  v->scaled_height = a->out_height;
  v->scaled_width = a->out_width;
}

/* torchvision's CenterCrop: round((size - out) / 2), of two the even one. */
static int64_t middle(int64_t size, int64_t out) {
  const int64_t half = (size - out) / 2;
  return (size - out) % 2 ? half + (half & 1) : half;
}

/* What is delivered at test time, and in training where nothing is cropped. */
static void take_center(flr_augment_view *v, const flr_augment *a) {
  const int64_t side = shorter(a->height, a->width);
  const int64_t wanted = llrint((double)shorter(a->out_height, a->out_width) * 256 / 224);
  if (is_whole(a)) {
    take_window(v, 0, 0, a->height, a->width);
  } else if (a->kind == FLR_AUGMENT_CROP_FLIP || side <= wanted) {
    take_window(v, middle(a->height, a->out_height), middle(a->width, a->out_width), a->out_height, a->out_width);
  } else {
    take_window(v, 0, 0, a->height, a->width);
    v->scaled_height = a->height * wanted / side;
    v->scaled_width = a->width * wanted / side;
    v->skip_y = middle(v->scaled_height, a->out_height);
    v->skip_x = middle(v->scaled_width, a->out_width);
  }
}

static void draw_crop(flr_augment_view *v, const flr_augment *a, const uint32_t word[4]) {
  const int64_t top = among(word[1], a->height + 2 * a->pad - a->out_height + 1) - a->pad;
  const int64_t left = among(word[2], a->width + 2 * a->pad - a->out_width + 1) - a->pad;
  take_window(v, top, left, a->out_height, a->out_width);
}

void flr_augment_view_at(flr_augment_view *out, const flr_augment *a, uint64_t key, int64_t row) {
  uint32_t word[4];
  *out = (flr_augment_view){0};
  if (!a->random || a->kind <= FLR_AUGMENT_FLIP) take_center(out, a);
  if (!a->random || a->kind == FLR_AUGMENT_NONE) return;
  draw(word, key, row, 0);
  out->mirrored = (int)(word[0] >> 31);
  if (a->kind == FLR_AUGMENT_CROP_FLIP) draw_crop(out, a, word);
  if (a->kind == FLR_AUGMENT_RESIZED_CROP_FLIP) draw_resized_crop(out, a, key, row);
}

/* ---- making ---- */

flr_status flr_augment_space_init(flr_augment_space *out, const flr_augment *a) {
  const double down = (double)a->height / (double)a->out_height, across = (double)a->width / (double)a->out_width;
  *out = (flr_augment_space){0};
  if (flr_augment_is_identity(a)) return FLR_OK;
  flr_status status = flr_alloc(&out->sample, (int64_t)stored_bytes(a), 1);
  if (status == FLR_OK)
    status = flr_resample_space_init(&out->resample, a->width, a->channels, a->out_height, a->out_width, fmax(down, across));
  if (status != FLR_OK) flr_augment_space_clear(out);
  return status;
}

void flr_augment_space_clear(flr_augment_space *space) {
  flr_free(space->sample);
  flr_resample_space_clear(&space->resample);
  space->sample = NULL;
}

/* A place beside 0 .. size - 1 by its mirror image in the edge pixel, which is not repeated. */
static int64_t reflect(int64_t at, int64_t size) { return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at; }

/* Pixels of a known size are moved by a few instructions instead of a call. */
static void move_pixel(char *restrict to, const char *restrict from, size_t pixel) {
  if (pixel == 3)
    memcpy(to, from, 3);
  else if (pixel == 1)
    *to = *from;
  else
    memcpy(to, from, pixel);
}

/* Columns from `left` on, of which those beside the image are reflected; from right to left where mirrored. */
static void crop_row(const flr_augment_view *v, int64_t image_width, size_t pixel, const char *in, char *out) {
  const int64_t inside = v->left > 0 ? 0 : shorter(-v->left, v->width), right = shorter(image_width - v->left, v->width);
  const int64_t end = right > inside ? right : inside;
  if (!v->mirrored && end > inside)
    memcpy(out + (size_t)inside * pixel, in + (size_t)(v->left + inside) * pixel, (size_t)(end - inside) * pixel);
  for (int64_t x = 0; x < v->width; x++) {
    if (!v->mirrored && x == inside) x = end;
    if (x >= v->width) break;
    const int64_t to = v->mirrored ? v->width - 1 - x : x;
    move_pixel(out + (size_t)to * pixel, in + (size_t)reflect(v->left + x, image_width) * pixel, pixel);
  }
}

static void crop(const flr_augment *a, const flr_augment_view *v, const char *in, char *out) {
  const size_t pixel = (size_t)a->channels * flr_dtype_size(a->dtype);
  for (int64_t y = 0; y < v->height; y++)
    crop_row(v, a->width, pixel, in + (size_t)(reflect(v->top + y, a->height) * a->width) * pixel,
             out + (size_t)(y * v->width) * pixel);
}

void flr_augment_apply(const flr_augment *a, flr_augment_space *space, const flr_augment_view *v, const void *in, void *out) {
  if (v->scaled_height == v->height && v->scaled_width == v->width) {
    crop(a, v, in, out);
    return;
  }
  const flr_resample_job job = {.dtype = a->dtype,
                                .channels = a->channels,
                                .image_width = a->width,
                                .top = v->top,
                                .left = v->left,
                                .height = v->height,
                                .width = v->width,
                                .scaled_height = v->scaled_height,
                                .scaled_width = v->scaled_width,
                                .skip_y = v->skip_y,
                                .skip_x = v->skip_x,
                                .out_height = a->out_height,
                                .out_width = a->out_width,
                                .mirrored = v->mirrored};
  flr_resample_window(&job, &space->resample, in, out);
}

/* Samples delivered are never larger than those stored: writing one spoils none that is still to be read. */
void flr_augment_batch(const flr_augment *a, flr_augment_space *space, uint64_t key, const int64_t *rows, int64_t n,
                       void *samples) {
  const size_t stored = stored_bytes(a), delivered = flr_augment_out_bytes(a);
  if (flr_augment_is_identity(a)) return;
  for (int64_t i = 0; i < n; i++) {
    flr_augment_view view;
    flr_augment_view_at(&view, a, key, rows[i]);
    memcpy(space->sample, (const char *)samples + (size_t)i * stored, stored);
    flr_augment_apply(a, space, &view, space->sample, (char *)samples + (size_t)i * delivered);
  }
}
