/* PNG by libpng: any depth to 8 bits, palettes to colours, what is transparent over white. */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "datasets/convert/image_impl.h"

enum { MESSAGE = 128, SIDE_LIMIT = 0x7fffffff, RGBA = 4 };

typedef struct png_decoder {
  char message[MESSAGE];
  const unsigned char *data; /* what is left of the file; borrowed while decoding */
  size_t size;
  unsigned char *rows; /* one row, or the whole image when it is interlaced, as RGBA; owned */
  size_t rows_room;
} png_decoder;

static void fail(png_structp png, png_const_charp text) {
  png_decoder *d = png_get_error_ptr(png);
  (void)snprintf(d->message, sizeof d->message, "%s", text);
  longjmp(png_jmpbuf(png), 1);
}

static void pass_over(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void read_data(png_structp png, png_bytep out, size_t n) {
  png_decoder *d = png_get_io_ptr(png);
  if (n > d->size) png_error(png, "it ends too early");
  memcpy(out, d->data, n);
  d->data += n;
  d->size -= n;
}

static flr_status create(void **out) { return flr_alloc(out, 1, sizeof(png_decoder)); }

static void destroy(void *decoder) {
  png_decoder *d = decoder;
  flr_free(d->rows);
  flr_free(d);
}

/* ---- one image ---- */

/* Everything becomes 8-bit RGBA. */
static void ask_for_rgba(png_structp png) {
  png_set_scale_16(png);
  png_set_expand(png);
  png_set_gray_to_rgb(png);
  png_set_add_alpha(png, 0xFF, PNG_FILLER_AFTER);
}

static int over_white(int value, int alpha) { return (value * alpha + 255 * (255 - alpha) + 127) / 255; }

static void put_row(const unsigned char *rgba, int64_t width, int channels, unsigned char *out) {
  for (int64_t i = 0; i < width; i++, rgba += RGBA) {
    const int r = over_white(rgba[0], rgba[3]), g = over_white(rgba[1], rgba[3]), b = over_white(rgba[2], rgba[3]);
    if (channels == 1) {
      out[i] = flr_grey(r, g, b);
      continue;
    }
    out[3 * i] = (unsigned char)r;
    out[3 * i + 1] = (unsigned char)g;
    out[3 * i + 2] = (unsigned char)b;
  }
}

static flr_status make_rows(png_decoder *d, int64_t rows, int64_t width) {
  const size_t bytes = (size_t)rows * (size_t)width * RGBA;
  if (bytes <= d->rows_room) return FLR_OK;
  flr_free(d->rows);
  d->rows = NULL;
  d->rows_room = 0;
  FLR_TRY(flr_alloc(&d->rows, (int64_t)bytes, 1));
  d->rows_room = bytes;
  return FLR_OK;
}

/* The passes of an interlaced image fill the same rows one after the other. */
static flr_status read_rows(png_decoder *d, png_structp png, int passes, flr_pixels *out) {
  const size_t row_bytes = (size_t)out->width * RGBA, to_bytes = (size_t)out->width * (size_t)out->channels;
  FLR_TRY(make_rows(d, passes > 1 ? out->height : 1, out->width));
  for (int pass = 0; pass < passes; pass++)
    for (int64_t y = 0; y < out->height; y++) {
      unsigned char *row = d->rows + (passes > 1 ? (size_t)y * row_bytes : 0);
      png_read_row(png, row, NULL);
      if (pass == passes - 1) put_row(row, out->width, out->channels, out->data + (size_t)y * to_bytes);
    }
  return FLR_OK;
}

static int find_orientation(png_structp png, png_infop info) {
  png_uint_32 size = 0;
  png_bytep exif = NULL;
  if (!png_get_eXIf_1(png, info, &size, &exif) || !exif) return 1;
  return flr_exif_orientation(exif, size);
}

static flr_status decode_open(png_decoder *d, png_structp png, png_infop info, const flr_image_options *options,
                              flr_pixels *out, int64_t *height, int64_t *width, int *orientation) {
  png_read_info(png, info);
  *height = png_get_image_height(png, info);
  *width = png_get_image_width(png, info);
  FLR_TRY(flr_image_check_size(options, *height, *width));
  *orientation = find_orientation(png, info);
  if (!out) return FLR_OK;
  ask_for_rgba(png);
  const int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (png_get_rowbytes(png, info) != (size_t)*width * RGBA) return flr_fail(FLR_ERROR_DATA, "libpng cannot make colours of it");
  FLR_TRY(flr_pixels_resize(out, *height, *width, options->channels));
  return read_rows(d, png, passes, out);
}

static flr_status decode_with(png_decoder *d, png_structp png, png_infop info, const flr_image_options *options,
                              flr_pixels *out, int64_t *height, int64_t *width, int *orientation) {
  static const unsigned char unread[] = "iCCP\0zTXt\0iTXt\0tEXt\0sPLT";
  if (setjmp(png_jmpbuf(png))) return flr_fail(FLR_ERROR_DATA, "it is damaged or cut off: libpng says: %s", d->message);
  png_set_read_fn(png, d, read_data);
  png_set_user_limits(png, SIDE_LIMIT, SIDE_LIMIT);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, unread, 5);
  return decode_open(d, png, info, options, out, height, width, orientation);
}

static flr_status decode(void *decoder, const unsigned char *data, size_t size, const flr_image_options *options,
                         flr_pixels *out, int64_t *height, int64_t *width, int *orientation) {
  png_decoder *d = decoder;
  flr_status status = FLR_ERROR_INTERNAL;
  d->data = data;
  d->size = size;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, fail, pass_over);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (info)
    status = decode_with(d, png, info, options, out, height, width, orientation);
  else
    (void)flr_fail(status, "libpng cannot be used: out of memory, or another version than this build's");
  png_destroy_read_struct(&png, &info, NULL);
  return status;
}

const flr_image_format flr_image_png = {.library = "libpng",
                                        .magic = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'},
                                        .magic_bytes = 8,
                                        .available = 1,
                                        .create = create,
                                        .destroy = destroy,
                                        .decode = decode};
