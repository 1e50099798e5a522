/* Copying values to bytes and back. */
#include "datasets/packing.h"

#include <string.h>

#include "core/memory.h"

void flr_pack(flr_packer *p, const void *data, size_t bytes) {
  if (p->bytes && bytes > 0) memcpy(p->bytes + p->count, data, bytes);
  p->count += bytes;
}

void flr_pack_number(flr_packer *p, int64_t value) { flr_pack(p, &value, sizeof value); }

void flr_pack_text(flr_packer *p, const char *text) {
  const size_t length = strlen(text);
  flr_pack_number(p, (int64_t)length);
  flr_pack(p, text, length);
}

flr_status flr_unpack_failed(const char *what) {
  return flr_fail(FLR_ERROR_INTERNAL, "the description of the data from the node's first rank is damaged: %s", what);
}

flr_status flr_unpack(flr_unpacker *u, void *out, size_t bytes) {
  if (bytes > u->left) return flr_unpack_failed("it is cut off");
  if (bytes > 0) memcpy(out, u->bytes, bytes);
  u->bytes += bytes;
  u->left -= bytes;
  return FLR_OK;
}

flr_status flr_unpack_number(flr_unpacker *u, int64_t *out, int64_t least, int64_t most) {
  FLR_TRY(flr_unpack(u, out, sizeof *out));
  return *out >= least && *out <= most ? FLR_OK : flr_unpack_failed("a number is out of range");
}

flr_status flr_unpack_int(flr_unpacker *u, int *out, int least, int most) {
  int64_t value;
  FLR_TRY(flr_unpack_number(u, &value, least, most));
  *out = (int)value;
  return FLR_OK;
}

flr_status flr_unpack_text(flr_unpacker *u, char *out, size_t room) {
  int64_t length;
  FLR_TRY(flr_unpack_number(u, &length, 0, (int64_t)room - 1));
  FLR_TRY(flr_unpack(u, out, (size_t)length));
  out[length] = '\0';
  return strlen(out) == (size_t)length ? FLR_OK : flr_unpack_failed("a name ends early");
}

flr_status flr_unpack_array(flr_unpacker *u, void *out, int64_t count, size_t size) {
  void *array = NULL;
  memcpy(out, &array, sizeof array);
  if (count < 0 || (uint64_t)count > u->left / size) return flr_unpack_failed("it is cut off");
  FLR_TRY(flr_alloc(&array, count, size));
  memcpy(out, &array, sizeof array);
  return flr_unpack(u, array, (size_t)count * size);
}
