/* From a path to pixels. */
#include "datasets/convert/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "datasets/convert/image_impl.h"

/* libjpeg-turbo writes rows that begin at multiples of 32 bytes past the caches, from where they are read again at once:
   decoding small images then takes 1.6 times as long. */
enum { ODD_BYTES = 16 };

enum { FIRST_ROOM = 1 << 16, HEADER_BYTES = 16, MOST_BYTES_PER_PIXEL = 8, SPARE_BYTES = 16 << 20 };

static const flr_image_format *const formats[] = {&flr_image_jpeg, &flr_image_png};

enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

struct flr_image_reader {
  flr_image_options options;
  void *decoders[FORMAT_COUNT]; /* owned; NULL where the library is missing */
  unsigned char *file;          /* owned */
  size_t file_room;
  flr_pixels decoded, turned, fitted;
  flr_resize resize;
};

int flr_image_has(const char *library) {
  for (int i = 0; i < FORMAT_COUNT; i++)
    if (strcmp(formats[i]->library, library) == 0) return formats[i]->available;
  return 0;
}

flr_status flr_pixels_resize(flr_pixels *pixels, int64_t height, int64_t width, int channels) {
  const size_t bytes = (size_t)height * (size_t)width * (size_t)channels;
  pixels->height = height;
  pixels->width = width;
  pixels->channels = channels;
  if (bytes <= pixels->room) return FLR_OK;
  flr_free(pixels->base);
  pixels->base = pixels->data = NULL;
  pixels->room = 0;
  FLR_TRY(flr_alloc(&pixels->base, (int64_t)bytes + ODD_BYTES, 1));
  pixels->data = pixels->base + ODD_BYTES;
  pixels->room = bytes;
  return FLR_OK;
}

void flr_pixels_clear(flr_pixels *pixels) {
  flr_free(pixels->base);
  *pixels = (flr_pixels){0};
}

flr_status flr_image_check_size(const flr_image_options *options, int64_t height, int64_t width) {
  if (height < 1 || width < 1) return flr_fail(FLR_ERROR_DATA, "it has %lldx%lld pixels", (long long)width, (long long)height);
  if (height <= options->max_pixels / width) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "its %lldx%lld pixels are more than --max-pixels %lld", (long long)width, (long long)height,
                  (long long)options->max_pixels);
}

flr_status flr_image_reader_create(flr_image_reader **out, const flr_image_options *options) {
  flr_image_reader *r;
  *out = NULL;
  if (!flr_image_jpeg.available && !flr_image_png.available)
    return flr_fail(FLR_ERROR_UNAVAILABLE, "this build reads no images: build it where libjpeg-turbo and libpng are installed");
  FLR_TRY(flr_alloc(&r, 1, sizeof *r));
  r->options = *options;
  flr_status status = FLR_OK;
  for (int i = 0; i < FORMAT_COUNT && status == FLR_OK; i++)
    if (formats[i]->available) status = formats[i]->create(&r->decoders[i]);
  if (status == FLR_OK) status = flr_alloc(&r->file, FIRST_ROOM, 1);
  if (status == FLR_OK)
    r->file_room = FIRST_ROOM;
  else
    flr_image_reader_destroy(r);
  if (status == FLR_OK) *out = r;
  return status;
}

void flr_image_reader_destroy(flr_image_reader *r) {
  if (!r) return;
  for (int i = 0; i < FORMAT_COUNT; i++)
    if (r->decoders[i]) formats[i]->destroy(r->decoders[i]);
  flr_pixels_clear(&r->decoded);
  flr_pixels_clear(&r->turned);
  flr_pixels_clear(&r->fitted);
  flr_resize_clear(&r->resize);
  flr_free(r->file);
  flr_free(r);
}

/* ---- the file ---- */

