/* Writing chunks through HDF5, or encoded here. */
#include "h5_filtered.h"

#include "h5_encode.h"
#include "h5_fixture.h"
#include "harness/harness.h"

enum { LZ4_ID = 32004, BLOSC_ID = 32001, ZSTD_ID = 32015 };

int h5_filtered_can_write(const char *pipeline) {
  return (!strchr(pipeline, '4') || h5_has_lz4) && (!strchr(pipeline, 'z') || h5_has_zstd);
}

/* ---- encoding ---- */

static void shuffle(const unsigned char *in, size_t bytes, size_t width, unsigned char *out) {
  const size_t n = bytes / width;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < width; k++) out[k * n + i] = in[i * width + k];
}

/* ---- the data ---- */

typedef struct whole {
  const h5_filtered *spec;
  int rank;
  size_t width; /* bytes of an element */
  hsize_t dims[4], chunk[4];
  unsigned char *data;
} whole;

static void fill(whole *w, const h5_filtered *spec) {
  w->spec = spec;
  w->rank = spec->dims[2] > 0 ? 4 : 2;
  w->width = w->rank == 4 ? 1 : sizeof(float);
  int64_t row = 1;
  for (int i = 0; i < w->rank; i++) {
    w->dims[i] = (hsize_t)spec->dims[i];
    w->chunk[i] = (hsize_t)spec->chunk[i];
    if (i > 0) row *= spec->dims[i];
  }
  w->data = calloc((size_t)(spec->dims[0] * row), w->width);
  for (int64_t i = 0; i < spec->dims[0] * row; i++) {
    const float value = h5_fixture_float(i / row, i % row);
    if (w->rank == 4)
      w->data[i] = h5_fixture_byte(i / row, i % row);
    else
      memcpy(w->data + (size_t)i * sizeof value, &value, sizeof value);
  }
}

/* The chunk at these elements, zeros where it sticks out. */
static void cut(const whole *w, const hsize_t *first, unsigned char *out) {
  hsize_t i[4] = {0}, at = 0;
  for (;; at++) {
    hsize_t place = 0;
    int inside = 1;
    for (int a = 0; a < w->rank; a++) {
      inside &= first[a] + i[a] < w->dims[a];
      place = place * w->dims[a] + first[a] + i[a];
    }
    if (inside) memcpy(out + at * w->width, w->data + place * w->width, w->width);
    int a = w->rank - 1;
    while (a >= 0 && ++i[a] == w->chunk[a]) i[a--] = 0;
    if (a < 0) return;
  }
}

static int next_chunk(const whole *w, hsize_t *first) {
  int a = w->rank - 1;
  for (; a >= 0; first[a--] = 0)
    if ((first[a] += w->chunk[a]) < w->dims[a]) return 1;
  return 0;
}

/* Chunk by chunk: those that HDF5 cannot encode here, or that are stored bare. */
static void write_chunks(const whole *w, hid_t set) {
  size_t bytes = w->width;
  hsize_t first[4] = {0};
  for (int a = 0; a < w->rank; a++) bytes *= w->chunk[a];
  const size_t room = 2 * bytes + 4096;
  unsigned char *plain = calloc(bytes, 1), *shuffled = calloc(bytes, 1), *packed = calloc(room, 1);
  int64_t n = 0;
  do {
    memset(plain, 0, bytes);
    cut(w, first, plain);
    const int bare = w->spec->skip_every > 0 && n++ % w->spec->skip_every == 0;
    const unsigned char *in = plain;
    if (strchr(w->spec->pipeline, 's')) {
      shuffle(plain, bytes, w->width, shuffled);
      in = shuffled;
    }
    const size_t size =
        strchr(w->spec->pipeline, '4') ? h5_encode_lz4(in, bytes, packed) : h5_encode_zstd(in, bytes, packed, room);
    assert_true(H5Dwrite_chunk(set, H5P_DEFAULT, bare ? 0xff : 0, first, bare ? bytes : size, bare ? plain : packed) >= 0);
  } while (next_chunk(w, first));
  free(plain);
  free(shuffled);
  free(packed);
}

static hid_t creation(const whole *w) {
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(list, w->rank, w->chunk);
  if (w->spec->bare_edges) H5Pset_chunk_opts(list, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS);
  for (const char *p = w->spec->pipeline; *p; p++) {
    if (*p == 's') H5Pset_shuffle(list);
    if (*p == 'd') H5Pset_deflate(list, 4);
    if (*p == 'f') H5Pset_fletcher32(list);
    if (*p == 'n') H5Pset_nbit(list);
    if (*p == 'b') H5Pset_filter(list, BLOSC_ID, H5Z_FLAG_OPTIONAL, 0, NULL);
    if (*p == '4') H5Pset_filter(list, LZ4_ID, H5Z_FLAG_OPTIONAL, 0, NULL);
    if (*p == 'z') H5Pset_filter(list, ZSTD_ID, H5Z_FLAG_OPTIONAL, 0, NULL);
  }
  return list;
}

static void put_labels(hid_t file, int64_t rows) {
  const hsize_t n = (hsize_t)rows;
  const hid_t space = H5Screate_simple(1, &n, NULL);
  const hid_t set = H5Dcreate2(file, "train/labels", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int64_t *labels = calloc((size_t)rows, sizeof *labels);
  for (int64_t i = 0; i < rows; i++) labels[i] = h5_fixture_label(i);
  assert_true(H5Dwrite(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels) >= 0);
  free(labels);
  H5Dclose(set);
  H5Sclose(space);
}

static hid_t make_file(const char *path, const h5_filtered *spec) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE);
  if (spec->latest || spec->bare_edges) H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  if (spec->user_block) H5Pset_userblock(create, (hsize_t)spec->user_block);
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
  assert_true(file >= 0);
  H5Pclose(create);
  H5Pclose(access);
  return file;
}

void h5_filtered_write(const char *path, const h5_filtered *spec) {
  whole w = {0};
  fill(&w, spec);
  const hid_t file = make_file(path, spec), list = creation(&w), group = H5Gcreate2(file, "train", 0, 0, 0);
  hsize_t most[4] = {H5S_UNLIMITED, w.dims[1], w.dims[2], w.dims[3]};
  const hid_t space = H5Screate_simple(w.rank, w.dims, spec->unlimited ? most : NULL);
  const hid_t type = w.rank == 4 ? H5T_NATIVE_UINT8 : H5T_NATIVE_FLOAT;
  const hid_t set = H5Dcreate2(group, w.rank == 4 ? "images" : "features", type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  assert_true(set >= 0);
  if (strpbrk(spec->pipeline, "4z") || spec->skip_every)
    write_chunks(&w, set);
  else
    assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, w.data) >= 0);
  put_labels(file, spec->dims[0]);
  H5Dclose(set);
  H5Sclose(space);
  H5Gclose(group);
  H5Pclose(list);
  H5Fclose(file);
  free(w.data);
}

int64_t h5_filtered_place(const char *path, const hsize_t *first, hsize_t *bytes) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, "train/images", H5P_DEFAULT);
  unsigned mask;
  haddr_t address;
  assert_true(H5Dget_chunk_info_by_coord(set, first, &mask, &address, bytes) >= 0);
  H5Dclose(set);
  H5Fclose(file);
  return (int64_t)address;
}
