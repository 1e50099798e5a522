/* Every HDF5 call checked, every error with the name it happened at. */
#include "checkpoint/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/h5_disk.h"
#include "checkpoint/seal.h"
#include "core/memory.h"

enum { REASON = 256, PATH_BYTES = 4096, TEXT_LIMIT = 1 << 20, WRITEBACK_BYTES = 1 << 22 };

void flr_h5_quiet(void) { (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

static herr_t first_reason(unsigned n, const H5E_error2_t *error, void *context) {
  if (n == 0 && error->desc) (void)snprintf(context, REASON, "%s", error->desc);
  return 0;
}

const char *flr_h5_reason(char *text, size_t size) {
  char reason[REASON] = "unknown reason";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_reason, reason);
  for (char *c = reason; *c; c++)
    if (*c == '\n') *c = ' ';
  (void)snprintf(text, size, "%s", reason);
  return text;
}

/* ---- reading ---- */

flr_status flr_h5_open(hid_t *out, const char *path) {
  struct stat info;
  char reason[REASON];
  *out = H5I_INVALID_HID;
  flr_h5_quiet();
  if (stat(path, &info) != 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s: give an HDF5 file", path, strerror(errno));
  if (S_ISDIR(info.st_mode)) return flr_fail(FLR_ERROR_NO_INPUT, "%s is a folder: give an HDF5 file", path);
  if (info.st_size == 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s is empty (0 bytes): give an HDF5 file", path);
  if (access(path, R_OK) != 0) return flr_fail(FLR_ERROR_IO, "%s: %s", path, strerror(errno));
  if (H5Fis_hdf5(path) <= 0) return flr_fail(FLR_ERROR_DATA, "%s is not an HDF5 file", path);
  const hid_t how = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
  (void)H5Pset_file_locking(how, 0, 1); /* reading needs no lock, and network file systems may have none */
#endif
  *out = H5Fopen(path, H5F_ACC_RDONLY, how);
  if (*out < 0) flr_h5_reason(reason, sizeof reason); /* the next call of HDF5 forgets it */
  (void)H5Pclose(how);
  if (*out >= 0) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s is damaged or cut off (%lld bytes): HDF5 says: %s", path, (long long)info.st_size,
                  reason);
}

/* Variable-length text comes as a pointer that HDF5 allocated, fixed-length text as bytes that may lack a terminator. */
static flr_status copy_text(char **out, hid_t type, hid_t source, int attribute, const char *name) {
  const int variable = H5Tis_variable_str(type) > 0;
  const size_t bytes = H5Tget_size(type);
  if (bytes > TEXT_LIMIT) return flr_fail(FLR_ERROR_DATA, "%s: %zu bytes of text are too many", name, bytes);
  char *pointer = NULL;
  FLR_TRY(flr_alloc(out, (int64_t)bytes + 1, 1));
  void *target = variable ? (void *)&pointer : *out;
  const herr_t result =
      attribute ? H5Aread(source, type, target) : H5Dread(source, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, target);
  flr_status status = result < 0 ? flr_fail(FLR_ERROR_DATA, "%s: the text cannot be read", name) : FLR_OK;
  if (variable || status != FLR_OK) {
    flr_free(*out);
    *out = NULL;
  }
  if (variable && status == FLR_OK) status = flr_strdup(out, pointer ? pointer : "");
  if (variable) (void)H5free_memory(pointer);
  return status;
}

static flr_status read_text(char **out, hid_t source, int attribute, const char *name) {
  const hid_t type = attribute ? H5Aget_type(source) : H5Dget_type(source);
  const hid_t space = attribute ? H5Aget_space(source) : H5Dget_space(source);
  const int one = H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1;
  const flr_status status =
      one ? copy_text(out, type, source, attribute, name) : flr_fail(FLR_ERROR_DATA, "%s is not one text", name);
  (void)H5Sclose(space);
  (void)H5Tclose(type);
  return status;
}

flr_status flr_h5_read_string(char **out, hid_t file, const char *name) {
  *out = NULL;
  if (H5Lexists(file, name, H5P_DEFAULT) <= 0) return FLR_OK;
  const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
  if (set < 0) return flr_fail(FLR_ERROR_DATA, "%s is not one text", name);
  const flr_status status = read_text(out, set, 0, name);
  (void)H5Dclose(set);
  return status;
}

flr_status flr_h5_read_attribute_string(char **out, hid_t file, const char *name) {
  *out = NULL;
  if (H5Aexists(file, name) <= 0) return FLR_OK;
  const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  if (attribute < 0) return flr_fail(FLR_ERROR_DATA, "%s is not one text", name);
  const flr_status status = read_text(out, attribute, 1, name);
  (void)H5Aclose(attribute);
  return status;
}

int64_t flr_h5_read_attribute_integer(hid_t file, const char *name, int64_t fallback) {
  if (H5Aexists(file, name) <= 0) return fallback;
  const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT), type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  int64_t value = fallback;
  if (H5Tget_class(type) == H5T_INTEGER && H5Sget_simple_extent_npoints(space) == 1 &&
      H5Aread(attribute, H5T_NATIVE_INT64, &value) < 0)
    value = fallback;
  (void)H5Sclose(space);
  (void)H5Tclose(type);
  (void)H5Aclose(attribute);
  return value;
}

/* ---- what is stored ---- */

static flr_h5_stored find_contiguous(hid_t set, hid_t list, int64_t bytes) {
  hsize_t end;
  if (H5Pget_external_count(list) > 0) return FLR_H5_ALL;
  const haddr_t offset = H5Dget_offset(set);
  const hid_t file = H5Iget_file_id(set);
  const int known = file >= 0 && H5Fget_filesize(file, &end) >= 0;
  if (file >= 0) (void)H5Fclose(file);
  return known && offset != HADDR_UNDEF && offset <= end && (hsize_t)bytes <= end - offset ? FLR_H5_ALL : FLR_H5_NOTHING;
}

static flr_h5_stored find_chunks(hid_t set, hid_t list, hid_t space, int rank, const hsize_t *dims) {
  hsize_t chunk[H5S_MAX_RANK], found;
  int64_t wanted = 1;
  if (H5Pget_chunk(list, H5S_MAX_RANK, chunk) != rank || H5Dget_num_chunks(set, space, &found) < 0 || found == 0)
    return FLR_H5_NOTHING;
  for (int i = 0; i < rank; i++)
    if (flr_multiply(&wanted, wanted, (int64_t)(dims[i] / chunk[i] + (dims[i] % chunk[i] != 0))) != FLR_OK)
      return FLR_H5_IN_PART;
  return (int64_t)found == wanted ? FLR_H5_ALL : FLR_H5_IN_PART;
}

static flr_h5_stored find_in(hid_t set, hid_t list, hid_t space, hid_t type) {
  hsize_t dims[H5S_MAX_RANK];
  int64_t bytes;
  const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  if (rank < 0 || points < 0 || flr_multiply(&bytes, (int64_t)points, (int64_t)H5Tget_size(type)) != FLR_OK)
    return FLR_H5_NOTHING;
  if (bytes == 0) return FLR_H5_ALL;
  switch (H5Pget_layout(list)) {
    case H5D_CONTIGUOUS: return find_contiguous(set, list, bytes);
    case H5D_CHUNKED: return find_chunks(set, list, space, rank, dims);
    case H5D_COMPACT:
    case H5D_VIRTUAL: return FLR_H5_ALL;
    default: return FLR_H5_NOTHING;
  }
}

flr_h5_stored flr_h5_find_stored(hid_t set) {
  const hid_t list = H5Dget_create_plist(set), space = H5Dget_space(set), type = H5Dget_type(set);
  const flr_h5_stored stored = find_in(set, list, space, type);
  (void)H5Tclose(type);
  (void)H5Sclose(space);
  (void)H5Pclose(list);
  return stored;
}

/* ---- writing ---- */

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
  const hid_t how = H5Pcreate(H5P_FILE_ACCESS);
  (void)H5Pset_libver_bounds(how, H5F_LIBVER_V110, H5F_LIBVER_V110); /* the first whose own structures all carry checksums */
  out->file = flr_h5_disk_create(out->temporary, how, out->disk);
  if (out->file < 0) flr_h5_reason(reason, sizeof reason); /* the next call of HDF5 forgets it */
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
  if (writer->temporary) (void)unlink(writer->temporary);
  flr_free(writer->temporary);
  flr_free(writer->disk);
  *writer = (flr_h5_writer){.file = H5I_INVALID_HID};
}

