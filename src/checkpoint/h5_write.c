/* Writing HDF5 files that appear whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/h5.h"
#include "checkpoint/h5_disk.h"
#include "checkpoint/seal.h"
#include "core/memory.h"

enum { REASON = 256, PATH_BYTES = 4096, NAME = 256, MOST_COMPACT = 65535 };

/* Links and attributes of an object stay in its header, however many they are: its checksum is looked at before any of them. In
 * the heaps and trees of large groups HDF5 1.10 meets damage half way, and then frees what it never set. */
static void keep_compact(hid_t create) {
  (void)H5Pset_link_phase_change(create, MOST_COMPACT, 0);
  (void)H5Pset_attr_phase_change(create, MOST_COMPACT, 0);
}

flr_status flr_h5_writer_begin(flr_h5_writer *out, const char *path) {
  const size_t room = strlen(path) + 32;
  char reason[REASON];
  *out = (flr_h5_writer){.file = H5I_INVALID_HID, .path = path};
  flr_h5_quiet();
  FLR_TRY(flr_alloc(&out->disk, 1, sizeof *out->disk));
  flr_status status = flr_alloc(&out->temporary, (int64_t)room, 1);
  if (status != FLR_OK) {
    flr_h5_writer_abandon(out);
    return status;
  }
  (void)snprintf(out->temporary, room, "%s.tmp.%ld", path, (long)getpid());
  const hid_t how = H5Pcreate(H5P_FILE_ACCESS), what = H5Pcreate(H5P_FILE_CREATE);
  (void)H5Pset_libver_bounds(how, H5F_LIBVER_V110, H5F_LIBVER_V110); /* the first whose own structures all carry checksums */
  keep_compact(what);
  out->file = flr_h5_disk_create(out->temporary, what, how, out->disk);
  if (out->file < 0) flr_h5_reason(reason, sizeof reason); /* the next call of HDF5 forgets it */
  (void)H5Pclose(what);
  (void)H5Pclose(how);
  if (out->file >= 0 && !out->disk->failure) return FLR_OK;
  status = flr_fail(FLR_ERROR_IO, "cannot create %s: %s", path, out->disk->failure ? strerror(out->disk->failure) : reason);
  flr_h5_writer_abandon(out);
  return status;
}

static int sync_path(const char *path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const int good = fsync(fd) == 0;
  (void)close(fd);
  return good;
}

static flr_status put_in_place(const flr_h5_writer *writer) {
  char *copy;
  if (!sync_path(writer->temporary) || rename(writer->temporary, writer->path) != 0)
    return flr_fail(FLR_ERROR_IO, "cannot write %s: %s", writer->path, strerror(errno));
  FLR_TRY(flr_strdup(&copy, writer->path));
  (void)sync_path(dirname(copy)); /* some file systems refuse it for folders; the file itself is safe */
  flr_free(copy);
  return FLR_OK;
}

flr_status flr_h5_writer_commit(flr_h5_writer *writer) {
  char reason[REASON];
  const herr_t closed = H5Fclose(writer->file);
  const int failure = writer->disk->failure;
  writer->file = H5I_INVALID_HID;
  flr_status status = FLR_OK;
  if (closed < 0 || failure)
    status = flr_fail(FLR_ERROR_IO, "cannot write %s: %s", writer->path,
                      failure ? strerror(failure) : flr_h5_reason(reason, sizeof reason));
  else
    status = put_in_place(writer);
  if (status == FLR_OK) {
    flr_free(writer->temporary);
    writer->temporary = NULL;
  }
  flr_h5_writer_abandon(writer);
  return status;
}

void flr_h5_writer_abandon(flr_h5_writer *writer) {
  if (writer->file >= 0) (void)H5Fclose(writer->file);
  if (writer->disk) flr_h5_disk_release(writer->disk);
  if (writer->temporary) (void)unlink(writer->temporary);
  flr_free(writer->temporary);
  flr_free(writer->disk);
  *writer = (flr_h5_writer){.file = H5I_INVALID_HID};
}

/* What `name` of the file that object is of could not be written: FLR_ERROR_IO with the file's name and the reason. */
static flr_status write_failed(hid_t object, const char *name) {
  char reason[REASON], path[PATH_BYTES] = "";
  flr_h5_reason(reason, sizeof reason); /* the next call of HDF5 forgets it */
  const flr_h5_disk *disk = flr_h5_disk_of(object);
  (void)H5Fget_name(object, path, sizeof path);
  char *end = strstr(path, ".tmp.");
  if (end) *end = '\0';
  return flr_fail(FLR_ERROR_IO, "cannot write %.600s (%.100s): %s", path, name,
                  disk && disk->failure ? strerror(disk->failure) : reason);
}

