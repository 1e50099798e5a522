/* .safetensors: eight bytes of header length, a JSON header of names, types, shapes and byte ranges, then the bytes
 * (huggingface/safetensors, "Format"). */
#include <cJSON.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/weights_source.h"
#include "core/memory.h"

enum { LENGTH_BYTES = 8, CONVERT_BYTES = 65536 };
static const double largest_exact = 9007199254740992.0; /* 2^53: JSON numbers come as doubles */

static const struct {
  const char *name;
  flr_dtype dtype;
} float_types[] = {{"F32", FLR_F32}, {"F64", FLR_F64}, {"F16", FLR_F16}, {"BF16", FLR_BF16}};

/* ---- header ---- */

static flr_status read_bytes(const flr_weights_source *source, void *out, int64_t bytes, int64_t at) {
  char *to = out;
  while (bytes > 0) {
    const ssize_t got = pread(source->fd, to, (size_t)bytes, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return flr_fail(FLR_ERROR_IO, "%s: %s", source->path, strerror(errno));
    if (got == 0) return flr_fail(FLR_ERROR_DATA, "%s is cut off at byte %lld", source->path, (long long)at);
    to += got;
    at += got;
    bytes -= got;
  }
  return FLR_OK;
}

static int whole_number(const cJSON *item, int64_t *out) {
  if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble >= largest_exact) return 0;
  *out = (int64_t)item->valuedouble;
  return (double)*out == item->valuedouble;
}

static flr_status bad_entry(const flr_weights_source *source, const char *name, const char *what) {
  return flr_fail(FLR_ERROR_DATA, "%s: the header's entry for %.80s has %s", source->path, name, what);
}

static flr_status take_shape(const flr_weights_source *source, flr_weights_tensor *tensor, const cJSON *shape) {
  const cJSON *item;
  if (!cJSON_IsArray(shape) || cJSON_GetArraySize(shape) > FLR_WEIGHTS_RANK)
    return bad_entry(source, tensor->name, "no usable shape");
  tensor->elements = 1;
  cJSON_ArrayForEach(item, shape) {
    int64_t *dim = &tensor->dims[tensor->rank++];
    if (!whole_number(item, dim) || flr_multiply(&tensor->elements, tensor->elements, *dim) != FLR_OK)
      return bad_entry(source, tensor->name, "a shape that is too large or no whole number");
  }
  return FLR_OK;
}

/* The bytes must lie in the file and be exactly what type and shape ask for; integer types are not read, so theirs are not
 * weighed. */
static flr_status take_range(const flr_weights_source *source, flr_weights_tensor *tensor, const cJSON *range,
                             int64_t data_start, int64_t data_bytes) {
  int64_t begin, end, wanted;
  if (cJSON_GetArraySize(range) != 2 || !whole_number(cJSON_GetArrayItem(range, 0), &begin) ||
      !whole_number(cJSON_GetArrayItem(range, 1), &end) || begin > end)
    return bad_entry(source, tensor->name, "no usable data_offsets");
  if (end > data_bytes)
    return flr_fail(FLR_ERROR_DATA, "%s: %.80s ends at byte %lld of %lld: the file is cut off", source->path, tensor->name,
                    (long long)end, (long long)data_bytes);
  tensor->offset = data_start + begin;
  if (!tensor->floating) return FLR_OK;
  if (flr_multiply(&wanted, tensor->elements, (int64_t)flr_dtype_size(tensor->dtype)) != FLR_OK || wanted != end - begin)
    return bad_entry(source, tensor->name, "a byte range that does not fit its shape");
  return FLR_OK;
}

static flr_status add_entry(flr_weights_source *source, const cJSON *entry, int64_t data_start, int64_t data_bytes) {
  flr_weights_tensor *tensor;
  FLR_TRY(flr_weights_source_add(source, entry->string, &tensor));
  const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "dtype"));
  if (!type) return bad_entry(source, entry->string, "no dtype");
  for (size_t i = 0; i < sizeof float_types / sizeof float_types[0]; i++)
    if (strcmp(type, float_types[i].name) == 0) {
      tensor->floating = 1;
      tensor->dtype = float_types[i].dtype;
    }
  FLR_TRY(take_shape(source, tensor, cJSON_GetObjectItemCaseSensitive(entry, "shape")));
  return take_range(source, tensor, cJSON_GetObjectItemCaseSensitive(entry, "data_offsets"), data_start, data_bytes);
}

