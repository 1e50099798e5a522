/* The converters. An input is a letter for the kind (i, c, f, else csv), the length of the first file (2 bytes, little-endian),
   and the contents of the kind's two files one after the other. What is converted must be a data set that can be opened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/convert/convert.h"
#include "fuzz/fuzz.h"
#include "tests/harness/temporary_folder.h"

enum { HEAD = 3, PATH = 512 };

static char folder[PATH / 2], out[PATH];

/* Of each kind: its name and its two files. */
static const char *const idx[] = {"idx", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                         *const cifar[] = {"cifar", "data_batch_1.bin", "batches.meta.txt"},
                         *const csv[] = {"csv", "train.csv", "valid.csv"}, *const images[] = {"imagefolder", "a/1", "b/2"};

static void class_folder(char path[PATH], const char *name) { (void)snprintf(path, PATH, "%s/%s", folder, name); }

static void remove_folder(void) {
  char path[PATH];
  (void)unlink(out);
  (void)snprintf(path, sizeof path, "%s/out.h5.skipped.txt", folder);
  (void)unlink(path);
  for (const char *name = "ab"; *name; name++) {
    class_folder(path, (const char[]){*name, '\0'});
    (void)rmdir(path);
  }
  (void)rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  if (!temporary_folder(folder, sizeof folder, "flr_fuzz")) {
    perror(folder);
    exit(1);
  }
  for (const char *name = "ab"; *name; name++) {
    char path[PATH];
    class_folder(path, (const char[]){*name, '\0'});
    if (mkdir(path, 0700) != 0) perror(path);
  }
  (void)snprintf(out, sizeof out, "%s/out.h5", folder);
  return atexit(remove_folder);
}

static void write_file(char path[PATH], const char *name, const uint8_t *data, size_t size) {
  (void)snprintf(path, PATH, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
    perror(path);
    exit(1);
  }
}

static void open_again(void) {
  const flr_dataset_options options = {.source = out, .valid_fraction = 0, .seed = 1};
  flr_dataset *data;
  if (flr_dataset_open(&data, &options) != FLR_OK) {
    fprintf(stderr, "%s\n", flr_status_message());
    abort();
  }
  flr_dataset_destroy(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char first_path[PATH], second_path[PATH];
  if (size < HEAD) return 0;
  const char *const *kind = data[0] == 'i' ? idx : data[0] == 'c' ? cifar : data[0] == 'f' ? images : csv;
  size_t first = (size_t)data[1] | (size_t)data[2] << 8;
  if (first > size - HEAD) first = size - HEAD;
  write_file(first_path, kind[1], data + HEAD, first);
  if (size - HEAD > first) write_file(second_path, kind[2], data + HEAD + first, size - HEAD - first);
  flr_convert_options options;
  flr_convert_result result;
  flr_convert_options_defaults(&options);
  options.kind = kind[0];
  options.source = folder;
  options.out = out;
  options.max_pixels = 1 << 16;
  options.size = size & 1 ? 8 : 0;
  options.compress = size & 2 ? "deflate" : "none";
  if (flr_convert(&options, &result) == FLR_OK) open_again();
  flr_convert_result_clear(&result);
  (void)unlink(first_path);
  if (size - HEAD > first) (void)unlink(second_path);
  return 0;
}
