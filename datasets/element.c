/* Converting elements: loops over one type each, for the compiler to make fast. */
#include "datasets/element.h"

#include <string.h>

size_t flr_element_bytes(flr_element element) {
  static const size_t bytes[] = {
#define FLR_ELEMENT_BYTES(name, bytes, text) bytes,
      FLR_ELEMENT_LIST(FLR_ELEMENT_BYTES)
#undef FLR_ELEMENT_BYTES
  };
  return bytes[element.kind];
}

const char *flr_element_name(flr_element element) {
  static const char *const names[][2] = {
#define FLR_ELEMENT_NAME(name, bytes, text) {text, "big-endian " text},
      FLR_ELEMENT_LIST(FLR_ELEMENT_NAME)
#undef FLR_ELEMENT_NAME
  };
  return names[element.kind][element.swapped != 0];
}

/* ---- byte order ---- */

#define SWAP(bits)                                                 \
  static void swap##bits(unsigned char *at, int64_t n) {           \
    for (int64_t i = 0; i < n; i++) {                              \
      uint##bits##_t value;                                        \
      memcpy(&value, at + (size_t)i * sizeof value, sizeof value); \
      value = __builtin_bswap##bits(value);                        \
      memcpy(at + (size_t)i * sizeof value, &value, sizeof value); \
    }                                                              \
  }
SWAP(16)
SWAP(32)
SWAP(64)

static void swap(unsigned char *at, int64_t n, size_t bytes) {
  if (bytes == 2) swap16(at, n);
  if (bytes == 4) swap32(at, n);
  if (bytes == 8) swap64(at, n);
}

/* ---- to float32 ---- */

/* IEEE 754 binary16: its exponent and fraction in float32's places are 2^-112 of the value, also below the smallest normal. */
static float from_half(uint16_t half) {
  const uint32_t magnitude = (uint32_t)(half & 0x7FFF) << 13, sign = (uint32_t)(half & 0x8000) << 16;
  const uint32_t special = (half & 0x7C00) == 0x7C00 ? 0x7F800000u : 0; /* infinite, or no number */
  float value;
  uint32_t bits;
  memcpy(&value, &magnitude, sizeof value);
  value *= 0x1p112F;
  memcpy(&bits, &value, sizeof bits);
  bits |= sign | special;
  memcpy(&value, &bits, sizeof value);
  return value;
}

#define PLAIN(value) ((float)(value))
#define CONVERT(name, type, to_float)                                                                \
  static void from_##name(const unsigned char *in, int64_t n, float *restrict out, int64_t stride) { \
    for (int64_t i = 0; i < n; i++) {                                                                \
      type value;                                                                                    \
      memcpy(&value, in + (size_t)i * sizeof value, sizeof value);                                   \
      out[i * stride] = to_float(value);                                                             \
    }                                                                                                \
  }
CONVERT(u8, uint8_t, PLAIN)
CONVERT(i8, int8_t, PLAIN)
CONVERT(u16, uint16_t, PLAIN)
CONVERT(i16, int16_t, PLAIN)
CONVERT(u32, uint32_t, PLAIN)
CONVERT(i32, int32_t, PLAIN)
CONVERT(u64, uint64_t, PLAIN)
CONVERT(i64, int64_t, PLAIN)
CONVERT(f16, uint16_t, from_half)
CONVERT(f32, float, PLAIN)
CONVERT(f64, double, PLAIN)

void flr_element_convert(flr_element element, void *in, int64_t n, float *out, int64_t stride) {
  static void (*const convert[])(const unsigned char *, int64_t, float *restrict, int64_t) = {
      [FLR_ELEMENT_U8] = from_u8,   [FLR_ELEMENT_I8] = from_i8,   [FLR_ELEMENT_U16] = from_u16, [FLR_ELEMENT_I16] = from_i16,
      [FLR_ELEMENT_U32] = from_u32, [FLR_ELEMENT_I32] = from_i32, [FLR_ELEMENT_U64] = from_u64, [FLR_ELEMENT_I64] = from_i64,
      [FLR_ELEMENT_F16] = from_f16, [FLR_ELEMENT_F32] = from_f32, [FLR_ELEMENT_F64] = from_f64,
  };
  if (element.swapped) swap(in, n, flr_element_bytes(element));
  convert[element.kind](in, n, out, stride);
}

/* The usual case, that all are within, takes one pass without a branch per value. */
int64_t flr_first_outside(const float *values, int64_t n, float least, float most) {
  int outside = 0;
  for (int64_t i = 0; i < n; i++) outside |= !(values[i] >= least) | !(values[i] <= most);
  for (int64_t i = 0; i < n && outside; i++)
    if (!(values[i] >= least && values[i] <= most)) return i;
  return n;
}
