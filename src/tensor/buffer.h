/* Memory that is owned, in host, pinned or device space. */
#ifndef FLR_TENSOR_BUFFER_H
#define FLR_TENSOR_BUFFER_H

#include <stddef.h>

#include "core/status.h"

typedef enum flr_space { FLR_SPACE_HOST, FLR_SPACE_PINNED, FLR_SPACE_DEVICE } flr_space;

/* Owner of one block. Zero-initialised is empty. */
typedef struct flr_buffer {
  void *data;
  size_t bytes;
  flr_space space;
  void (*release)(void *context, void *data); /* how the space's owner takes it back */
  void *context;
} flr_buffer;

/* Zeroed, aligned host memory. *out must be empty. Errors: those of flr_alloc. */
flr_status flr_buffer_init_host(flr_buffer *out, size_t bytes);

/* Gives the memory back and empties the buffer. NULL and empty allowed. */
void flr_buffer_clear(flr_buffer *buffer);

#endif
