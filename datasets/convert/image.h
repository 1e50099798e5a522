/* One image file after another into samples of one shape: read, recognised by its content, decoded, turned as its camera was
   held, resized and cropped. */
#ifndef FLR_DATASETS_CONVERT_IMAGE_H
#define FLR_DATASETS_CONVERT_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct flr_image_options {
  int channels;       /* 1 or 3 */
  int64_t size;       /* the short side is resized to it, then a square is cut from the middle; 0: images stay as they are */
  int64_t max_pixels; /* larger images are refused before they are decoded */
} flr_image_options;

typedef struct flr_image_reader flr_image_reader;

/* What one thread reads images with; its memory grows to what the largest image needs: its file, its pixels, and where they are
   turned as much again, where they come from a progressive JPEG twice that, from an interlaced PNG 4 bytes a pixel. *out is
   owned by the caller. Errors: FLR_ERROR_UNAVAILABLE (built without libjpeg and libpng). Not collective. */
flr_status flr_image_reader_create(flr_image_reader **out, const flr_image_options *options);
void flr_image_reader_destroy(flr_image_reader *reader);

/* Reads the file of this path. *pixels: [height, width, channels], the reader's own until its next call. Errors, without the
   path: FLR_ERROR_DATA (no regular file, neither JPEG nor PNG, cut off, damaged, too large), FLR_ERROR_NO_INPUT (cannot be
   opened), FLR_ERROR_IO, FLR_ERROR_UNAVAILABLE (built without the library for it), FLR_ERROR_INTERNAL (memory). */
flr_status flr_image_read(flr_image_reader *reader, const char *path, const unsigned char **pixels, int64_t *height,
                          int64_t *width);
/* The same from bytes in memory. */
flr_status flr_image_decode(flr_image_reader *reader, const void *data, size_t size, const unsigned char **pixels,
                            int64_t *height, int64_t *width);
/* The size that an image will have, from its header alone: nothing is decoded. Errors as of reading. */
flr_status flr_image_probe(flr_image_reader *reader, const char *path, int64_t *height, int64_t *width);

/* "libjpeg", "libpng": whether this build has it. */
int flr_image_has(const char *library);

#endif