static flr_status take_header(flr_weights_source *source, const char *text, int64_t length, int64_t file_bytes) {
  cJSON *header = cJSON_ParseWithLengthOpts(text, (size_t)length + 1, NULL, 1);
  const cJSON *entry;
  const int64_t data_start = LENGTH_BYTES + length;
  flr_status status = cJSON_IsObject(header)
                          ? FLR_OK
                          : flr_fail(FLR_ERROR_DATA, "%s: the header is no JSON object: not a .safetensors file", source->path);
  cJSON_ArrayForEach(entry, header) {
    if (status != FLR_OK) break;
    if (strcmp(entry->string, "__metadata__") != 0) status = add_entry(source, entry, data_start, file_bytes - data_start);
  }
  cJSON_Delete(header);
  return status;
}

/* ---- values ---- */

static float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static float half_to_float(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, mantissa = half & 0x3ffu;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  if (exponent == 31) return from_bits(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0) return from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
  const float value = ldexpf((float)mantissa, -24); /* subnormal or zero */
  return sign ? -value : value;
}

static float convert(flr_dtype dtype, const unsigned char *bytes) {
  uint64_t wide;
  uint32_t single;
  uint16_t narrow;
  double value;
  switch (dtype) {
    case FLR_F64:
      memcpy(&wide, bytes, sizeof wide);
      wide = le64toh(wide);
      memcpy(&value, &wide, sizeof value);
      return (float)value;
    case FLR_F16: memcpy(&narrow, bytes, sizeof narrow); return half_to_float(le16toh(narrow));
    case FLR_BF16: memcpy(&narrow, bytes, sizeof narrow); return from_bits((uint32_t)le16toh(narrow) << 16);
    default: memcpy(&single, bytes, sizeof single); return from_bits(le32toh(single));
  }
}

static flr_status read_tensor(const flr_weights_source *source, const flr_weights_tensor *tensor, float *out) {
  unsigned char block[CONVERT_BYTES];
  const int64_t size = (int64_t)flr_dtype_size(tensor->dtype), per_block = CONVERT_BYTES / size;
  for (int64_t done = 0; done < tensor->elements; done += per_block) {
    const int64_t n = tensor->elements - done < per_block ? tensor->elements - done : per_block;
    FLR_TRY(read_bytes(source, block, n * size, tensor->offset + done * size));
    for (int64_t i = 0; i < n; i++) out[done + i] = convert(tensor->dtype, block + i * size);
  }
  return FLR_OK;
}

flr_status flr_weights_source_open_safetensors(flr_weights_source *source) {
  struct stat info;
  uint64_t claimed;
  char *text;
  source->read = read_tensor;
  source->fd = open(source->path, O_RDONLY | O_CLOEXEC);
  if (source->fd < 0 || fstat(source->fd, &info) != 0) return flr_fail(FLR_ERROR_IO, "%s: %s", source->path, strerror(errno));
  if (info.st_size < LENGTH_BYTES)
    return flr_fail(FLR_ERROR_DATA, "%s is neither HDF5 nor .safetensors (%lld bytes)", source->path, (long long)info.st_size);
  FLR_TRY(read_bytes(source, &claimed, LENGTH_BYTES, 0));
  claimed = le64toh(claimed);
  if (claimed > (uint64_t)info.st_size - LENGTH_BYTES)
    return flr_fail(FLR_ERROR_DATA, "%s: the header claims %llu bytes, the file has %lld: neither HDF5 nor whole .safetensors",
                    source->path, (unsigned long long)claimed, (long long)info.st_size);
  FLR_TRY(flr_alloc(&text, (int64_t)claimed + 1, 1));
  flr_status status = read_bytes(source, text, (int64_t)claimed, LENGTH_BYTES);
  if (status == FLR_OK) status = take_header(source, text, (int64_t)claimed, (int64_t)info.st_size);
  flr_free(text);
  return status;
}
