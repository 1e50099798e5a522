/* Seeds. */
#include "fuzz/h5_seeds.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/weights.h"

#define CHECK_OK(call) need((call) == FLR_OK, #call)

static void need(int good, const char *what) {
  if (good) return;
  fprintf(stderr, "%s: %s\n", what, flr_status_message());
  exit(1);
}

#include "checkpoint/checkpoint_fixture.h"
#include "tests/harness/temporary_folder.h"

enum { ROWS = 6, SIDE = 2 };

flr_graph *seed_graph(void) { return fixture_graph("mlp"); }

void seed_write_checkpoint(const char *path, int kind) {
  flr_graph *graph = seed_graph();
  flr_checkpoint c = fixture_make(graph, kind == SEED_SWEEP);
  const flr_final_info info = {
      .model = "cnn", .config = "model = cnn\n", .classes = 3, .steps = 5, .channels = 1, .height = 8, .width = 8};
  if (kind == SEED_WEIGHTS)
    CHECK_OK(flr_weights_write_final(path, flr_graph_params(graph), c.train.params, c.buffers, &info));
  else
    CHECK_OK(flr_checkpoint_write(path, &c));
  flr_checkpoint_clear(&c);
  flr_graph_destroy(graph);
}

static void add(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims, const void *values, int kind) {
  const hsize_t chunk[] = {2, SIDE, SIDE, 1}, cut[] = {4, 1, SIDE, 1};
  const hid_t space = H5Screate_simple(rank, dims, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
  if (kind == SEED_CHUNKED) need(H5Pset_chunk(list, rank, chunk) >= 0, name);
  if (kind == SEED_FILTERED) need(H5Pset_chunk(list, rank, cut) >= 0 && H5Pset_shuffle(list) >= 0, name);
  if (kind == SEED_FILTERED) need(H5Pset_deflate(list, 6) >= 0 && H5Pset_fletcher32(list) >= 0, name);
  if (kind == SEED_COMPACT) need(H5Pset_layout(list, H5D_COMPACT) >= 0, name);
  const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  need(set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0, name);
  H5Dclose(set);
  H5Pclose(list);
  H5Sclose(space);
}

static void add_labels(hid_t file, const char *name, int kind) {
  const hsize_t rows[] = {ROWS, 3};
  static const int64_t labels[ROWS] = {0, 1, 2, 2, 1, 0};
  static const double one_hot[ROWS][3] = {{1}, {0, 1}, {0, 0, 1}, {0, 0, 1}, {0, 1}, {1}};
  static const char words[ROWS][4] = {"bee", "ant", "cat", "cat", "ant", "bee"};
  const hid_t text = H5Tcopy(H5T_C_S1);
  need(H5Tset_size(text, sizeof words[0]) >= 0, name);
  if (kind == SEED_ONE_HOT)
    add(file, name, H5T_NATIVE_DOUBLE, 2, rows, one_hot, SEED_IMAGES);
  else if (kind == SEED_WORDS)
    add(file, name, text, 1, rows, words, SEED_IMAGES);
  else
    add(file, name, H5T_NATIVE_INT64, 1, rows, labels, SEED_IMAGES);
  H5Tclose(text);
}

/* Its source lies in the same file. */
static void add_virtual(hid_t file, const char *name, const hsize_t *dims, const void *values) {
  const hid_t space = H5Screate_simple(2, dims, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
  if (H5Lexists(file, "source", H5P_DEFAULT) <= 0) add(file, "source", H5T_NATIVE_FLOAT, 2, dims, values, SEED_IMAGES);
  need(H5Pset_virtual(list, space, ".", "/source", space) >= 0, name);
  H5Dclose(H5Dcreate2(file, name, H5T_NATIVE_FLOAT, space, H5P_DEFAULT, list, H5P_DEFAULT));
  H5Pclose(list);
  H5Sclose(space);
}

static void add_split(hid_t file, const char *split, int kind) {
  const hsize_t images[] = {ROWS, SIDE, SIDE, 1}, features[] = {ROWS, 3};
  static const unsigned char bytes[ROWS * SIDE * SIDE * sizeof(int16_t)] = {1, 2, 3, 4, 250, 251, 252, 253};
  static const float numbers[ROWS * 3] = {0.5f, -1, 2, 3};
  const int table = kind == SEED_FEATURES || kind == SEED_WORDS || kind == SEED_VIRTUAL;
  char name[64];
  const hid_t group = H5Gcreate2(file, split, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  (void)snprintf(name, sizeof name, "%s/%s", split, table ? "features" : "images");
  if (kind == SEED_VIRTUAL)
    add_virtual(file, name, features, numbers);
  else if (table)
    add(file, name, H5T_NATIVE_FLOAT, 2, features, numbers, kind);
  else
    add(file, name, kind == SEED_ONE_HOT ? H5T_STD_I16BE : H5T_NATIVE_UINT8, 4, images, bytes, kind);
  (void)snprintf(name, sizeof name, "%s/labels", split);
  add_labels(file, name, kind);
  H5Gclose(group);
}

static void add_attribute(hid_t file, const char *name, hid_t type, hsize_t n, const void *values) {
  const hid_t space = H5Screate_simple(1, &n, NULL), attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  need(H5Awrite(attribute, type, values) >= 0, name);
  H5Aclose(attribute);
  H5Sclose(space);
}

static void add_names(hid_t file, int variable) {
  const char fixed[3][4] = {"ant", "bee", "cat"}, *pointers[] = {"ant", "bee", "cat"};
  const hid_t type = H5Tcopy(H5T_C_S1);
  need(H5Tset_size(type, variable ? H5T_VARIABLE : sizeof fixed[0]) >= 0, "class_names");
  add_attribute(file, "class_names", type, 3, variable ? (const void *)pointers : (const void *)fixed);
  H5Tclose(type);
}

void seed_write_dataset(const char *path, int kind, int latest) {
  const float mean = 0.5f, deviation = 0.25f;
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (latest) need(H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0, "libver");
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  need(file >= 0, path);
  add_split(file, "train", kind);
  add_split(file, "valid", kind);
  const int images = kind != SEED_FEATURES && kind != SEED_WORDS && kind != SEED_VIRTUAL;
  add_names(file, kind % 2);
  if (images) add_attribute(file, "mean", H5T_NATIVE_FLOAT, 1, &mean);
  if (images) add_attribute(file, "std", H5T_NATIVE_FLOAT, 1, &deviation);
  H5Fclose(file);
  H5Pclose(access);
}

static char *make_folder(char *path, size_t size) {
  need(temporary_folder(path, size, "flr_fuzz") != NULL, path);
  return path;
}

static void use_and_remove(char *path, const char *folder, void (*use)(void *, const char *), void *context) {
  use(context, path);
  (void)unlink(path);
  (void)rmdir(folder);
}

void seed_with_checkpoint(int kind, void (*use)(void *context, const char *path), void *context) {
  char folder[400], path[420];
  (void)snprintf(path, sizeof path, "%s/seed.h5", make_folder(folder, sizeof folder));
  seed_write_checkpoint(path, kind);
  use_and_remove(path, folder, use, context);
}

void seed_with_dataset(int kind, int latest, void (*use)(void *context, const char *path), void *context) {
  char folder[400], path[420];
  (void)snprintf(path, sizeof path, "%s/seed.h5", make_folder(folder, sizeof folder));
  seed_write_dataset(path, kind, latest);
  use_and_remove(path, folder, use, context);
}
