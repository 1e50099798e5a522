/* Writes files of numbers, good ones and ones with something wrong, that the program is to read: reading_fixtures FOLDER */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 64, WIDTH = 6, SIDE = 4, PATH = 1024 };

static const char *folder;

static void need(int good, const char *what) {
  if (good) return;
  fprintf(stderr, "reading_fixtures: %s failed\n", what);
  exit(1);
}

static hid_t make(const char *name) {
  char path[PATH];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  need(file >= 0, path);
  H5Gclose(H5Gcreate2(file, "train", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  return file;
}

static void add(hid_t file, const char *name, hid_t type, hid_t memory, int rank, const hsize_t *dims, const void *data,
                hid_t list) {
  const hid_t space = H5Screate_simple(rank, dims, NULL),
              set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  need(set >= 0, name);
  if (data) need(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0, name);
  H5Dclose(set);
  H5Sclose(space);
}

/* Column k is large where k is the label, so that a few steps learn it; value `odd` stands in row 37, column 3. */
static void fill(double values[ROWS * WIDTH], double scale, double odd) {
  for (int i = 0; i < ROWS; i++)
    for (int k = 0; k < WIDTH; k++) values[i * WIDTH + k] = scale * ((k == i % 3 ? 0.75 : 0.25) + 0.03 * ((i * 7 + k * 5) % 8));
  if (!isinf(odd) || odd > 0) values[37 * WIDTH + 3] = odd;
}

static void add_labels(hid_t file) {
  const hsize_t rows = ROWS;
  int32_t labels[ROWS];
  for (int i = 0; i < ROWS; i++) labels[i] = i % 3;
  add(file, "train/labels", H5T_STD_I32LE, H5T_NATIVE_INT32, 1, &rows, labels, H5P_DEFAULT);
}

static void write_features(const char *name, hid_t type, double scale, double odd) {
  const hsize_t dims[] = {ROWS, WIDTH};
  double values[ROWS * WIDTH];
  const hid_t file = make(name);
  fill(values, scale, odd);
  add(file, "train/features", type, H5T_NATIVE_DOUBLE, 2, dims, values, H5P_DEFAULT);
  add_labels(file);
  H5Fclose(file);
}

/* [N, 4, 4, 3] of values in 0..scale; one of them is `odd`. */
static void write_images(const char *name, hid_t type, double scale, double odd) {
  enum { VALUES = SIDE * SIDE * 3 };
  const hsize_t dims[] = {ROWS, SIDE, SIDE, 3};
  static double values[ROWS * VALUES];
  const hid_t file = make(name);
  for (int i = 0; i < ROWS; i++)
    for (int k = 0; k < VALUES; k++)
      values[i * VALUES + k] = scale * ((k % 3 == i % 3 ? 0.7 : 0.1) + 0.02 * ((i * 7 + k * 5) % 8));
  if (odd != 0) values[37 * VALUES + 17] = odd;
  add(file, "train/images", type, H5T_NATIVE_DOUBLE, 4, dims, values, H5P_DEFAULT);
  add_labels(file);
  H5Fclose(file);
}

/* 100 GB that were never written: in one piece, or in chunks. */
static void write_hollow(const char *name, int chunked) {
  const hsize_t dims[] = {100000, 1000, 1000, 1}, chunk[] = {1, 1000, 1000, 1}, rows = 100000;
  const hid_t file = make(name), list = H5Pcreate(H5P_DATASET_CREATE);
  if (chunked) need(H5Pset_chunk(list, 4, chunk) >= 0, name);
  add(file, "train/images", H5T_STD_U8LE, H5T_STD_U8LE, 4, dims, NULL, list);
  add(file, "train/labels", H5T_STD_U8LE, H5T_STD_U8LE, 1, &rows, NULL, H5P_DEFAULT);
  H5Pclose(list);
  H5Fclose(file);
}

/* Listed as stored through an optional filter; chunks that HDF5 has no encoder for lie there as they are. */
static void write_filtered(const char *name, H5Z_filter_t filter) {
  const hsize_t dims[] = {ROWS, SIDE, SIDE, 3};
  static unsigned char values[ROWS * SIDE * SIDE * 3];
  const hid_t file = make(name), list = H5Pcreate(H5P_DATASET_CREATE);
  need(H5Pset_chunk(list, 4, (const hsize_t[]){ROWS / 4, SIDE, SIDE, 3}) >= 0, name);
  need(H5Pset_filter(list, filter, H5Z_FLAG_OPTIONAL, 0, NULL) >= 0, name);
  for (size_t i = 0; i < sizeof values; i++) values[i] = (unsigned char)(i * 37 / 11);
  add(file, "train/images", H5T_STD_U8LE, H5T_STD_U8LE, 4, dims, values, list);
  add_labels(file);
  H5Pclose(list);
  H5Fclose(file);
}

/* The same images as bytes, and as numbers that are bytes / 255. */
static void write_twins(void) {
  enum { VALUES = 3 * SIDE * SIDE };
  const hsize_t dims[] = {ROWS, SIDE, SIDE, 3};
  static double bytes[ROWS * VALUES], parts[ROWS * VALUES];
  const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
  need(H5Tset_fields(half, 15, 10, 5, 0, 10) >= 0 && H5Tset_size(half, 2) >= 0 && H5Tset_ebias(half, 15) >= 0, "float16");
  for (int i = 0; i < ROWS * VALUES; i++) {
    bytes[i] = (i % 3 == i / VALUES % 3 ? 130 : 20) + (i * 37 / 11) % 100;
    parts[i] = bytes[i] / 255;
  }
  const hid_t types[] = {H5T_STD_U8LE, H5T_IEEE_F32LE, half};
  static const char *const names[] = {"twin_uint8.h5", "twin_float32.h5", "twin_float16.h5"};
  for (int k = 0; k < 3; k++) {
    const hid_t file = make(names[k]);
    add(file, "train/images", types[k], H5T_NATIVE_DOUBLE, 4, dims, k == 0 ? bytes : parts, H5P_DEFAULT);
    add_labels(file);
    H5Fclose(file);
  }
  H5Tclose(half);
}

/* Colours as planes. */
static void write_planes(const char *name) {
  const hsize_t dims[] = {ROWS, 3, 2 * SIDE, 2 * SIDE};
  static unsigned char values[ROWS * 12 * SIDE * SIDE];
  const hid_t file = make(name);
  for (size_t i = 0; i < sizeof values; i++) values[i] = (unsigned char)(i * 37 / 11);
  add(file, "train/images", H5T_STD_U8LE, H5T_STD_U8LE, 4, dims, values, H5P_DEFAULT);
  add_labels(file);
  H5Fclose(file);
}

static void write_virtual(const char *name, const char *source) {
  const hsize_t dims[] = {ROWS, WIDTH};
  const hid_t file = make(name), list = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, dims, NULL);
  need(H5Pset_virtual(list, space, source, "train/features", space) >= 0, name);
  add(file, "train/features", H5T_IEEE_F32LE, H5T_IEEE_F32LE, 2, dims, NULL, list);
  add_labels(file);
  H5Sclose(space);
  H5Pclose(list);
  H5Fclose(file);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  folder = argv[1];
  write_features("numbers.h5", H5T_IEEE_F32LE, 1, -INFINITY);
  write_features("wide.h5", H5T_IEEE_F64BE, 1000, -INFINITY);
  write_features("whole.h5", H5T_STD_I16BE, 100, -INFINITY);
  write_features("größe, 数据.h5", H5T_IEEE_F32LE, 1, -INFINITY);
  write_features("nan.h5", H5T_IEEE_F32LE, 1, NAN);
  write_features("infinite.h5", H5T_IEEE_F64LE, 1, 1e300);
  write_images("floats.h5", H5T_IEEE_F32LE, 1, 0);
  write_images("beyond_one.h5", H5T_IEEE_F32LE, 1, 3.5);
  write_images("no_number.h5", H5T_IEEE_F32LE, 1, NAN);
  write_hollow("hollow.h5", 0);
  write_hollow("hollow_chunks.h5", 1);
  write_planes("planes.h5");
  write_twins();
  write_filtered("lz4.h5", 32004);
  write_filtered("zstd.h5", 32015);
  write_virtual("virtual.h5", "numbers.h5");
  write_virtual("broken_virtual.h5", "not_there.h5");
  return 0;
}
