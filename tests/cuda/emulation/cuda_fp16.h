/* IEEE half precision for kernels on the CPU. */
#ifndef FLR_TESTS_CUDA_FP16_H
#define FLR_TESTS_CUDA_FP16_H

#include <cmath>
#include <cstdint>
#include <cstring>

struct __half {
  uint16_t bits;
};

inline float __half2float(__half x) {
  const int exponent = (x.bits >> 10) & 31, mantissa = x.bits & 1023;
  float value;
  if (exponent == 31)
    value = mantissa ? NAN : INFINITY;
  else if (exponent == 0)
    value = std::ldexp(static_cast<float>(mantissa), -24);
  else
    value = std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  return x.bits & 0x8000 ? -value : value;
}

/* To nearest, ties to even; beyond 65504 (and half a step) infinite; NaN stays NaN. */
inline __half __float2half_rn(float x) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const float size = std::fabs(x);
  if (x != x) return {0x7fff};
  if (size >= 65520.0F) return {static_cast<uint16_t>(sign | 0x7c00)};
  int exponent;
  std::frexp(size, &exponent);                                /* size = 0.5..1 * 2^exponent */
  const int step = exponent - 11 < -24 ? -24 : exponent - 11; /* the last bit is worth 2^step */
  const int units = static_cast<int>(std::nearbyint(std::ldexp(size, -step)));
  /* (2048 units are one power of two more: the sum of both parts carries) */
  const int bits = units < 1024 ? units : ((step + 24) << 10) + units;
  return {static_cast<uint16_t>(sign | bits)};
}

#endif
