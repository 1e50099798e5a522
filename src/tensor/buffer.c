/* Owned memory. */
#include "tensor/buffer.h"

#include "core/memory.h"

static void release_host(void *context, void *data) {
  (void)context;
  flr_free(data);
}

flr_status flr_buffer_init_host(flr_buffer *out, size_t bytes) {
  void *data;
  FLR_TRY(flr_alloc(&data, (int64_t)bytes, 1));
  *out = (flr_buffer){.data = data, .bytes = bytes, .space = FLR_SPACE_HOST, .release = release_host};
  return FLR_OK;
}

void flr_buffer_clear(flr_buffer *buffer) {
  if (!buffer) return;
  if (buffer->release && buffer->data) buffer->release(buffer->context, buffer->data);
  *buffer = (flr_buffer){0};
}
