/* The handles of the libraries behind convolutions and linear layers. */
#ifndef FLR_BACKEND_CUDA_LIBRARIES_H
#define FLR_BACKEND_CUDA_LIBRARIES_H

#include <stddef.h>

#include "backend/cuda/cuda_impl.h"

/* Opens the libraries on backend->queues[FLR_QUEUE_COMPUTE] of the current device. *out is owned by the caller. Errors:
   FLR_ERROR_UNAVAILABLE with the library's own text. */
flr_status cuda_libraries_create(cuda_libraries **out, cuda_backend *backend);
void cuda_libraries_destroy(cuda_libraries *libraries);

/* "cuDNN 9.28.1, cuBLASLt 13.1" into text. */
void cuda_libraries_describe(char *text, size_t size);

#endif
