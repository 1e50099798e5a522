/* What both kinds of weights file share. */
#include "checkpoint/weights_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/h5.h"
#include "core/hdf5_lock.h"
#include "core/memory.h"

static flr_status check_path(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0)
    return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s: give a .safetensors or .h5 file", path, strerror(errno));
  if (S_ISDIR(info.st_mode)) return flr_fail(FLR_ERROR_NO_INPUT, "%s is a folder: give a weights file", path);
  if (info.st_size == 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s is empty (0 bytes): give a .safetensors or .h5 file", path);
  if (access(path, R_OK) != 0) return flr_fail(FLR_ERROR_IO, "%s: %s", path, strerror(errno));
  return FLR_OK;
}

flr_status flr_weights_source_open(flr_weights_source *out, const char *path) {
  *out = (flr_weights_source){.path = path, .file = H5I_INVALID_HID, .fd = -1};
  flr_hdf5_lock();
  FLR_TRY(check_path(path));
  flr_h5_quiet();
  return H5Fis_hdf5(path) > 0 ? flr_weights_source_open_h5(out) : flr_weights_source_open_safetensors(out);
}

void flr_weights_source_close(flr_weights_source *source) {
  for (int64_t i = 0; i < source->count; i++) {
    flr_free(source->tensors[i].name);
    flr_free(source->tensors[i].location);
  }
  flr_free(source->tensors);
  if (source->file >= 0) (void)H5Fclose(source->file);
  if (source->fd >= 0) (void)close(source->fd);
  flr_hdf5_unlock();
  *source = (flr_weights_source){.file = H5I_INVALID_HID, .fd = -1};
}

const flr_weights_tensor *flr_weights_source_find(const flr_weights_source *source, const char *name) {
  for (int64_t i = 0; i < source->count; i++)
    if (strcmp(source->tensors[i].name, name) == 0) return &source->tensors[i];
  return NULL;
}

static flr_status grow(flr_weights_source *source) {
  flr_weights_tensor *larger;
  const int64_t room = source->room ? 2 * source->room : 64;
  FLR_TRY(flr_alloc(&larger, room, sizeof *larger));
  if (source->count) memcpy(larger, source->tensors, (size_t)source->count * sizeof *larger);
  flr_free(source->tensors);
  source->tensors = larger;
  source->room = room;
  return FLR_OK;
}

flr_status flr_weights_source_add(flr_weights_source *source, const char *name, flr_weights_tensor **out) {
  if (flr_weights_source_find(source, name))
    return flr_fail(FLR_ERROR_DATA, "%s: %.80s is there twice: which one counts cannot be told", source->path, name);
  if (source->count == source->room) FLR_TRY(grow(source));
  flr_weights_tensor *tensor = &source->tensors[source->count];
  FLR_TRY(flr_strdup(&tensor->name, name));
  source->count++;
  *out = tensor;
  return FLR_OK;
}