/* Formats that people do have in such folders, by how they begin. */
static const char *name_foreign(const unsigned char *data, size_t size) {
  static const struct {
    const char *magic;
    size_t at, length;
    const char *name;
  } known[] = {{"GIF8", 0, 4, "GIF"},       {"BM", 0, 2, "BMP"},        {"II*\0", 0, 4, "TIFF"},   {"MM\0*", 0, 4, "TIFF"},
               {"WEBP", 8, 4, "WebP"},      {"ftypavif", 4, 8, "AVIF"}, {"ftyphei", 4, 7, "HEIC"}, {"%PDF", 0, 4, "PDF"},
               {"<!DOCTYPE", 0, 9, "HTML"}, {"<html", 0, 5, "HTML"},    {"<?xml", 0, 5, "XML"},    {"<svg", 0, 4, "SVG"}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (size >= known[i].at + known[i].length && memcmp(data + known[i].at, known[i].magic, known[i].length) == 0)
      return known[i].name;
  return NULL;
}

/* *which: its format. */
static flr_status recognise(const flr_image_reader *r, const unsigned char *data, size_t size, int *which) {
  for (*which = 0; *which < FORMAT_COUNT; (*which)++) {
    const flr_image_format *f = formats[*which];
    if (size < (size_t)f->magic_bytes || memcmp(data, f->magic, (size_t)f->magic_bytes) != 0) continue;
    if (r->decoders[*which]) return FLR_OK;
    return flr_fail(FLR_ERROR_UNAVAILABLE, "this build lacks %s, which reads it", f->library);
  }
  const char *name = name_foreign(data, size);
  if (size == 0) return flr_fail(FLR_ERROR_DATA, "it is empty (0 bytes)");
  if (name) return flr_fail(FLR_ERROR_DATA, "it is %s: JPEG and PNG are read", name);
  return flr_fail(FLR_ERROR_DATA, "it is neither JPEG nor PNG");
}

/* Up to n bytes from the file's beginning; *got: how many. */
static flr_status read_bytes(int fd, unsigned char *out, size_t n, size_t *got) {
  for (*got = 0; *got < n;) {
    const ssize_t done = pread(fd, out + *got, n - *got, (off_t)*got);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return flr_fail(FLR_ERROR_IO, "%s", strerror(errno));
    if (done == 0) break;
    *got += (size_t)done;
  }
  return FLR_OK;
}

static flr_status make_room(flr_image_reader *r, size_t bytes) {
  if (bytes <= r->file_room) return FLR_OK;
  flr_free(r->file);
  r->file = NULL;
  r->file_room = 0;
  FLR_TRY(flr_alloc(&r->file, (int64_t)(bytes + bytes / 4), 1));
  r->file_room = bytes + bytes / 4;
  return FLR_OK;
}

/* The whole file into r->file, unless it is no image or too large to be one that is allowed. */
static flr_status load_open(flr_image_reader *r, int fd, size_t *size) {
  struct stat info;
  int which;
  if (fstat(fd, &info) != 0) return flr_fail(FLR_ERROR_IO, "%s", strerror(errno));
  if (!S_ISREG(info.st_mode)) return flr_fail(FLR_ERROR_DATA, "it is no regular file");
  const size_t bytes = (size_t)info.st_size;
  if (bytes <= r->file_room) return read_bytes(fd, r->file, bytes, size);
  FLR_TRY(read_bytes(fd, r->file, HEADER_BYTES, size));
  FLR_TRY(recognise(r, r->file, *size, &which));
  if (bytes > (size_t)r->options.max_pixels * MOST_BYTES_PER_PIXEL + SPARE_BYTES)
    return flr_fail(FLR_ERROR_DATA, "its %zu bytes are more than any image of --max-pixels %lld has", bytes,
                    (long long)r->options.max_pixels);
  FLR_TRY(make_room(r, bytes));
  return read_bytes(fd, r->file, bytes, size);
}

static flr_status load(flr_image_reader *r, const char *path, size_t *size) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe without a writer must not hold us */
  if (fd < 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s", strerror(errno));
  const flr_status status = load_open(r, fd, size);
  (void)close(fd);
  return status;
}

/* ---- the image ---- */

static flr_status fit(flr_image_reader *r, int orientation, flr_pixels **out) {
  *out = &r->decoded;
  if (orientation > 1) {
    FLR_TRY(flr_image_orient(&r->turned, &r->decoded, orientation));
    *out = &r->turned;
  }
  if (r->options.size == 0 || ((*out)->height == r->options.size && (*out)->width == r->options.size)) return FLR_OK;
  FLR_TRY(flr_resize_run(&r->resize, &r->fitted, *out, r->options.size));
  *out = &r->fitted;
  return FLR_OK;
}

flr_status flr_image_decode(flr_image_reader *r, const void *data, size_t size, const unsigned char **pixels, int64_t *height,
                            int64_t *width) {
  int which, orientation = 1;
  flr_pixels *out;
  FLR_TRY(recognise(r, data, size, &which));
  FLR_TRY(formats[which]->decode(r->decoders[which], data, size, &r->options, &r->decoded, height, width, &orientation));
  FLR_TRY(fit(r, orientation, &out));
  *pixels = out->data;
  *height = out->height;
  *width = out->width;
  return FLR_OK;
}

flr_status flr_image_read(flr_image_reader *r, const char *path, const unsigned char **pixels, int64_t *height,
                          int64_t *width) {
  size_t size = 0;
  FLR_TRY(load(r, path, &size));
  return flr_image_decode(r, r->file, size, pixels, height, width);
}

flr_status flr_image_probe(flr_image_reader *r, const char *path, int64_t *height, int64_t *width) {
  size_t size = 0;
  int which, orientation = 1;
  FLR_TRY(load(r, path, &size));
  FLR_TRY(recognise(r, r->file, size, &which));
  FLR_TRY(formats[which]->decode(r->decoders[which], r->file, size, &r->options, NULL, height, width, &orientation));
  if (orientation >= 5) {
    const int64_t swapped = *height;
    *height = *width;
    *width = swapped;
  }
  if (r->options.size) *height = *width = r->options.size;
  return FLR_OK;
}