/* What HDF5 was told went well may have been dropped. */
static int has_failed(hid_t file) {
  const flr_h5_disk *disk = flr_h5_disk_of(file);
  return disk && disk->failure;
}

/* One name below `parent`. */
static hid_t open_or_make(hid_t parent, const char *name) {
  if (H5Lexists(parent, name, H5P_DEFAULT) > 0) return H5Gopen2(parent, name, H5P_DEFAULT);
  const hid_t create = H5Pcreate(H5P_GROUP_CREATE);
  keep_compact(create);
  const hid_t group = H5Gcreate2(parent, name, H5P_DEFAULT, create, H5P_DEFAULT);
  (void)H5Pclose(create);
  return group;
}

flr_status flr_h5_make_group(hid_t *out, hid_t file, const char *name) {
  char path[NAME], *rest = path;
  (void)snprintf(path, sizeof path, "%s", name);
  *out = H5Gopen2(file, "/", H5P_DEFAULT);
  for (const char *part; *out >= 0 && (part = strsep(&rest, "/"));) {
    if (!*part) continue;
    const hid_t parent = *out;
    *out = open_or_make(parent, part);
    (void)H5Gclose(parent);
  }
  return *out >= 0 ? FLR_OK : write_failed(file, name);
}

/* In its group, which is made when it is not there. */
static hid_t make_set(hid_t file, const char *name, hid_t type, hid_t space) {
  char folder[NAME];
  const char *slash = strrchr(name, '/');
  hid_t group;
  (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - name) : 0, name);
  if (flr_h5_make_group(&group, file, folder) != FLR_OK) return H5I_INVALID_HID;
  const hid_t set = H5Dcreate2(group, slash ? slash + 1 : name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  (void)H5Gclose(group);
  return set;
}

flr_status flr_h5_write_summed(hid_t file, const char *name, hid_t memory_type, int rank, const int64_t *dims, const void *data,
                               uint64_t checksum) {
  hsize_t extent[H5S_MAX_RANK];
  for (int i = 0; i < rank; i++) extent[i] = (hsize_t)dims[i];
  const hid_t space = rank ? H5Screate_simple(rank, extent, NULL) : H5Screate(H5S_SCALAR);
  const hid_t set = make_set(file, name, memory_type, space);
  const int good = set >= 0 && H5Dwrite(set, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0 && !has_failed(file);
  flr_status status = good ? FLR_OK : write_failed(file, name);
  if (status == FLR_OK) status = flr_h5_write_attribute(set, "checksum", H5T_NATIVE_UINT64, &checksum);
  if (set >= 0) (void)H5Dclose(set);
  (void)H5Sclose(space);
  return status;
}

flr_status flr_h5_write(hid_t file, const char *name, hid_t memory_type, int rank, const int64_t *dims, const void *data) {
  size_t bytes = H5Tget_size(memory_type);
  for (int i = 0; i < rank; i++) bytes *= (size_t)dims[i];
  return flr_h5_write_summed(file, name, memory_type, rank, dims, data, flr_h5_checksum(data, bytes));
}

/* UTF-8, terminated, exactly as long as the text. */
static hid_t text_type(const char *text) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  (void)H5Tset_size(type, strlen(text) + 1);
  (void)H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

flr_status flr_h5_write_string(hid_t file, const char *name, const char *text) {
  const hid_t type = text_type(text);
  const flr_status status = flr_h5_write_summed(file, name, type, 0, NULL, text, flr_h5_checksum(text, strlen(text)));
  (void)H5Tclose(type);
  return status;
}

flr_status flr_h5_write_attribute(hid_t object, const char *name, hid_t memory_type, const void *value) {
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(object, name, memory_type, space, H5P_DEFAULT, H5P_DEFAULT);
  const int good = attribute >= 0 && H5Awrite(attribute, memory_type, value) >= 0;
  const flr_status status = good ? FLR_OK : write_failed(object, name);
  if (attribute >= 0) (void)H5Aclose(attribute);
  (void)H5Sclose(space);
  return status;
}

flr_status flr_h5_write_attribute_string(hid_t object, const char *name, const char *text) {
  const hid_t type = text_type(text);
  const flr_status status = flr_h5_write_attribute(object, name, type, text);
  (void)H5Tclose(type);
  return status;
}
