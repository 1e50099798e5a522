/* Reading labels. */
#include "datasets/h5_labels.h"

#include "core/memory.h"

enum { MOST_CLASSES = 1 << 20 };

static flr_status label_range(const flr_h5_source *s, const char *path, const int64_t *values, int64_t n, int64_t *largest) {
  for (int64_t i = 0; i < n; i++) {
    if (values[i] < 0 || values[i] >= MOST_CLASSES)
      return flr_fail(FLR_ERROR_DATA, "%s: %s: the label of row %lld is %lld: labels count classes from 0, at most %d", s->name,
                      path, (long long)i, (long long)values[i], MOST_CLASSES - 1);
    if (values[i] > *largest) *largest = values[i];
  }
  return FLR_OK;
}

flr_status flr_h5_labels_read(int64_t **out, const flr_h5_source *s, const char *path, int64_t n, int64_t *largest) {
  *out = NULL;
  const hid_t dataset = H5Dopen2(s->file, path, H5P_DEFAULT);
  if (dataset < 0) return flr_fail(FLR_ERROR_DATA, "%s: %s is no data set", s->name, path);
  const hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  hsize_t dims[H5S_MAX_RANK] = {0};
  const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
  flr_status status = FLR_OK;
  if (H5Tget_class(type) != H5T_INTEGER || rank < 1 || (rank > 1 && (rank > 2 || dims[1] != 1)))
    status = flr_fail(FLR_ERROR_DATA, "%s: %s must hold one integer per sample", s->name, path);
  else if ((int64_t)dims[0] != n)
    status =
        flr_fail(FLR_ERROR_DATA, "%s: %s has %lld labels for %lld samples", s->name, path, (long long)dims[0], (long long)n);
  if (status == FLR_OK) status = flr_alloc(out, n, sizeof(int64_t));
  if (status == FLR_OK && H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) < 0)
    status = flr_fail(FLR_ERROR_DATA, "%s: %s cannot be read: the file is damaged or cut off", s->name, path);
  if (status == FLR_OK) status = label_range(s, path, *out, n, largest);
  if (status != FLR_OK) {
    flr_free(*out);
    *out = NULL;
  }
  (void)H5Tclose(type);
  (void)H5Sclose(space);
  (void)H5Dclose(dataset);
  return status;
}
