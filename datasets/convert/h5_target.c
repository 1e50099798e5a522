/* Room is made first, so that a full disk is met before HDF5 has anything to write; then the structure, then the rows. */
#include "datasets/convert/h5_target.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/hdf5_lock.h"
#include "core/memory.h"
#include "datasets/convert/leftovers.h"

enum { STRUCTURE_BYTES = 1 << 20, ALIGN_FROM = 1 << 16, ALIGNMENT = 4096, NAME = 32, LABEL_PART = 4096 };

static flr_status io_failed(const flr_h5_target *t, int error) {
  return flr_fail(FLR_ERROR_IO, "cannot write %s: %s", t->path, error ? strerror(error) : "HDF5 failed");
}

/* ---- structure ---- */

/* A contiguous set whose place in the file is known from the start, at *at. */
static int make_set(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims, int64_t *at) {
  const hid_t space = H5Screate_simple(rank, dims, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
  (void)H5Pset_layout(list, H5D_CONTIGUOUS);
  (void)H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
  (void)H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
  (void)H5Pset_obj_track_times(list, 0);
  const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  const haddr_t offset = set >= 0 ? H5Dget_offset(set) : HADDR_UNDEF;
  *at = (int64_t)offset;
  if (set >= 0) (void)H5Dclose(set);
  (void)H5Pclose(list);
  (void)H5Sclose(space);
  return offset != HADDR_UNDEF;
}

static int make_split(flr_h5_target *t, hid_t file, flr_split split, const flr_convert_source *s) {
  const hsize_t n = (hsize_t)s->samples[split];
  const hsize_t images[] = {n, (hsize_t)s->height, (hsize_t)s->width, (hsize_t)s->channels}, features[] = {n, images[3]};
  char x[NAME], y[NAME];
  if (n == 0) return 1;
  (void)snprintf(x, sizeof x, "%s/%s", flr_split_name(split), s->features ? "features" : "images");
  (void)snprintf(y, sizeof y, "%s/labels", flr_split_name(split));
  const hid_t list = H5Pcreate(H5P_GROUP_CREATE);
  (void)H5Pset_obj_track_times(list, 0);
  const hid_t group = H5Gcreate2(file, flr_split_name(split), H5P_DEFAULT, list, H5P_DEFAULT);
  (void)H5Pclose(list);
  if (group >= 0) (void)H5Gclose(group);
  return group >= 0 &&
         make_set(file, x, s->features ? H5T_IEEE_F32LE : H5T_STD_U8LE, s->features ? 2 : 4, s->features ? features : images,
                  &t->x_at[split]) &&
         make_set(file, y, H5T_STD_I32LE, 1, &n, &t->y_at[split]);
}

/* An attribute of the root group; n 0: a single value. data NULL: filled later. */
static int put_attribute(hid_t file, const char *name, hid_t type, int64_t n, const void *data) {
  const hsize_t dims = (hsize_t)n;
  const hid_t space = n ? H5Screate_simple(1, &dims, NULL) : H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const int good = attribute >= 0 && (!data || H5Awrite(attribute, type, data) >= 0);
  if (attribute >= 0) (void)H5Aclose(attribute);
  (void)H5Sclose(space);
  return good;
}

static int put_attributes(hid_t file, const flr_convert_source *s) {
  const char *const format = "dataset";
  const hid_t text = H5Tcopy(H5T_C_S1);
  (void)H5Tset_size(text, H5T_VARIABLE);
  (void)H5Tset_cset(text, H5T_CSET_UTF8);
  const int good = put_attribute(file, "fastlr_format", text, 0, &format) &&
                   put_attribute(file, "class_names", text, s->classes, s->class_names) &&
                   put_attribute(file, "mean", H5T_NATIVE_FLOAT, s->channels, NULL) &&
                   put_attribute(file, "std", H5T_NATIVE_FLOAT, s->channels, NULL);
  (void)H5Tclose(text);
  return good;
}

static int make_structure(flr_h5_target *t, const flr_convert_source *s) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE);
  (void)H5Pset_obj_track_times(create, 0);                               /* the same source gives the same bytes */
  (void)H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST); /* its structures carry checksums; h5py reads it */
  (void)H5Pset_alignment(access, ALIGN_FROM, ALIGNMENT);
  const hid_t file = H5Fcreate(t->temporary, H5F_ACC_TRUNC, create, access);
  (void)H5Pclose(create);
  (void)H5Pclose(access);
  if (file < 0) return 0;
  int good = put_attributes(file, s);
  for (int split = 0; split < FLR_SPLIT_COUNT && good; split++) good = make_split(t, file, (flr_split)split, s);
  return H5Fclose(file) >= 0 && good;
}

/* ---- room ---- */

