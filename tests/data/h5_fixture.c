/* Writing fixtures. */
#include "h5_fixture.h"

#include "harness/harness.h"

uint8_t h5_fixture_byte(int64_t row, int64_t at) { return (uint8_t)((row * 131 + at * 7 + row * at) % 256); }
float h5_fixture_float(int64_t row, int64_t at) { return (float)(row * 100 + at) * 0.25F; }
int64_t h5_fixture_label(int64_t row) { return row % 3; }

static hid_t creation(const h5_fixture *f, int rank, const hsize_t *dims) {
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t chunk[4];
  for (int i = 0; i < rank; i++) chunk[i] = dims[i];
  chunk[0] = (hsize_t)f->chunk_rows;
  if (f->compact) H5Pset_layout(list, H5D_COMPACT);
  if (f->chunk_rows) H5Pset_chunk(list, rank, chunk);
  return list;
}

static void put(hid_t file, const char *name, hid_t type, hid_t memory, int rank, const hsize_t *dims, const void *data,
                hid_t list) {
  const hid_t links = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(rank, dims, NULL);
  H5Pset_create_intermediate_group(links, 1);
  const hid_t set = H5Dcreate2(file, name, type, space, links, list, H5P_DEFAULT);
  assert_true(set >= 0);
  assert_true(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  H5Dclose(set);
  H5Sclose(space);
  H5Pclose(links);
}

static void put_images(hid_t file, const h5_fixture *f) {
  const int64_t area = f->height * f->width, sample = area * f->channels;
  const hsize_t nhwc[] = {(hsize_t)f->rows, (hsize_t)f->height, (hsize_t)f->width, (hsize_t)f->channels},
                nchw[] = {(hsize_t)f->rows, (hsize_t)f->channels, (hsize_t)f->height, (hsize_t)f->width};
  uint8_t *data = calloc((size_t)(f->rows * sample) + 1, 1);
  for (int64_t i = 0; i < f->rows; i++)
    for (int64_t p = 0; p < area; p++)
      for (int64_t c = 0; c < f->channels; c++)
        data[i * sample + (f->nchw ? c * area + p : p * f->channels + c)] =
            h5_fixture_byte(f->first_row + i, p * f->channels + c);
  const hsize_t *dims = f->nchw ? nchw : nhwc;
  const hid_t list = creation(f, 4, dims);
  put(file, f->x ? f->x : "train/images", f->x_type ? f->x_type : H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, 4, dims, data, list);
  H5Pclose(list);
  free(data);
}

static void put_features(hid_t file, const h5_fixture *f) {
  const hsize_t dims[] = {(hsize_t)f->rows, (hsize_t)f->channels};
  float *data = calloc((size_t)(f->rows * f->channels) + 1, sizeof *data);
  for (int64_t i = 0; i < f->rows * f->channels; i++)
    data[i] = h5_fixture_float(f->first_row + i / f->channels, i % f->channels);
  const hid_t list = creation(f, 2, dims);
  put(file, f->x ? f->x : "train/features", f->x_type ? f->x_type : H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, 2, dims, data, list);
  H5Pclose(list);
  free(data);
}

static hid_t open_or_make(const char *path) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  return file < 0 ? H5Fcreate(path, H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT) : file;
}

void h5_fixture_write(const char *path, const h5_fixture *f) {
  const hid_t file = open_or_make(path);
  assert_true(file >= 0);
  const hsize_t rows = (hsize_t)f->rows;
  int64_t *labels = calloc((size_t)f->rows + 1, sizeof *labels);
  for (int64_t i = 0; i < f->rows; i++) labels[i] = h5_fixture_label(f->first_row + i);
  if (f->height)
    put_images(file, f);
  else
    put_features(file, f);
  put(file, f->y ? f->y : "train/labels", f->y_type ? f->y_type : H5T_NATIVE_INT32, H5T_NATIVE_INT64, 1, &rows, labels,
      H5P_DEFAULT);
  free(labels);
  H5Fclose(file);
}

void h5_fixture_put(const char *path, const char *name, hid_t type, hid_t memory, int rank, const hsize_t *dims,
                    const void *data, int64_t rows_of_chunk) {
  const hid_t file = open_or_make(path), list = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t chunk[H5S_MAX_RANK];
  for (int i = 0; i < rank; i++) chunk[i] = dims[i];
  chunk[0] = (hsize_t)rows_of_chunk;
  if (rows_of_chunk) H5Pset_chunk(list, rank, chunk);
  if (rows_of_chunk) H5Pset_deflate(list, 3);
  put(file, name, type, memory, rank, dims, data, list);
  H5Pclose(list);
  H5Fclose(file);
}

void h5_fixture_put_class_names(const char *path, const char *const *names, int n) {
  const hid_t file = open_or_make(path), type = H5Tcopy(H5T_C_S1);
  const hsize_t count = (hsize_t)n;
  H5Tset_size(type, H5T_VARIABLE);
  const hid_t space = H5Screate_simple(1, &count, NULL),
              attribute = H5Acreate2(file, "class_names", type, space, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(H5Awrite(attribute, type, names) >= 0);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
  H5Fclose(file);
}
