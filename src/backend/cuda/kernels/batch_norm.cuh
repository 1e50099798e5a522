/* What forward and backward of batch norm share. Per channel, y = (x - center) * gain + shift: center is the mean rounded to
   f32, and what the rounding took away is in shift, so that large means cost no digits. */
#ifndef FLR_BACKEND_CUDA_KERNELS_BATCH_NORM_CUH
#define FLR_BACKEND_CUDA_KERNELS_BATCH_NORM_CUH

#include "backend/cuda/kernels/tile.cuh"

/* The memory that lives from forward to backward: [channels] of each. */
struct saved_numbers {
  double *mean, *inverse;
  float *center, *gain, *shift;
};

inline saved_numbers saved_of(void *memory, int64_t channels) {
  double *wide = static_cast<double *>(memory);
  float *narrow = reinterpret_cast<float *>(wide + 2 * channels);
  return {wide, wide + channels, narrow, narrow + channels, narrow + 2 * channels};
}

/* What the parts of a batch measured: [parts, 1 + 2 channels], rows and per channel two sums. */
struct part_numbers {
  const double *numbers; /* NULL: the rows at hand are the whole batch */
  int parts, stride;
};

inline part_numbers parts_of(const cuda_norm *b) {
  return {b->shared, static_cast<int>(b->shared_parts), static_cast<int>(1 + 2 * b->channels)};
}

/* The i-th number over all parts, added in their order. */
__device__ inline double sum_parts(const part_numbers &p, int i) {
  double sum = 0.0;
  for (int part = 0; part < p.parts; part++) sum += p.numbers[static_cast<int64_t>(part) * p.stride + i];
  return sum;
}

/* Of a thread for each channel. */
inline unsigned channel_blocks(int64_t channels) { return static_cast<unsigned>((channels + CUDA_THREADS - 1) / CUDA_THREADS); }

/* Adds to the numbers of one part; each channel's are one thread's. */
__device__ inline void add_to_part(double *numbers, const tiled &t, int c, double first, double second) {
  if (c == 0) numbers[0] += static_cast<double>(t.rows);
  numbers[1 + c] += first;
  numbers[1 + t.channels + c] += second;
}

__device__ inline float normalised(float x, float center, float gain, float shift) { return fmaf(x - center, gain, shift); }

#endif
