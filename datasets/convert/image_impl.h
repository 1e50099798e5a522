/* What reads one format is to the reader of images. For this room. */
#ifndef FLR_DATASETS_CONVERT_IMAGE_IMPL_H
#define FLR_DATASETS_CONVERT_IMAGE_IMPL_H

#include "datasets/convert/image.h"

/* Memory that is kept for the next image. */
typedef struct flr_pixels {
  unsigned char *data; /* [height, width, channels] */
  unsigned char *base; /* what holds them; owned */
  size_t room;
  int64_t height, width;
  int channels;
} flr_pixels;

/* Room for an image of this shape; what was in it is lost. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_pixels_resize(flr_pixels *pixels, int64_t height, int64_t width, int channels);
void flr_pixels_clear(flr_pixels *pixels);

/* Refuses what is larger than allowed, before memory is taken for it. Errors: FLR_ERROR_DATA with both numbers. Pure. */
flr_status flr_image_check_size(const flr_image_options *options, int64_t height, int64_t width);

/* One format. A decoder is made once and used for many images, good and bad. */
typedef struct flr_image_format {
  const char *library;
  unsigned char magic[8];
  int magic_bytes;
  int available;
  flr_status (*create)(void **out);
  void (*destroy)(void *decoder);
  /* To pixels of options->channels. out NULL: the size alone. *orientation: EXIF's 1..8, 1 when the file has none. The JPEG
     decoder may make an image smaller that will be much reduced anyway. Errors: FLR_ERROR_DATA with what is wrong. */
  flr_status (*decode)(void *decoder, const unsigned char *data, size_t size, const flr_image_options *options, flr_pixels *out,
                       int64_t *height, int64_t *width, int *orientation);
} flr_image_format;

extern const flr_image_format flr_image_jpeg, flr_image_png;

/* The orientation that a block of EXIF data (from its TIFF header on) tells, 1..8; 1 when it tells none. Pure. */
int flr_exif_orientation(const unsigned char *data, size_t size);
/* Turns and mirrors `in` as the orientation, 1..8, says. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_image_orient(flr_pixels *out, const flr_pixels *in, int orientation);

/* Brightness of a colour, as libjpeg computes it. */
static inline unsigned char flr_grey(int r, int g, int b) {
  return (unsigned char)((19595 * r + 38470 * g + 7471 * b + 32768) >> 16);
}

/* Weights of a reduction or enlargement along one axis. */
typedef struct flr_resampler {
  int64_t in, out, first, count;   /* out: of the whole axis; weights are for first..first + count - 1 of them */
  int64_t taps;                    /* at most, per output */
  int32_t *from, *taken, *weights; /* [count], [count], [count, taps]; owned */
  int64_t room[2];
} flr_resampler;

typedef struct flr_resize {
  flr_resampler x, y;
  flr_pixels between;
} flr_resize;

/* The short side becomes `size` and the square in the middle is taken: Pillow's BILINEAR (a triangle that covers all input
   pixels when it reduces) to the bit, rounding and cropping as torchvision's Resize and CenterCrop do. (datasets/resample.h
   makes training's crops with the same weights, of floats too: it rounds once at the end, where Pillow rounds after each axis.)
   Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_resize_run(flr_resize *resize, flr_pixels *out, const flr_pixels *in, int64_t size);
void flr_resize_clear(flr_resize *resize);

#endif
