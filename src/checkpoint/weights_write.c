/* Writing weights: final.h5, and .safetensors from any weights file. */
#include <cJSON.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/h5.h"
#include "checkpoint/seal.h"
#include "checkpoint/weights_ahead.h"
#include "checkpoint/weights_parts.h"
#include "checkpoint/weights_source.h"
#include "core/hdf5_lock.h"
#include "core/memory.h"

enum { NAME = 160, HEADER_ALIGNMENT = 8 };

/* ---- final.h5 ---- */

static flr_status write_attributes(hid_t file, const flr_final_info *info, const char *state) {
  static const int64_t version = FLR_CHECKPOINT_VERSION;
  const struct {
    const char *name;
    int64_t value;
  } integers[] = {{"format_version", version},  {"classes", info->classes}, {"steps", info->steps},
                  {"channels", info->channels}, {"height", info->height},   {"width", info->width}};
  FLR_TRY(flr_h5_write_attribute_string(file, "fastlr_format", "checkpoint"));
  FLR_TRY(flr_h5_write_attribute_string(file, "program_version", FLR_VERSION));
  FLR_TRY(flr_h5_write_attribute_string(file, "model", info->model));
  FLR_TRY(flr_h5_write_attribute_string(file, "state", state));
  for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++)
    FLR_TRY(flr_h5_write_attribute(file, integers[i].name, H5T_NATIVE_INT64, &integers[i].value));
  return FLR_OK;
}

static flr_status write_param(hid_t file, const char *group, const flr_param *param, flr_weights_ahead *ahead) {
  char name[NAME];
  int64_t dims[4];
  uint64_t checksum;
  const int rank = flr_param_file_shape(param, dims);
  const float *values = flr_weights_ahead_next(ahead, &checksum);
  (void)snprintf(name, sizeof name, "%s/%s", group, param->name);
  return flr_h5_write_summed(file, name, H5T_NATIVE_FLOAT, rank, dims, values, checksum);
}

flr_status flr_weights_write_params(hid_t file, const char *group, const flr_params *params, const float *values) {
  flr_weights_ahead *ahead;
  FLR_TRY(flr_weights_ahead_begin(&ahead, params, values));
  flr_status status = FLR_OK;
  for (int i = 0; i < params->param_count && status == FLR_OK; i++)
    status = write_param(file, group, &params->params[i], ahead);
  flr_weights_ahead_end(ahead);
  return status;
}

flr_status flr_weights_write_buffers(hid_t file, const flr_params *params, const float *states) {
  char name[NAME];
  for (int i = 0; i < params->state_count; i++) {
    (void)snprintf(name, sizeof name, "/buffers/%s", params->states[i].name);
    FLR_TRY(flr_h5_write(file, name, H5T_NATIVE_FLOAT, 1, &params->states[i].count, states + params->states[i].offset));
  }
  return FLR_OK;
}

flr_status flr_weights_write_facts(hid_t file, const flr_final_info *info, const char *state) {
  FLR_TRY(flr_h5_write_string(file, "/config", info->config));
  if (info->mean) {
    FLR_TRY(flr_h5_write(file, "/normalization/mean", H5T_NATIVE_FLOAT, 1, &info->channels, info->mean));
    FLR_TRY(flr_h5_write(file, "/normalization/std", H5T_NATIVE_FLOAT, 1, &info->channels, info->std));
  }
  return write_attributes(file, info, state);
}

static flr_status write_content(hid_t file, const flr_params *params, const float *values, const float *states,
                                const flr_final_info *info) {
  FLR_TRY(flr_weights_write_params(file, "/params", params, values));
  FLR_TRY(flr_weights_write_buffers(file, params, states));
  FLR_TRY(flr_weights_write_facts(file, info, "weights"));
  return flr_h5_seal(file);
}

flr_status flr_weights_write_final(const char *path, const flr_params *params, const float *values, const float *states,
                                   const flr_final_info *info) {
  flr_h5_writer writer;
  flr_hdf5_lock();
  flr_status status = flr_h5_writer_begin(&writer, path);
  if (status == FLR_OK) status = write_content(writer.file, params, values, states, info);
  if (status == FLR_OK) status = flr_h5_writer_commit(&writer);
  flr_h5_writer_abandon(&writer);
  flr_hdf5_unlock();
  return status;
}

/* ---- .safetensors ---- */

/* The JSON header, padded with spaces as the format asks; owned by the caller. */
static flr_status make_header(char **out, size_t *length, const flr_weights_source *source) {
  cJSON *header = cJSON_CreateObject();
  int64_t offset = 0;
  cJSON_AddStringToObject(cJSON_AddObjectToObject(header, "__metadata__"), "format", "pt");
  for (int64_t i = 0; i < source->count; i++) {
    const flr_weights_tensor *tensor = &source->tensors[i];
    if (!tensor->floating) continue;
    cJSON *entry = cJSON_AddObjectToObject(header, tensor->name);
    cJSON_AddStringToObject(entry, "dtype", "F32");
    cJSON *shape = cJSON_AddArrayToObject(entry, "shape");
    for (int d = 0; d < tensor->rank; d++) cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)tensor->dims[d]));
    cJSON *range = cJSON_AddArrayToObject(entry, "data_offsets");
    cJSON_AddItemToArray(range, cJSON_CreateNumber((double)offset));
    offset += tensor->elements * (int64_t)sizeof(float);
    cJSON_AddItemToArray(range, cJSON_CreateNumber((double)offset));
  }
  char *text = cJSON_PrintUnformatted(header);
  cJSON_Delete(header);
  if (!text) return flr_fail(FLR_ERROR_INTERNAL, "no memory for the header of a .safetensors file");
  const size_t bytes = strlen(text);
  *length = (bytes + HEADER_ALIGNMENT - 1) / HEADER_ALIGNMENT * HEADER_ALIGNMENT;
  const flr_status status = flr_alloc(out, (int64_t)*length, 1);
  if (status == FLR_OK) {
    memset(*out, ' ', *length);
    memcpy(*out, text, bytes);
  }
  cJSON_free(text);
  return status;
}

