/* Resizing part of an image by antialiased bilinear interpolation. */
#ifndef FLR_DATASETS_RESAMPLE_H
#define FLR_DATASETS_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "tensor/tensor.h"

/* A thread's memory for images of up to some size. */
typedef struct flr_resample_space {
  int32_t *first, *count; /* [2, most outputs]: of rows, then of columns */
  float *weights;         /* [2, most outputs, stride] */
  float *blended, *row;   /* a row of the window, of the output; with room for one more vector */
  int64_t most, stride;
} flr_resample_space;

/* For windows of up to `width` columns, of which at most out_height x out_width pixels are made, each of at most `most_scale`
   of the window's per axis. Errors: out of memory. *out is cleared by the caller. */
flr_status flr_resample_space_init(flr_resample_space *out, int64_t width, int64_t channels, int64_t out_height,
                                   int64_t out_width, double most_scale);
void flr_resample_space_clear(flr_resample_space *space);

/* The window of an image in memory (row stride in pixels), as it is resized to scaled_height x scaled_width, and which
   out_height x out_width pixels of that are wanted, from row skip_y and column skip_x on. */
typedef struct flr_resample_job {
  flr_dtype dtype; /* FLR_U8 or FLR_F32, in and out */
  int64_t channels, image_width;
  int64_t top, left, height, width;
  int64_t scaled_height, scaled_width, skip_y, skip_x;
  int64_t out_height, out_width;
  int mirrored; /* columns from right to left */
} flr_resample_job;

/* Output i of an axis that takes `in` pixels to `scaled` is the mean of the pixels around c = (i + 1/2) s with s = in / scaled,
   pixel j weighted by max(0, 1 - |j + 1/2 - c| / max(s, 1)); nothing outside the window counts. This is what Pillow's BILINEAR
   and torchvision's antialias=True compute. Both axes are taken in float32 with one rounding at the end, for bytes to the
   nearest (halves up); the order of operations is fixed, so that every processor gives the same bits. Allocates nothing.
   (Converting images wants the bytes of Pillow itself, which rounds after each axis: datasets/convert/image_impl.h.) */
void flr_resample_window(const flr_resample_job *job, flr_resample_space *space, const void *image, void *out);

#endif
