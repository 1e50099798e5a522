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

#include "core/hash.h"
#include "core/hdf5_lock.h"
#include "core/memory.h"
#include "datasets/codec.h"
#include "datasets/convert/leftovers.h"

enum { STRUCTURE_BYTES = 1 << 20, ALIGN_FROM = 1 << 16, ALIGNMENT = 4096, NAME = 32, LABEL_PART = 4096 };

static flr_status io_failed(const flr_h5_target *t, int error) {
  return flr_fail(FLR_ERROR_IO, "cannot write %s: %s", t->path, error ? strerror(error) : "HDF5 failed");
}

/* ---- structure ---- */

/* An attribute; n 0: a single value. data NULL: filled later. */
static int put_attribute(hid_t object, const char *name, hid_t type, int64_t n, const void *data) {
  const hsize_t dims = (hsize_t)n;
  const hid_t space = n ? H5Screate_simple(1, &dims, NULL) : H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const int good = attribute >= 0 && (!data || H5Awrite(attribute, type, data) >= 0);
  if (attribute >= 0) (void)H5Aclose(attribute);
  (void)H5Sclose(space);
  return good;
}

/* The filters that chunks have gone through. Those from outside HDF5 are optional: it can then make the set without them. */
static int set_filters(hid_t list, const flr_encoding *e) {
  const int level = flr_compression_level(e->compression, e->level);
  const unsigned zstd_level = (unsigned)level;
  herr_t result = 0;
  if (e->compression != FLR_COMPRESS_NONE && e->element_bytes > 1) result = H5Pset_shuffle(list);
  if (result >= 0 && e->compression == FLR_COMPRESS_DEFLATE) result = H5Pset_deflate(list, (unsigned)level);
  if (result >= 0 && e->compression == FLR_COMPRESS_LZ4)
    result = H5Pset_filter(list, FLR_FILTER_LZ4, H5Z_FLAG_OPTIONAL, 0, NULL);
  if (result >= 0 && e->compression == FLR_COMPRESS_ZSTD)
    result = H5Pset_filter(list, FLR_FILTER_ZSTD, H5Z_FLAG_OPTIONAL, 1, &zstd_level);
  if (result >= 0 && e->checksum) result = H5Pset_fletcher32(list);
  return result >= 0;
}

static int set_chunks(hid_t list, int rank, const hsize_t *dims, const flr_h5_layout *layout) {
  hsize_t chunk[4];
  memcpy(chunk, dims, (size_t)rank * sizeof *chunk);
  if ((hsize_t)layout->block_rows < dims[0]) chunk[0] = (hsize_t)layout->block_rows;
  return H5Pset_chunk(list, rank, chunk) >= 0 && set_filters(list, &layout->encoding);
}

/* Places for what is known at the end: attributes are made with the set, so that the file needs no more room later. */
static int make_checksum(hid_t set, int64_t rows) {
  return put_attribute(set, "checksum", H5T_NATIVE_UINT64, 0, NULL) &&
         put_attribute(set, "checksum_rows", H5T_NATIVE_INT64, 0, &rows);
}

/* layout NULL or not chunked: a contiguous set whose place in the file is known from the start, at *at. */
static int make_set(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims, const flr_h5_layout *layout,
                    int64_t checked_rows, int64_t *at) {
  const hid_t space = H5Screate_simple(rank, dims, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
  const int chunked = layout && layout->chunked;
  int good = 1;
  (void)H5Pset_layout(list, chunked ? H5D_CHUNKED : H5D_CONTIGUOUS);
  (void)H5Pset_alloc_time(list, chunked ? H5D_ALLOC_TIME_INCR : H5D_ALLOC_TIME_EARLY);
  (void)H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
  (void)H5Pset_obj_track_times(list, 0);
  if (chunked) good = set_chunks(list, rank, dims, layout);
  const hid_t set = good ? H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT) : H5I_INVALID_HID;
  const haddr_t offset = set >= 0 && !chunked ? H5Dget_offset(set) : HADDR_UNDEF;
  *at = (int64_t)offset;
  good = set >= 0 && (chunked || offset != HADDR_UNDEF) && (checked_rows == 0 || make_checksum(set, checked_rows));
  if (set >= 0) (void)H5Dclose(set);
  (void)H5Pclose(list);
  (void)H5Sclose(space);
  return good;
}

static void name_sets(const flr_convert_source *s, flr_split split, char x[NAME], char y[NAME]) {
  (void)snprintf(x, NAME, "%s/%s", flr_split_name(split), s->features ? "features" : "images");
  (void)snprintf(y, NAME, "%s/labels", flr_split_name(split));
}