static int write_floats(FILE *file, float *values, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    bits = htole32(bits);
    memcpy(&values[i], &bits, sizeof bits);
  }
  return fwrite(values, sizeof(float), (size_t)n, file) == (size_t)n;
}

static flr_status write_tensor(FILE *file, const char *to, const flr_weights_source *source, const flr_weights_tensor *tensor) {
  float *values;
  FLR_TRY(flr_alloc(&values, tensor->elements, sizeof(float)));
  flr_status status = source->read(source, tensor, values);
  if (status == FLR_OK && !write_floats(file, values, tensor->elements))
    status = flr_fail(FLR_ERROR_IO, "cannot write %s: %s", to, strerror(errno));
  flr_free(values);
  return status;
}

static flr_status write_safetensors(FILE *file, const char *to, const flr_weights_source *source) {
  char *header = NULL;
  size_t length = 0;
  FLR_TRY(make_header(&header, &length, source));
  const uint64_t length_bytes = htole64((uint64_t)length);
  const int good = fwrite(&length_bytes, sizeof length_bytes, 1, file) == 1 && fwrite(header, 1, length, file) == length;
  flr_free(header);
  if (!good) return flr_fail(FLR_ERROR_IO, "cannot write %s: %s", to, strerror(errno));
  for (int64_t i = 0; i < source->count; i++)
    if (source->tensors[i].floating) FLR_TRY(write_tensor(file, to, source, &source->tensors[i]));
  if (fflush(file) != 0 || fsync(fileno(file)) != 0) return flr_fail(FLR_ERROR_IO, "cannot write %s: %s", to, strerror(errno));
  return FLR_OK;
}

static flr_status export_to(const char *to, const flr_weights_source *source) {
  const size_t room = strlen(to) + 32;
  char *temporary;
  FLR_TRY(flr_alloc(&temporary, (int64_t)room, 1));
  (void)snprintf(temporary, room, "%s.tmp.%ld", to, (long)getpid());
  FILE *file = fopen(temporary, "we");
  flr_status status =
      file ? write_safetensors(file, to, source) : flr_fail(FLR_ERROR_IO, "cannot create %s: %s", to, strerror(errno));
  if (file && fclose(file) != 0 && status == FLR_OK)
    status = flr_fail(FLR_ERROR_IO, "cannot write %s: %s", to, strerror(errno));
  if (status == FLR_OK && rename(temporary, to) != 0)
    status = flr_fail(FLR_ERROR_IO, "cannot rename %s to %s: %s", temporary, to, strerror(errno));
  if (file && status != FLR_OK) (void)unlink(temporary);
  flr_free(temporary);
  return status;
}

static int is_hdf5(const char *path) {
  flr_hdf5_lock();
  flr_h5_quiet();
  const int is = H5Fis_hdf5(path) > 0;
  flr_hdf5_unlock();
  return is;
}

/* Names that were swapped must not cost a checkpoint or a data set. */
static flr_status check_target(const char *from, const char *to) {
  struct stat source, target;
  if (stat(to, &target) != 0) return FLR_OK;
  if (stat(from, &source) == 0 && source.st_dev == target.st_dev && source.st_ino == target.st_ino)
    return flr_fail(FLR_ERROR_USAGE, "%s and %s are the same file: give another name to write to", from, to);
  if (!S_ISREG(target.st_mode))
    return flr_fail(FLR_ERROR_IO, "cannot write %s: %s", to,
                    S_ISDIR(target.st_mode) ? strerror(EISDIR) : "it is no regular file");
  if (is_hdf5(to))
    return flr_fail(FLR_ERROR_USAGE, "%s is an HDF5 file, and .safetensors would replace it: give another name to write to",
                    to);
  return FLR_OK;
}

static flr_status check_tensors(const flr_weights_source *source) {
  for (int64_t i = 0; i < source->count; i++)
    if (source->tensors[i].floating) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s holds no floating point tensors: give a checkpoint such as final.h5", source->path);
}

flr_status flr_weights_export(const char *from, const char *to) {
  flr_weights_source source;
  flr_weights_info info;
  const flr_status readable = flr_weights_info_load(from, &info); /* refuses files of another kind or a newer format */
  flr_weights_info_clear(&info);
  FLR_TRY(readable);
  FLR_TRY(check_target(from, to));
  flr_status status = flr_weights_source_open(&source, from);
  if (status == FLR_OK) status = check_tensors(&source);
  if (status == FLR_OK) status = export_to(to, &source);
  flr_weights_source_close(&source);
  return status;
}
