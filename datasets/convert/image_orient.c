/* How the camera was held: reading it from EXIF data, and turning pixels by it. */
#include <string.h>

#include "datasets/convert/image_impl.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, TIFF_HEAD = 8, ENTRY = 12 };

static uint32_t number(const unsigned char *p, int bytes, int little) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | p[little ? bytes - 1 - i : i];
  return value;
}

int flr_exif_orientation(const unsigned char *data, size_t size) {
  if (size < TIFF_HEAD || (memcmp(data, "II*\0", 4) != 0 && memcmp(data, "MM\0*", 4) != 0)) return 1;
  const int little = data[0] == 'I';
  const size_t at = number(data + 4, 4, little);
  if (at > size - 2) return 1;
  const size_t entries = number(data + at, 2, little);
  for (size_t i = 0; i < entries; i++) {
    const size_t entry = at + 2 + i * ENTRY;
    if (entry + ENTRY > size) return 1;
    if (number(data + entry, 2, little) != TAG_ORIENTATION) continue;
    const uint32_t value = number(data + entry + 8, 2, little);
    return number(data + entry + 2, 2, little) == TYPE_SHORT && value >= 1 && value <= 8 ? (int)value : 1;
  }
  return 1;
}

/* EXIF 2.32, 4.6.4: what row 0 and column 0 of the file are to somebody who looks at the scene. */
flr_status flr_image_orient(flr_pixels *out, const flr_pixels *in, int orientation) {
  const int swap = orientation >= 5;                                                               /* rows become columns */
  const int flip_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7; /* in the result */
  const int flip_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const int64_t height = swap ? in->width : in->height, width = swap ? in->height : in->width;
  const size_t pixel = (size_t)in->channels;
  FLR_TRY(flr_pixels_resize(out, height, width, in->channels));
  unsigned char *to = out->data;
  for (int64_t y = 0; y < height; y++)
    for (int64_t x = 0; x < width; x++, to += pixel) {
      const int64_t a = flip_y ? height - 1 - y : y, b = flip_x ? width - 1 - x : x;
      memcpy(to, in->data + (size_t)(swap ? b * in->width + a : a * in->width + b) * pixel, pixel);
    }
  return FLR_OK;
}