static int make_split(flr_h5_target *t, hid_t file, flr_split split, const flr_convert_source *s) {
  const int checked = t->layout.encoding.checksum;
  const hsize_t n = (hsize_t)s->samples[split];
  const hsize_t images[] = {n, (hsize_t)s->height, (hsize_t)s->width, (hsize_t)s->channels}, features[] = {n, images[3]};
  char x[NAME], y[NAME];
  if (n == 0) return 1;
  name_sets(s, split, x, y);
  const hid_t list = H5Pcreate(H5P_GROUP_CREATE);
  (void)H5Pset_obj_track_times(list, 0);
  const hid_t group = H5Gcreate2(file, flr_split_name(split), H5P_DEFAULT, list, H5P_DEFAULT);
  (void)H5Pclose(list);
  if (group >= 0) (void)H5Gclose(group);
  return group >= 0 &&
         make_set(file, x, s->features ? H5T_IEEE_F32LE : H5T_STD_U8LE, s->features ? 2 : 4, s->features ? features : images,
                  &t->layout, checked && !t->layout.chunked ? t->layout.block_rows : 0, &t->places.x_at[split]) &&
         make_set(file, y, H5T_STD_I32LE, 1, &n, NULL, checked ? LABEL_PART : 0, &t->places.y_at[split]);
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

/* What contiguous samples and labels take. */
static flr_status measure(int64_t *bytes, const flr_convert_source *s, int chunked) {
  const int64_t row_bytes = (int64_t)(chunked ? 0 : s->sample_bytes) + (int64_t)sizeof(int32_t);
  int64_t all = STRUCTURE_BYTES, split_bytes;
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    FLR_TRY(flr_multiply(&split_bytes, s->samples[split], row_bytes));
    if (split_bytes > INT64_MAX / 4 - all) return flr_fail(FLR_ERROR_DATA, "%s: too many samples", s->path);
    all += split_bytes;
  }
  *bytes = all;
  return FLR_OK;
}

static flr_status fill_structure(flr_h5_target *t, const flr_convert_source *s) {
  struct stat info;
  int64_t estimate = 0;
  FLR_TRY(measure(&estimate, s, t->layout.chunked));
  FLR_TRY(reserve(t, estimate));
  flr_hdf5_lock();
  (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  errno = 0;
  const int made = make_structure(t, s), error = errno;
  flr_hdf5_unlock();
  if (!made) return io_failed(t, error);
  if (fstat(t->fd, &info) != 0) return io_failed(t, errno);
  t->places.bytes = t->reserved = (int64_t)info.st_size;
  return reserve(t, t->places.bytes);
}

/* Chunks are written through HDF5, which keeps the file open for them. */
static int open_sets(flr_h5_target *t) {
  char x[NAME], y[NAME];
  t->file = H5Fopen(t->temporary, H5F_ACC_RDWR, H5P_DEFAULT);
  if (t->file < 0) t->file = 0;
  int good = t->file > 0;
  for (int split = 0; split < FLR_SPLIT_COUNT && good; split++) {
    if (t->source->samples[split] == 0) continue;
    name_sets(t->source, (flr_split)split, x, y);
    t->sets[split] = H5Dopen2(t->file, x, H5P_DEFAULT);
    good = t->sets[split] > 0;
  }
  return good;
}

static int close_sets(flr_h5_target *t) {
  int good = 1;
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    if (t->sets[split] > 0) good &= H5Dclose(t->sets[split]) >= 0;
    t->sets[split] = 0;
  }
  if (t->file > 0) good &= H5Fclose(t->file) >= 0;
  t->file = 0;
  return good;
}

/* A file that is not HDF5's, and not empty, is somebody's: a swapped or repeated name on the command line must not cost it. */
flr_status flr_h5_target_check(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0) return FLR_OK;
  if (!S_ISREG(info.st_mode))
    return flr_fail(FLR_ERROR_IO, "cannot write %s: %s", path,
                    S_ISDIR(info.st_mode) ? strerror(EISDIR) : "it is no regular file");
  if (access(path, R_OK) != 0) return flr_fail(FLR_ERROR_IO, "cannot write %s: %s", path, strerror(errno));
  flr_hdf5_lock();
  (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const int replaced = info.st_size == 0 || H5Fis_hdf5(path) > 0;
  flr_hdf5_unlock();
  if (replaced) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "convert: %s is there and no HDF5 file: remove it, or give another name to write to", path);
}

