/* Writes the good and bad files that the tests of the program are about: fixtures FOLDER. */
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAMPLES = 96, SIDE = 8, CLASSES = 4, PATH = 1024 };

typedef struct layout {
  const char *file;
  int64_t image_rows, label_rows, side;
  const char *images, *labels; /* paths */
  int64_t odd_label;           /* label of row 5; -1 writes -1, 0 leaves the pattern */
  int blosc, float_labels, names, nchw;
} layout;

static const layout good = {.file = "good.h5",
                            .image_rows = SAMPLES,
                            .label_rows = SAMPLES,
                            .side = SIDE,
                            .images = "train/images",
                            .labels = "train/labels"};

static const char *folder;

static void need(int good_call, const char *what) {
  if (good_call) return;
  fprintf(stderr, "fixtures: %s failed\n", what);
  exit(1);
}

static const char *path_of(char path[PATH], const char *name) {
  (void)snprintf(path, PATH, "%s/%s", folder, name);
  return path;
}

static void add(hid_t file, const char *name, hid_t file_type, hid_t memory_type, int rank, const hsize_t *dims,
                const void *data, int blosc) {
  const hid_t links = H5Pcreate(H5P_LINK_CREATE), create = H5Pcreate(H5P_DATASET_CREATE),
              space = H5Screate_simple(rank, dims, NULL);
  need(H5Pset_create_intermediate_group(links, 1) >= 0, name);
  if (blosc) /* optional, so that it is left out where it is not known */
    need(H5Pset_chunk(create, rank, dims) >= 0 && H5Pset_filter(create, 32001, H5Z_FLAG_OPTIONAL, 0, NULL) >= 0, name);
  const hid_t set = H5Dcreate2(file, name, file_type, space, links, create, H5P_DEFAULT);
  need(set >= 0, name);
  if (data) need(H5Dwrite(set, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0, name);
  H5Dclose(set);
  H5Sclose(space);
  H5Pclose(create);
  H5Pclose(links);
}

static void add_names(hid_t file, int count) {
  const char names[4][8] = {"ant", "bee", "cat", "dog"};
  const hsize_t n = (hsize_t)count;
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &n, NULL);
  need(H5Tset_size(type, sizeof names[0]) >= 0, "class_names");
  const hid_t attribute = H5Acreate2(file, "class_names", type, space, H5P_DEFAULT, H5P_DEFAULT);
  need(H5Awrite(attribute, type, names) >= 0, "class_names");
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

/* Images whose quarter with the label's number is bright, so that a few steps learn them. */
static void write_dataset(const layout *l) {
  char path[PATH];
  const int64_t area = l->side * l->side;
  unsigned char *images = calloc((size_t)(l->image_rows * area) + 1, 1);
  int64_t *labels = calloc((size_t)l->label_rows + 1, sizeof *labels);
  double *halves = calloc((size_t)l->label_rows + 1, sizeof *halves);
  for (int64_t i = 0; i < l->image_rows * area; i++) {
    const int64_t row = i / area, y = i % area / l->side, x = i % l->side;
    images[i] = (unsigned char)((2 * y / l->side * 2 + 2 * x / l->side == row % CLASSES ? 200 : 20) + i * 37 % 50);
  }
  for (int64_t i = 0; i < l->label_rows; i++) {
    labels[i] = i % CLASSES;
    halves[i] = (double)(i % CLASSES) + 0.5 * (i == 5);
  }
  if (l->odd_label && l->label_rows > 5) labels[5] = l->odd_label;
  const hid_t file = H5Fcreate(path_of(path, l->file), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  need(file >= 0, path);
  const hsize_t dims[] = {(hsize_t)l->image_rows, (hsize_t)l->side, (hsize_t)l->side, 1}, rows = (hsize_t)l->label_rows;
  add(file, l->images, H5T_STD_U8LE, H5T_NATIVE_UINT8, 4, dims, images, l->blosc);
  if (l->float_labels)
    add(file, l->labels, H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 1, &rows, halves, 0);
  else
    add(file, l->labels, H5T_STD_I64LE, H5T_NATIVE_INT64, 1, &rows, labels, 0);
  if (l->names) add_names(file, l->names);
  H5Fclose(file);
  free(halves);
  free(labels);
  free(images);
}

#define VARIANT(...)         \
  do {                       \
    layout variant = good;   \
    __VA_ARGS__              \
    write_dataset(&variant); \
  } while (0)

static void write_datasets(void) {
  write_dataset(&good);
  VARIANT(variant.file = "foreign.h5"; variant.images = "data/x"; variant.labels = "data/y";);
  VARIANT(variant.file = "scans.h5"; variant.images = "entry/data"; variant.labels = "entry/class";);
  VARIANT(variant.file = "held.h5"; variant.images = "entry/data"; variant.labels = "entry/class";);
  VARIANT(variant.file = "labels.h5"; variant.images = "unused"; variant.labels = "annotation/class";);
  VARIANT(variant.file = "lengths.h5"; variant.label_rows = SAMPLES - 6;);
  VARIANT(variant.file = "negative.h5"; variant.odd_label = -1;);
  VARIANT(variant.file = "beyond.h5"; variant.odd_label = 7; variant.names = CLASSES;);
  VARIANT(variant.file = "zero.h5"; variant.image_rows = variant.label_rows = 0;);
  VARIANT(variant.file = "float_labels.h5"; variant.float_labels = 1;);
  VARIANT(variant.file = "larger.h5"; variant.side = 2 * SIDE;);
  VARIANT(variant.file = "named.h5"; variant.names = CLASSES;);
  VARIANT(variant.file = "blosc.h5"; variant.blosc = 1;);
}

static void write_text(const char *name, const char *text) {
  char path[PATH];
  FILE *file = fopen(path_of(path, name), "w");
  need(file && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

/* A copy of the file that ends early: at `part` of 8 parts. */
static void write_cut(const char *from, const char *to, int part) {
  char path[PATH];
  struct stat info;
  FILE *in = fopen(path_of(path, from), "rb");
  need(in && fstat(fileno(in), &info) == 0, path);
  const size_t bytes = (size_t)info.st_size * (size_t)part / 8;
  char *content = malloc(bytes + 1);
  need(fread(content, 1, bytes, in) == bytes, path);
  FILE *out = fopen(path_of(path, to), "wb");
  need(out && fwrite(content, 1, bytes, out) == bytes && fclose(out) == 0, path);
  fclose(in);
  free(content);
}

/* claimed 0: as many bytes as the header has. */
static void write_safetensors(const char *name, uint64_t claimed, const char *header) {
  char path[PATH];
  if (claimed == 0) claimed = strlen(header);
  FILE *file = fopen(path_of(path, name), "wb");
  need(file && fwrite(&claimed, sizeof claimed, 1, file) == 1 && fputs(header, file) >= 0 && fclose(file) == 0, path);
}

static void write_others(void) {
  char path[PATH];
  write_text("empty.h5", "");
  write_text("text.h5", "these are no weights and no data, only a line of text\n");
  need(mkdir(path_of(path, "folder.h5"), 0777) == 0, path);
  write_cut("good.h5", "cut.h5", 4);
  write_cut("good.h5", "cut_end.h5", 7);
  write_safetensors("huge.safetensors", UINT64_C(1) << 60, "{}");
  write_safetensors("no_json.safetensors", 8, "not json");
  write_safetensors("other.safetensors", 0,
                    "{\"fc1.weight\":{\"dtype\":\"F32\",\"shape\":[0, 9],\"data_offsets\":[0, 0]}}    ");
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  folder = argv[1];
  write_datasets();
  write_others();
  return 0;
}
