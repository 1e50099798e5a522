/* What an asynchronous device offers beside the backend's operations: queues that run side by side, points in them to wait for,
   and steps that are recorded once and run many times. The order within a queue is the order of the calls; all operations of
   backend.h go to the compute queue. */
#ifndef FLR_BACKEND_DEVICE_H
#define FLR_BACKEND_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct flr_backend flr_backend;

typedef enum flr_queue { FLR_QUEUE_COMPUTE, FLR_QUEUE_COPY, FLR_QUEUE_REDUCE, FLR_QUEUE_COUNT } flr_queue;

/* A point in a queue. Before it is first recorded it counts as passed. Owned by who created it; borrows the backend. */
typedef struct flr_fence flr_fence;
/* A recorded sequence of work, all queues that joined it included. */
typedef struct flr_recording flr_recording;

typedef struct flr_device_ops {
  flr_status (*fence_create)(flr_backend *backend, flr_fence **out);
  void (*fence_destroy)(flr_fence *fence);
  /* The point is behind everything in the queue now. */
  flr_status (*fence_record)(flr_fence *fence, flr_queue queue);
  /* What is put into the queue from now on starts after the point. Does not block. */
  flr_status (*fence_follow)(flr_fence *fence, flr_queue queue);
  /* *done: 1 when the point is passed. Does not block. Not while recording. */
  flr_status (*fence_test)(flr_fence *fence, int *done);
  /* Blocks until the point is passed. Not while recording. */
  flr_status (*fence_wait)(flr_fence *fence);
  /* Seconds between two points that are passed. */
  flr_status (*fence_elapsed)(const flr_fence *from, const flr_fence *to, double *seconds);

  /* Copies that return at once. The host memory comes from alloc_host and stays untouched until the queue is past them. */
  flr_status (*upload_begin)(flr_backend *backend, flr_queue queue, void *dst, const void *src, size_t bytes);
  flr_status (*download_begin)(flr_backend *backend, flr_queue queue, void *dst, const void *src, size_t bytes);

  /* Between f32 and bf16 (to nearest, ties to even), for sums that travel in half the bytes. Both return at once. */
  flr_status (*pack_bf16)(flr_backend *backend, flr_queue queue, int64_t n, const float *x, void *y);
  flr_status (*unpack_bf16)(flr_backend *backend, flr_queue queue, int64_t n, const void *x, float *y);

  /* The queue as the device's own library knows it (cudaStream_t), for a comm that works on it. Borrowed. */
  void *(*native_queue)(flr_backend *backend, flr_queue queue);

  /* Between begin and end, work is noted down and not done; it must start and end on the compute queue (other queues join by
     following its fences, and it follows theirs at the end). No allocation, synchronous copy or synchronisation in between.
     After a failure in between, end must still be called, and fails. *out is owned by the caller. */
  flr_status (*record_begin)(flr_backend *backend);
  flr_status (*record_end)(flr_backend *backend, flr_recording **out);
  /* Puts the recorded work into the compute queue: the same pointers, whatever they hold by then. */
  flr_status (*record_run)(flr_recording *recording);
  void (*record_destroy)(flr_recording *recording);
} flr_device_ops;

#endif