flr_status flr_h5_target_begin(flr_h5_target *out, const char *path, const flr_convert_source *source,
                               const flr_h5_layout *layout) {
  *out = (flr_h5_target){.path = path, .fd = -1, .source = source, .layout = *layout};
  FLR_TRY(flr_leftovers_remove(path));
  FLR_TRY(flr_leftovers_name(&out->temporary, path));
  out->fd = open(out->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  flr_status status = out->fd < 0 ? io_failed(out, errno) : fill_structure(out, source);
  flr_hdf5_lock();
  if (status == FLR_OK && layout->chunked && !open_sets(out)) status = io_failed(out, 0);
  flr_hdf5_unlock();
  if (status != FLR_OK) flr_h5_target_abandon(out);
  return status;
}

/* ---- ranks ---- */

static flr_status open_guest(flr_h5_target *t) {
  t->fd = open(t->temporary, O_RDWR | O_CLOEXEC);
  if (t->fd >= 0) return FLR_OK;
  return flr_fail(FLR_ERROR_IO,
                  "cannot write %s: rank 0 has made %s, here it is: %s: the output must lie where all ranks can write", t->path,
                  t->temporary, strerror(errno));
}

static flr_status share(flr_h5_target *t, const flr_convert_team *team) {
  int64_t length = t->temporary ? (int64_t)strlen(t->temporary) + 1 : 0;
  FLR_TRY(team->broadcast(team->context, &length, (int64_t)sizeof length));
  FLR_TRY(team->broadcast(team->context, &t->places, (int64_t)sizeof t->places));
  FLR_TRY(team->agree(team->context, t->guest ? flr_alloc(&t->temporary, length, 1) : FLR_OK));
  FLR_TRY(team->broadcast(team->context, t->temporary, length));
  return team->agree(team->context, t->guest ? open_guest(t) : FLR_OK);
}

flr_status flr_h5_target_share(flr_h5_target *t, const char *path, const flr_convert_source *source,
                               const flr_h5_layout *layout, const flr_convert_team *team) {
  if (team->rank != 0) *t = (flr_h5_target){.path = path, .fd = -1, .guest = 1, .source = source, .layout = *layout};
  const flr_status status = share(t, team);
  if (status != FLR_OK) flr_h5_target_abandon(t);
  return status;
}

flr_status flr_h5_target_sync(flr_h5_target *t) { return fsync(t->fd) == 0 ? FLR_OK : io_failed(t, errno); }

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
  const size_t bytes = t->source->sample_bytes;
  const int64_t at = t->places.x_at[split] + first * (int64_t)bytes;
  if (!t->layout.chunked) FLR_TRY(put_bytes(t, at, x, (size_t)n * bytes));
  /* the disk begins at once, so that little is left to wait for at the end; where that is not possible it is all left then */
  if (!t->layout.chunked) (void)sync_file_range(t->fd, (off_t)at, (off_t)((size_t)n * bytes), SYNC_FILE_RANGE_WRITE);
  for (int64_t done = 0; done < n; done += LABEL_PART) {
    const int64_t count = n - done < LABEL_PART ? n - done : LABEL_PART;
    for (int64_t i = 0; i < 4 * count; i++) part[i] = (unsigned char)(labels[done + i / 4] >> 8 * (i % 4));
    FLR_TRY(put_bytes(t, t->places.y_at[split] + 4 * (first + done), part, (size_t)(4 * count)));
  }
  return FLR_OK;
}

/* So that a full disk is met before HDF5 has anything to write. */
static flr_status reserve_chunk(flr_h5_target *t, size_t bytes) {
  haddr_t end = 0;
  if (H5Fget_eoa(t->file, &end) < 0) return io_failed(t, 0);
  const int64_t wanted = (int64_t)end + (int64_t)bytes + STRUCTURE_BYTES;
  if (wanted <= t->reserved) return FLR_OK;
  FLR_TRY(reserve(t, wanted));
  t->reserved = wanted;
  return FLR_OK;
}

flr_status flr_h5_target_put_chunk(flr_h5_target *t, flr_split split, int64_t first, const void *data, size_t bytes,
                                   uint32_t skipped) {
  const hsize_t at[4] = {(hsize_t)first};
  flr_hdf5_lock();
  flr_status status = reserve_chunk(t, bytes);
  errno = 0;
  if (status == FLR_OK && H5Dwrite_chunk(t->sets[split], H5P_DEFAULT, skipped, at, bytes, data) < 0)
    status = io_failed(t, errno);
  flr_hdf5_unlock();
  return status;
}

/* ---- the end ---- */

