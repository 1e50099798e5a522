/* Image files become the pixels that other readers make of them, or are refused with what is wrong. */
#include "datasets/convert/image.h"

#include <stdio.h>
/* it wants stdio.h before it */
#include <jpeglib.h>
#include <zlib.h>

#include "core/memory.h"
#include "datasets/convert/image_impl.h"
#include "harness/harness.h"
#include "harness/scratch_dir.h"

enum { ROOM = 1 << 20, MOST = 100000000 };

static flr_image_reader *reader_of(int channels, int64_t size, int64_t max_pixels) {
  const flr_image_options options = {channels, size, max_pixels};
  flr_image_reader *reader;
  CHECK_OK(flr_image_reader_create(&reader, &options));
  return reader;
}

static void fixture(char path[SCRATCH_PATH], const char *name) {
  (void)snprintf(path, SCRATCH_PATH, "%s/tests/data/images/%s", FLR_SOURCE_DIR, name);
}

static size_t load(const char *name, unsigned char *out) {
  char path[SCRATCH_PATH];
  fixture(path, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  const size_t size = fread(out, 1, ROOM, file);
  assert_int_equal(fclose(file), 0);
  return size;
}

/* One line of expected.txt. */
typedef struct expected {
  char name[64];
  int channels;
  long long size, width, height;
  unsigned crc;
} expected;

static void check_pixels(const expected *e) {
  flr_image_reader *reader = reader_of(e->channels, e->size, MOST);
  const unsigned char *pixels;
  int64_t height, width;
  char path[SCRATCH_PATH];
  fixture(path, e->name);
  for (int pass = 0; pass < 2; pass++) { /* the second time with memory that was used before */
    CHECK_OK(flr_image_read(reader, path, &pixels, &height, &width));
    if (height != e->height || width != e->width)
      fail_msg("%s: %lldx%lld, not %lldx%lld", e->name, (long long)width, (long long)height, e->width, e->height);
    const unsigned crc = (unsigned)crc32(0, pixels, (unsigned)(height * width * e->channels));
    if (crc != e->crc) fail_msg("%s, %d channels, size %lld: %08x, not %08x", e->name, e->channels, e->size, crc, e->crc);
  }
  CHECK_OK(flr_image_probe(reader, path, &height, &width));
  if (height != e->height || width != e->width)
    fail_msg("%s: its header gives %lldx%lld", e->name, (long long)width, (long long)height);
  flr_image_reader_destroy(reader);
}

static void test_image__pixels_are_those_of_djpeg_libpng_and_pillow(void **state) {
  char path[SCRATCH_PATH];
  expected e;
  int lines = 0;
  (void)state;
  fixture(path, "expected.txt");
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  for (; fscanf(file, "%63s %d %lld %lld %lld %x", e.name, &e.channels, &e.size, &e.width, &e.height, &e.crc) == 6; lines++)
    check_pixels(&e);
  assert_int_equal(fclose(file), 0);
  assert_true(lines > 30);
}

/* ---- what is wrong ---- */

static void refuse(flr_image_reader *reader, const void *data, size_t size, const char *part) {
  const unsigned char *pixels;
  int64_t height, width;
  CHECK_FAILS(flr_image_decode(reader, data, size, &pixels, &height, &width), FLR_ERROR_DATA, part);
}

/* Behind the last pixel only an end mark is left, without which an image is still whole. */
static void check_cuts(const char *name, size_t end_mark) {
  unsigned char *data;
  flr_image_reader *reader = reader_of(3, 0, MOST);
  const unsigned char *pixels;
  int64_t height, width;
  CHECK_OK(flr_alloc(&data, ROOM, 1));
  const size_t size = load(name, data);
  for (size_t n = 0; n + end_mark < size; n++) {
    unsigned char *copy = malloc(n ? n : 1); /* so that a sanitizer sees reads behind its end */
    assert_non_null(copy);
    memcpy(copy, data, n);
    if (flr_image_decode(reader, copy, n, &pixels, &height, &width) == FLR_OK)
      fail_msg("%s: %zu of %zu bytes are taken", name, n, size);
    free(copy);
  }
  CHECK_OK(flr_image_decode(reader, data, size, &pixels, &height, &width)); /* bad ones leave no trace */
  flr_image_reader_destroy(reader);
  flr_free(data);
}

static void test_image__cut_off_anywhere_is_refused(void **state) {
  (void)state;
  check_cuts("444.jpg", 3); /* a few bits of the last byte may be padding */
  check_cuts("progressive.jpg", 3);
  check_cuts("cmyk.jpg", 3);
  check_cuts("rgb.png", 12);
  check_cuts("interlaced.png", 12);
}

static void put32(unsigned char *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void test_image__larger_than_allowed_is_refused_by_the_header(void **state) {
  unsigned char data[4096];
  flr_image_reader *reader = reader_of(3, 32, MOST);
  (void)state;
  size_t size = load("rgb.png", data);
  put32(data + 16, 60000);
  put32(data + 20, 60000);
  put32(data + 29, (uint32_t)crc32(0, data + 12, 17));
  refuse(reader, data, size, "its 60000x60000 pixels are more than --max-pixels 100000000");
  size = load("444.jpg", data);
  for (size_t i = 2; i + 9 < size; i++)
    if (data[i] == 0xFF && data[i + 1] == 0xC0) {
      data[i + 5] = data[i + 7] = 60000 >> 8;
      data[i + 6] = data[i + 8] = 60000 & 255;
      break;
    }
  refuse(reader, data, size, "its 60000x60000 pixels are more than --max-pixels 100000000");
  flr_image_reader_destroy(reader);
  reader = reader_of(3, 32, 41 * 29 - 1);
  size = load("444.jpg", data);
  refuse(reader, data, size, "its 41x29 pixels are more than --max-pixels 1188");
  flr_image_reader_destroy(reader);
}

static void test_image__what_is_no_image_is_named(void **state) {
  flr_image_reader *reader = reader_of(3, 0, MOST);
  (void)state;
  refuse(reader, "", 0, "it is empty (0 bytes)");
  refuse(reader, "GIF89a..", 8, "it is GIF: JPEG and PNG are read");
  refuse(reader, "RIFF....WEBP", 12, "it is WebP: JPEG and PNG are read");
  refuse(reader, "<!DOCTYPE html>", 15, "it is HTML: JPEG and PNG are read");
  refuse(reader, "hello", 5, "it is neither JPEG nor PNG");
  refuse(reader, "\xFF\xD8\xFFhello", 8, "it is damaged or cut off: libjpeg says: ");
  flr_image_reader_destroy(reader);
}

static void test_image__damage_is_refused(void **state) {
  unsigned char data[8192];
  flr_image_reader *reader = reader_of(3, 0, MOST);
  (void)state;
  size_t size = load("rgb.png", data);
  data[size / 2] ^= 0x10;
  refuse(reader, data, size, "it is damaged or cut off: libpng says: ");
  size = load("restart.jpg", data);
  for (size_t i = size - 2; i > size / 2; i--)
    if (data[i] == 0xFF && (data[i + 1] & 0xF8) == 0xD0) data[i + 1] ^= 3; /* pieces in another order */
  refuse(reader, data, size, "it is damaged or cut off: libjpeg says: ");
  flr_image_reader_destroy(reader);
}

/* ---- large images ---- */

/* A picture of edges, waves and grain as a JPEG file; *size: its bytes. The caller frees it. */
static unsigned char *make_jpeg(int width, int height, unsigned long *size) {
  struct jpeg_compress_struct c;
  struct jpeg_error_mgr errors;
  unsigned char *out = NULL, *row = malloc((size_t)width * 3);
  assert_non_null(row);
  c.err = jpeg_std_error(&errors);
  jpeg_create_compress(&c);
  jpeg_mem_dest(&c, &out, size);
  c.image_width = (JDIMENSION)width;
  c.image_height = (JDIMENSION)height;
  c.input_components = 3;
  c.in_color_space = JCS_RGB;
  jpeg_set_defaults(&c);
  jpeg_set_quality(&c, 90, TRUE);
  jpeg_start_compress(&c, TRUE);
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < 3 * width; x++) {
      const double wave = 60 * sin(x / 3 / (9.0 + x % 3)) + 50 * cos(y / 13.0) + 30 * ((x / 3 / 41 + y / 37) % 2);
      row[x] = (unsigned char)(int)(110 + wave + (x * 7919 + y * 104729) % 23);
    }
    (void)jpeg_write_scanlines(&c, &row, 1);
  }
  jpeg_finish_compress(&c);
  jpeg_destroy_compress(&c);
  free(row);
  return out;
}

