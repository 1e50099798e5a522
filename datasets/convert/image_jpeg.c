/* JPEG by libjpeg-turbo: the pixels that its own djpeg gives. */
#include <jerror.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
/* it wants stdio.h before it */
#include <jpeglib.h>

#include "core/memory.h"
#include "datasets/convert/image_impl.h"

enum { EXIF_MARKER = JPEG_APP0 + 1, EXIF_HEAD = 6, MOST_SCANS = 500, INKS = 4, SPARE_FACTOR = 3 };

typedef struct jpeg_decoder {
  struct jpeg_decompress_struct c;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf back;
  char message[JMSG_LENGTH_MAX];
  unsigned char *row; /* of four inks; owned */
  size_t row_room;
} jpeg_decoder;

static void fail(j_common_ptr c) {
  jpeg_decoder *d = c->client_data;
  c->err->format_message(c, d->message);
  longjmp(d->back, 1);
}

/* libjpeg goes on with grey where data are missing. Only what leaves every pixel as it was meant is passed over. */
static void judge_warning(j_common_ptr c, int level) {
  if (level >= 0) return;
  switch (c->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_TOO_MUCH_DATA: break;
    default: fail(c);
  }
}

static void print_nothing(j_common_ptr c) { (void)c; }

/* A small file of very many scans would take hours. */
static void count_scans(j_common_ptr c) {
  jpeg_decoder *d = c->client_data;
  if (!c->is_decompressor || d->c.input_scan_number <= MOST_SCANS) return;
  (void)snprintf(d->message, sizeof d->message, "it has more than %d scans", MOST_SCANS);
  longjmp(d->back, 1);
}

static flr_status create(void **out) {
  jpeg_decoder *d;
  FLR_TRY(flr_alloc(&d, 1, sizeof *d));
  d->c.err = jpeg_std_error(&d->errors);
  d->errors.error_exit = fail;
  d->errors.emit_message = judge_warning;
  d->errors.output_message = print_nothing;
  d->c.client_data = d;
  if (setjmp(d->back)) {
    const flr_status status = flr_fail(FLR_ERROR_UNAVAILABLE, "libjpeg cannot be used: %s", d->message);
    flr_free(d);
    return status;
  }
  jpeg_create_decompress(&d->c);
  d->c.client_data = d;
  d->progress.progress_monitor = count_scans;
  d->c.progress = &d->progress;
  jpeg_save_markers(&d->c, EXIF_MARKER, 0xFFFF);
  *out = d;
  return FLR_OK;
}

static void destroy(void *decoder) {
  jpeg_decoder *d = decoder;
  jpeg_destroy_decompress(&d->c);
  flr_free(d->row);
  flr_free(d);
}

/* ---- one image ---- */

static int find_orientation(const jpeg_decoder *d) {
  for (jpeg_saved_marker_ptr m = d->c.marker_list; m; m = m->next)
    if (m->marker == EXIF_MARKER && m->data_length > EXIF_HEAD && memcmp(m->data, "Exif\0", EXIF_HEAD) == 0)
      return flr_exif_orientation(m->data + EXIF_HEAD, m->data_length - EXIF_HEAD);
  return 1;
}

static int has_inks(const jpeg_decoder *d) { return d->c.jpeg_color_space == JCS_CMYK || d->c.jpeg_color_space == JCS_YCCK; }

/* Where the image will be made much smaller, its frequencies are left out first; what is left is still three times as large as
   what is wanted, so that the filter behind it decides what the result looks like. */
static void choose_scale(jpeg_decoder *d, int64_t size) {
  const int64_t side = d->c.image_width < d->c.image_height ? d->c.image_width : d->c.image_height;
  d->c.scale_num = 1;
  for (d->c.scale_denom = 8; d->c.scale_denom > 1; d->c.scale_denom /= 2)
    if (side / d->c.scale_denom >= SPARE_FACTOR * size) break;
  if (size == 0) d->c.scale_denom = 1;
}

/* Inks are stored inverted, 255 is none: Adobe began it, and readers take all files so. */
static void mix_inks(const unsigned char *inks, int64_t width, int channels, unsigned char *out) {
  for (int64_t i = 0; i < width; i++, inks += INKS) {
    int light[3];
    for (int k = 0; k < 3; k++) light[k] = (inks[k] * inks[3] + 127) / 255;
    if (channels == 1) out[i] = flr_grey(light[0], light[1], light[2]);
    for (int k = 0; k < channels && channels == 3; k++) out[3 * i + k] = (unsigned char)light[k];
  }
}

static flr_status make_row(jpeg_decoder *d) {
  const size_t bytes = (size_t)d->c.output_width * INKS;
  if (bytes <= d->row_room) return FLR_OK;
  flr_free(d->row);
  d->row = NULL;
  d->row_room = 0;
  FLR_TRY(flr_alloc(&d->row, (int64_t)bytes, 1));
  d->row_room = bytes;
  return FLR_OK;
}

static flr_status read_rows(jpeg_decoder *d, flr_pixels *out) {
  const size_t row_bytes = (size_t)out->width * (size_t)out->channels;
  const int inks = has_inks(d);
  if (inks) FLR_TRY(make_row(d));
  while (d->c.output_scanline < d->c.output_height) {
    unsigned char *row = out->data + d->c.output_scanline * row_bytes;
    JSAMPROW to = inks ? d->row : row;
    (void)jpeg_read_scanlines(&d->c, &to, 1);
    if (inks) mix_inks(d->row, out->width, out->channels, row);
  }
  return FLR_OK;
}

static flr_status decode_open(jpeg_decoder *d, const flr_image_options *options, flr_pixels *out, int64_t *height,
                              int64_t *width, int *orientation) {
  (void)jpeg_read_header(&d->c, TRUE);
  FLR_TRY(flr_image_check_size(options, d->c.image_height, d->c.image_width));
  *orientation = find_orientation(d);
  *height = d->c.image_height;
  *width = d->c.image_width;
  if (!out) return FLR_OK;
  d->c.out_color_space = has_inks(d) ? JCS_CMYK : options->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  choose_scale(d, options->size);
  (void)jpeg_start_decompress(&d->c);
  FLR_TRY(flr_pixels_resize(out, d->c.output_height, d->c.output_width, options->channels));
  return read_rows(d, out);
}

static flr_status decode(void *decoder, const unsigned char *data, size_t size, const flr_image_options *options,
                         flr_pixels *out, int64_t *height, int64_t *width, int *orientation) {
  jpeg_decoder *d = decoder;
  flr_status status;
  if (setjmp(d->back))
    status = flr_fail(FLR_ERROR_DATA, "it is damaged or cut off: libjpeg says: %s", d->message);
  else {
    jpeg_mem_src(&d->c, data, size);
    status = decode_open(d, options, out, height, width, orientation);
  }
  jpeg_abort_decompress(&d->c);
  return status;
}

const flr_image_format flr_image_jpeg = {.library = "libjpeg",
                                         .magic = {0xFF, 0xD8, 0xFF},
                                         .magic_bytes = 3,
                                         .available = 1,
                                         .create = create,
                                         .destroy = destroy,
                                         .decode = decode};