static int write_attribute(hid_t object, const char *name, hid_t type, const void *values) {
  const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  const int good = attribute >= 0 && H5Awrite(attribute, type, values) >= 0;
  if (attribute >= 0) (void)H5Aclose(attribute);
  return good;
}

/* Labels are read back: they are few. */
static flr_status hash_labels(const flr_h5_target *t, flr_split split, uint64_t *out) {
  const int64_t all = t->source->samples[split], parts = (all + LABEL_PART - 1) / LABEL_PART;
  unsigned char part[LABEL_PART * sizeof(int32_t)];
  flr_hasher whole = flr_hasher_begin(FLR_HASH_START, (size_t)parts * sizeof(uint64_t));
  for (int64_t first = 0; first < all; first += LABEL_PART) {
    const size_t bytes = sizeof(int32_t) * (size_t)(all - first < LABEL_PART ? all - first : LABEL_PART);
    const int64_t at = t->places.y_at[split] + (int64_t)sizeof(int32_t) * first;
    if (pread(t->fd, part, bytes, (off_t)at) != (ssize_t)bytes) return io_failed(t, errno ? errno : EIO);
    const uint64_t hash = flr_hash(FLR_HASH_START, part, bytes);
    flr_hasher_add(&whole, &hash, sizeof hash);
  }
  *out = flr_hasher_end(&whole);
  return FLR_OK;
}

static int write_checksum(hid_t file, const char *name, uint64_t value) {
  const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
  const int good = set >= 0 && write_attribute(set, "checksum", H5T_NATIVE_UINT64, &value);
  if (set >= 0) (void)H5Dclose(set);
  return good;
}

static int write_checksums(const flr_h5_target *t, hid_t file, const uint64_t *x_sums, const uint64_t *y_sums) {
  char x[NAME], y[NAME];
  int good = 1;
  for (int split = 0; split < FLR_SPLIT_COUNT && good; split++) {
    if (t->source->samples[split] == 0) continue;
    name_sets(t->source, (flr_split)split, x, y);
    good = (t->layout.chunked || write_checksum(file, x, x_sums[split])) && write_checksum(file, y, y_sums[split]);
  }
  return good;
}

/* *bytes: what the file has in the end. */
static int write_last(flr_h5_target *t, const float *mean, const float *std, const uint64_t *x_sums, const uint64_t *y_sums,
                      int64_t *bytes) {
  haddr_t end = 0;
  const hid_t file = t->file > 0 ? t->file : H5Fopen(t->temporary, H5F_ACC_RDWR, H5P_DEFAULT);
  if (file < 0) return 0;
  t->file = file;
  int good = write_attribute(file, "mean", H5T_NATIVE_FLOAT, mean) && write_attribute(file, "std", H5T_NATIVE_FLOAT, std);
  if (good && t->layout.encoding.checksum) good = write_checksums(t, file, x_sums, y_sums);
  if (good) good = H5Fflush(file, H5F_SCOPE_LOCAL) >= 0 && H5Fget_eoa(file, &end) >= 0;
  *bytes = (int64_t)end;
  return close_sets(t) && good;
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

flr_status flr_h5_target_commit(flr_h5_target *t, const float *mean, const float *std,
                                const uint64_t checksums[FLR_SPLIT_COUNT]) {
  uint64_t labels[FLR_SPLIT_COUNT] = {0};
  int64_t bytes = 0;
  for (int split = 0; split < FLR_SPLIT_COUNT && t->layout.encoding.checksum; split++)
    FLR_TRY(hash_labels(t, (flr_split)split, &labels[split]));
  flr_hdf5_lock();
  errno = 0;
  const int written = write_last(t, mean, std, checksums, labels, &bytes), error = errno;
  flr_hdf5_unlock();
  if (!written) return io_failed(t, error);
  if (ftruncate(t->fd, (off_t)bytes) != 0) return io_failed(t, errno); /* room that chunks did not need */
  if (fsync(t->fd) != 0 || rename(t->temporary, t->path) != 0) return io_failed(t, errno);
  sync_folder(t->path);
  (void)close(t->fd);
  flr_free(t->temporary);
  t->temporary = NULL;
  t->fd = -1;
  t->places.bytes = bytes;
  return FLR_OK;
}

void flr_h5_target_abandon(flr_h5_target *t) {
  flr_hdf5_lock();
  (void)close_sets(t);
  flr_hdf5_unlock();
  if (t->fd >= 0) (void)close(t->fd);
  if (t->fd >= 0 && !t->guest) (void)unlink(t->temporary);
  flr_free(t->temporary);
  t->temporary = NULL;
  t->fd = -1;
}
