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

__device__ inline float normalised(float x, float center, float gain, float shift) { return fmaf(x - center, gain, shift); }

#endif