flr_status flr_h5_write_failed(hid_t object, const char *name) {
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

/* The disk begins with what was written while the rest is made ready, so that fsync finds little left. A hint: failure is no
 * harm. */
static void begin_writeback(hid_t file) {
  void *handle;
  if (H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0)
    (void)sync_file_range(*(const int *)handle, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static flr_status write_set(hid_t file, const char *name, hid_t memory_type, int rank, const int64_t *dims, const void *data,
                            size_t bytes) {
  const uint64_t checksum = flr_h5_checksum(data, bytes);
  hsize_t extent[H5S_MAX_RANK];
  for (int i = 0; i < rank; i++) extent[i] = (hsize_t)dims[i];
  const hid_t space = rank ? H5Screate_simple(rank, extent, NULL) : H5Screate(H5S_SCALAR);
  const hid_t links = H5Pcreate(H5P_LINK_CREATE);
  (void)H5Pset_create_intermediate_group(links, 1);
  const hid_t set = H5Dcreate2(file, name, memory_type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  const int good = set >= 0 && H5Dwrite(set, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0 && !has_failed(file);
  flr_status status = good ? FLR_OK : flr_h5_write_failed(file, name);
  if (status == FLR_OK) status = flr_h5_write_attribute(set, "checksum", H5T_NATIVE_UINT64, &checksum);
  if (set >= 0) (void)H5Dclose(set);
  (void)H5Pclose(links);
  (void)H5Sclose(space);
  if (status == FLR_OK && bytes >= WRITEBACK_BYTES) begin_writeback(file);
  return status;
}

flr_status flr_h5_write(hid_t file, const char *name, hid_t memory_type, int rank, const int64_t *dims, const void *data) {
  size_t bytes = H5Tget_size(memory_type);
  for (int i = 0; i < rank; i++) bytes *= (size_t)dims[i];
  return write_set(file, name, memory_type, rank, dims, data, bytes);
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
  const flr_status status = write_set(file, name, type, 0, NULL, text, strlen(text));
  (void)H5Tclose(type);
  return status;
}

flr_status flr_h5_write_attribute(hid_t object, const char *name, hid_t memory_type, const void *value) {
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(object, name, memory_type, space, H5P_DEFAULT, H5P_DEFAULT);
  const int good = attribute >= 0 && H5Awrite(attribute, memory_type, value) >= 0;
  const flr_status status = good ? FLR_OK : flr_h5_write_failed(object, name);
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