/* Takes the blocks from the file system where it can do so. */
static flr_status reserve(const flr_h5_target *t, int64_t bytes) {
  if (fallocate(t->fd, 0, 0, (off_t)bytes) == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return FLR_OK;
  return flr_fail(FLR_ERROR_IO, "cannot write %s: %s: it takes %.1f MB", t->path, strerror(errno), (double)bytes / 1e6);
}

static flr_status measure(int64_t *bytes, const flr_convert_source *s) {
  int64_t all = STRUCTURE_BYTES, split_bytes;
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    FLR_TRY(flr_multiply(&split_bytes, s->samples[split], (int64_t)(s->sample_bytes + sizeof(int32_t))));
    if (split_bytes > INT64_MAX / 4 - all) return flr_fail(FLR_ERROR_DATA, "%s: too many samples", s->path);
    all += split_bytes;
  }
  *bytes = all;
  return FLR_OK;
}

static flr_status fill_structure(flr_h5_target *t, const flr_convert_source *s) {
  struct stat info;
  int64_t estimate = 0;
  FLR_TRY(measure(&estimate, s));
  FLR_TRY(reserve(t, estimate));
  flr_hdf5_lock();
  (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  errno = 0;
  const int made = make_structure(t, s), error = errno;
  flr_hdf5_unlock();
  if (!made) return io_failed(t, error);
  if (fstat(t->fd, &info) != 0) return io_failed(t, errno);
  t->bytes = (int64_t)info.st_size;
  return reserve(t, t->bytes);
}

flr_status flr_h5_target_begin(flr_h5_target *out, const char *path, const flr_convert_source *source) {
  struct stat info;
  *out = (flr_h5_target){.path = path, .fd = -1, .sample_bytes = source->sample_bytes, .channels = source->channels};
  if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return io_failed(out, EISDIR);
  FLR_TRY(flr_leftovers_remove(path));
  FLR_TRY(flr_leftovers_name(&out->temporary, path));
  out->fd = open(out->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  flr_status status = out->fd < 0 ? io_failed(out, errno) : fill_structure(out, source);
  if (status != FLR_OK) flr_h5_target_abandon(out);
  return status;
}

/* ---- rows ---- */

static flr_status put_bytes(const flr_h5_target *t, int64_t at, const void *data, size_t n) {
  const unsigned char *from = data;
  while (n > 0) {
    const ssize_t done = pwrite(t->fd, from, n, (off_t)at);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return io_failed(t, done < 0 ? errno : ENOSPC);
    from += done;
    at += done;
    n -= (size_t)done;
  }
  return FLR_OK;
}

flr_status flr_h5_target_put(flr_h5_target *t, flr_split split, int64_t first, int64_t n, const void *x,
                             const int64_t *labels) {
  unsigned char part[LABEL_PART * sizeof(int32_t)];
  FLR_TRY(put_bytes(t, t->x_at[split] + first * (int64_t)t->sample_bytes, x, (size_t)n * t->sample_bytes));
  for (int64_t done = 0; done < n; done += LABEL_PART) {
    const int64_t count = n - done < LABEL_PART ? n - done : LABEL_PART;
    for (int64_t i = 0; i < 4 * count; i++) part[i] = (unsigned char)(labels[done + i / 4] >> 8 * (i % 4));
    FLR_TRY(put_bytes(t, t->y_at[split] + 4 * (first + done), part, (size_t)(4 * count)));
  }
  return FLR_OK;
}

/* ---- the end ---- */

static int write_floats(hid_t file, const char *name, const float *values) {
  const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  const int good = attribute >= 0 && H5Awrite(attribute, H5T_NATIVE_FLOAT, values) >= 0;
  if (attribute >= 0) (void)H5Aclose(attribute);
  return good;
}

static int write_statistics(const flr_h5_target *t, const float *mean, const float *std) {
  const hid_t file = H5Fopen(t->temporary, H5F_ACC_RDWR, H5P_DEFAULT);
  if (file < 0) return 0;
  const int good = write_floats(file, "mean", mean) && write_floats(file, "std", std);
  return H5Fclose(file) >= 0 && good;
}

/* Some file systems refuse it for folders; the file itself is safe. */
static void sync_folder(const char *path) {
  char *copy;
  if (flr_strdup(&copy, path) != FLR_OK) return;
  const int fd = open(dirname(copy), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) (void)fsync(fd);
  if (fd >= 0) (void)close(fd);
  flr_free(copy);
}

flr_status flr_h5_target_commit(flr_h5_target *t, const float *mean, const float *std) {
  flr_hdf5_lock();
  errno = 0;
  const int written = write_statistics(t, mean, std), error = errno;
  flr_hdf5_unlock();
  if (!written) return io_failed(t, error);
  if (fsync(t->fd) != 0 || rename(t->temporary, t->path) != 0) return io_failed(t, errno);
  sync_folder(t->path);
  (void)close(t->fd);
  flr_free(t->temporary);
  t->temporary = NULL;
  t->fd = -1;
  return FLR_OK;
}

void flr_h5_target_abandon(flr_h5_target *t) {
  if (t->fd >= 0) (void)close(t->fd);
  if (t->fd >= 0) (void)unlink(t->temporary);
  flr_free(t->temporary);
  t->temporary = NULL;
  t->fd = -1;
}