/* Leaving frequencies out first changes values by a third of a level in the mean, at the hardest edges by a dozen. */
static void test_image__reducing_in_the_decoder_first_changes_little(void **state) {
  enum { SIZE = 96 };
  unsigned long size = 0;
  unsigned char *data = make_jpeg(1200, 900, &size);
  flr_image_reader *whole = reader_of(3, 0, MOST), *reduced = reader_of(3, SIZE, MOST);
  flr_pixels full = {.channels = 3}, wanted = {0};
  const unsigned char *pixels;
  unsigned char *decoded;
  flr_resize resize = {0};
  int64_t height, width, sum = 0, most = 0;
  (void)state;
  CHECK_OK(flr_image_decode(whole, data, size, (const unsigned char **)&decoded, &full.height, &full.width));
  full.data = decoded;
  CHECK_OK(flr_resize_run(&resize, &wanted, &full, SIZE));
  CHECK_OK(flr_image_decode(reduced, data, size, &pixels, &height, &width));
  assert_int_equal(height, SIZE);
  assert_int_equal(width, SIZE);
  for (int64_t i = 0; i < 3 * SIZE * SIZE; i++) {
    const int64_t apart = abs(pixels[i] - wanted.data[i]);
    sum += apart;
    most = apart > most ? apart : most;
  }
  printf("apart by %.3f in the mean, %lld at most\n", (double)sum / (3 * SIZE * SIZE), (long long)most);
  assert_true(most <= 20 && 2 * sum < 3 * SIZE * SIZE);
  flr_resize_clear(&resize);
  flr_pixels_clear(&wanted);
  flr_image_reader_destroy(whole);
  flr_image_reader_destroy(reduced);
  free(data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_image__pixels_are_those_of_djpeg_libpng_and_pillow),
      cmocka_unit_test(test_image__cut_off_anywhere_is_refused),
      cmocka_unit_test(test_image__larger_than_allowed_is_refused_by_the_header),
      cmocka_unit_test(test_image__what_is_no_image_is_named),
      cmocka_unit_test(test_image__damage_is_refused),
      cmocka_unit_test(test_image__reducing_in_the_decoder_first_changes_little),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
