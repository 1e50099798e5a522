/* Kernels over the rows of images: a block takes one row [w, c] after another, a thread vectors of channels within it. */
#ifndef FLR_BACKEND_CUDA_KERNELS_IMAGE_CUH
#define FLR_BACKEND_CUDA_KERNELS_IMAGE_CUH

#include "backend/cuda/kernels/element.cuh"

/* Sizes of one image and of what is made from it. */
struct image {
  int h, w, c;
};

inline image image_of(flr_shape s) { return {static_cast<int>(s.h), static_cast<int>(s.w), static_cast<int>(s.c)}; }

/* Offset of an element. */
__device__ inline int64_t offset_of(const image &i, int64_t n, int y, int x, int c) {
  return ((n * i.h + y) * i.w + x) * i.c + c;
}

/* use(n, y, x, channel) for every vector of V channels of n images. */
template <int V, typename Use>
__device__ inline void for_image_rows(const image &i, int64_t n, Use use) {
  const unsigned vectors = static_cast<unsigned>(i.c / V), items = static_cast<unsigned>(i.w) * vectors;
  for (int64_t row = blockIdx.x; row < n * i.h; row += gridDim.x) {
    const int64_t sample = row / i.h;
    const int y = static_cast<int>(row - sample * i.h);
    for (unsigned item = threadIdx.x; item < items; item += blockDim.x) {
      const unsigned x = item / vectors;
      use(sample, y, static_cast<int>(x), static_cast<int>(item - x * vectors) * V);
    }
  }
}

/* The launch that goes with it. */
struct image_launch {
  int blocks, threads;
};

inline image_launch launch_over(cuda_target where, flr_shape s, int vector) {
  const int threads = cuda_row_threads(s.w * (s.c / vector));
  const int64_t at_once = static_cast<int64_t>(where.multiprocessors) * (CUDA_THREADS_PER_UNIT / threads), rows = s.n * s.h;
  return {static_cast<int>(rows < at_once ? rows : at_once), threads};
}

#endif
