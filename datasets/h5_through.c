/* Reading with H5Dread, one thread at a time. */
#include "datasets/h5_through.h"

#include "core/hdf5_lock.h"
#include "datasets/codec.h"
#include "datasets/h5_elsewhere.h"

/* 1: a filter that this program does not undo itself, and HDF5 here undoes all. */
static int filters_need_hdf5(hid_t list) {
  int foreign = 0;
  for (int i = 0; i < H5Pget_nfilters(list); i++) {
    char name[64] = "";
    unsigned flags, can = 0;
    size_t n = 0;
    const H5Z_filter_t id = H5Pget_filter2(list, (unsigned)i, &flags, &n, NULL, sizeof name, name, NULL);
    foreign |= flr_filter_check(id, name) != FLR_OK;
    if (H5Zfilter_avail(id) <= 0 || H5Zget_filter_info(id, &can) < 0 || !(can & H5Z_FILTER_CONFIG_DECODE_ENABLED)) return 0;
  }
  return foreign;
}

/* Chunks that were never written would read as fill values. */
static flr_status check_chunks(flr_h5_through *t, const flr_h5_source *s, const char *path, hid_t dataset, hid_t list) {
  hsize_t chunk[H5S_MAX_RANK] = {0}, dims[H5S_MAX_RANK] = {0}, stored = 0, wanted = 1;
  const hid_t space = H5Dget_space(dataset);
  const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
  const int good = H5Pget_chunk(list, H5S_MAX_RANK, chunk) == rank && H5Dget_num_chunks(dataset, space, &stored) >= 0;
  (void)H5Sclose(space);
  for (int i = 0; i < rank && good && chunk[i] > 0; i++) wanted *= (dims[i] + chunk[i] - 1) / chunk[i];
  t->per_read = (int64_t)chunk[0];
  if (good && stored == wanted) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s: %s has %llu of its %llu chunks: it was never written whole", s->name, path,
                  (unsigned long long)stored, (unsigned long long)wanted);
}

static flr_status find_reason(flr_h5_through *t, const flr_h5_source *s, const char *path, hid_t dataset, int *beside) {
  const hid_t list = H5Dget_create_plist(dataset);
  const H5D_layout_t layout = H5Pget_layout(list);
  flr_status status = FLR_OK;
  *beside = 0;
  if (layout == H5D_VIRTUAL) {
    t->why = "virtual";
    status = flr_h5_check_virtual(s, path, dataset, list);
  } else if (layout == H5D_CONTIGUOUS && H5Pget_external_count(list) > 0) {
    t->why = "kept in other files";
    status = flr_h5_check_external(s, path, list, beside);
  } else if (layout == H5D_CHUNKED && filters_need_hdf5(list)) {
    t->why = "stored through a filter that only HDF5 undoes";
    status = check_chunks(t, s, path, dataset, list);
  }
  (void)H5Pclose(list);
  return status;
}

/* A data set that is open cannot be opened to look for its other files elsewhere. */
static void open_beside(hid_t *dataset, const flr_h5_source *s, const char *path) {
  const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  (void)H5Dclose(*dataset);
  (void)H5Pset_efile_prefix(access, "${ORIGIN}");
  *dataset = H5Dopen2(s->file, path, access);
  (void)H5Pclose(access);
}

flr_status flr_h5_through_init(flr_h5_through *t, const flr_h5_source *s, const char *path, hid_t *dataset) {
  int beside;
  *t = (flr_h5_through){.dataset = H5I_INVALID_HID, .type = H5I_INVALID_HID};
  const flr_status status = find_reason(t, s, path, *dataset, &beside);
  if (status != FLR_OK || !t->why) return status;
  if (beside) open_beside(dataset, s, path);
  if (*dataset < 0 || H5Iinc_ref(*dataset) < 0) return flr_fail(FLR_ERROR_DATA, "%s: %s cannot be opened", s->name, path);
  t->dataset = *dataset;
  t->type = H5Dget_type(t->dataset);
  return FLR_OK;
}

void flr_h5_through_clear(flr_h5_through *t) {
  if (!t->why) return;
  flr_hdf5_lock();
  if (t->type >= 0) (void)H5Tclose(t->type);
  if (t->dataset >= 0) (void)H5Dclose(t->dataset);
  flr_hdf5_unlock();
  *t = (flr_h5_through){.dataset = H5I_INVALID_HID, .type = H5I_INVALID_HID};
}

static herr_t read_rows(const flr_h5_through *t, int64_t row, int64_t n, void *out) {
  hsize_t first[H5S_MAX_RANK] = {0}, count[H5S_MAX_RANK] = {0};
  const hid_t space = H5Dget_space(t->dataset);
  const int rank = H5Sget_simple_extent_dims(space, count, NULL);
  first[0] = (hsize_t)row;
  count[0] = (hsize_t)n;
  const hid_t memory = H5Screate_simple(rank, count, NULL);
  herr_t result = H5Sselect_hyperslab(space, H5S_SELECT_SET, first, NULL, count, NULL);
  if (result >= 0) result = H5Dread(t->dataset, t->type, memory, space, H5P_DEFAULT, out);
  (void)H5Sclose(memory);
  (void)H5Sclose(space);
  return result;
}

flr_status flr_h5_through_read(const flr_h5_through *t, const flr_h5_source *s, const char *path, int64_t row, int64_t n,
                               void *out) {
  char reason[256] = "";
  flr_hdf5_lock();
  const herr_t result = read_rows(t, row, n, out);
  if (result < 0) flr_h5_source_reason(reason, sizeof reason);
  flr_hdf5_unlock();
  if (result >= 0) return FLR_OK;
  return flr_fail(FLR_ERROR_IO, "%s: %s: rows %lld to %lld cannot be read: HDF5 says: %s", s->name, path, (long long)row,
                  (long long)(row + n - 1), reason);
}
