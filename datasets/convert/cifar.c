/* CIFAR-10 and CIFAR-100, binary version (https://www.cs.toronto.edu/~kriz/cifar.html): records of label bytes and three
 * planes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "datasets/convert/byte_file.h"
#include "datasets/convert/convert_impl.h"

enum { SIDE = 32, CHANNELS = 3, PLANE = SIDE * SIDE, PIXELS = PLANE * CHANNELS, MOST_LABELS = 2, MOST_FILES = 64, NAME = 32 };
enum { NAMES_BYTES = 65536 };

/* What tells the two apart. */
typedef struct cifar_layout {
  const char *title, *names_file;
  int label_bytes, classes; /* the last label byte counts: CIFAR-100's first is the coarse label */
} cifar_layout;

static const cifar_layout cifar10 = {"CIFAR-10", "batches.meta.txt", 1, 10},
                          cifar100 = {"CIFAR-100", "fine_label_names.txt", 2, 100};

typedef struct cifar_source {
  flr_convert_source head;
  const cifar_layout *layout;
  int file_count[FLR_SPLIT_COUNT], opened; /* opened: files of the split that is read, the current one among them */
  char names[FLR_SPLIT_COUNT][MOST_FILES][NAME];
  flr_byte_file file; /* the current one */
  int64_t left;       /* its records */
} cifar_source;

static void close_source(flr_convert_source *source) {
  cifar_source *s = (cifar_source *)source;
  flr_byte_file_close(&s->file);
  flr_convert_clear_head(source);
  flr_free(s);
}

/* ---- which files ---- */

/* Opens a file and says how many records it has. */
static flr_status open_batch(flr_byte_file *out, const cifar_source *s, const char *name, int64_t *records) {
  const int64_t record = s->layout->label_bytes + PIXELS;
  FLR_TRY(flr_byte_file_open(out, s->head.path, name));
  *records = out->bytes / record;
  if (out->packed) return flr_fail(FLR_ERROR_DATA, "%s is packed: unpack it with gunzip first", out->path);
  if (out->bytes % record == 0) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s is cut off or no %s: its %lld bytes are no multiple of %lld", out->path, s->layout->title,
                  (long long)out->bytes, (long long)record);
}

static flr_status add_file(cifar_source *s, flr_split split, const char *name) {
  flr_byte_file file = {0};
  int64_t records = 0;
  const flr_status status = open_batch(&file, s, name, &records);
  flr_byte_file_close(&file);
  FLR_TRY(status);
  (void)snprintf(s->names[split][s->file_count[split]++], NAME, "%s", name);
  s->head.samples[split] += records;
  return FLR_OK;
}

/* data_batch_1.bin, data_batch_2.bin, .. */
static flr_status add_batches(cifar_source *s) {
  char name[NAME];
  int last = MOST_FILES;
  for (; last > 0; last--) {
    (void)snprintf(name, sizeof name, "data_batch_%d.bin", last);
    if (flr_byte_file_exists(s->head.path, name)) break;
  }
  for (int i = 1; i <= last; i++) {
    (void)snprintf(name, sizeof name, "data_batch_%d.bin", i);
    FLR_TRY(add_file(s, FLR_SPLIT_TRAIN, name));
  }
  return FLR_OK;
}

static flr_status find_files(cifar_source *s) {
  const char *folder = s->head.path, *test;
  struct stat info;
  if (stat(folder, &info) != 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s", folder, strerror(errno));
  s->layout = flr_byte_file_exists(folder, "train.bin") ? &cifar100 : &cifar10;
  test = s->layout == &cifar100 ? "test.bin" : "test_batch.bin";
  if (s->layout == &cifar100)
    FLR_TRY(add_file(s, FLR_SPLIT_TRAIN, "train.bin"));
  else
    FLR_TRY(add_batches(s));
  if (s->file_count[FLR_SPLIT_TRAIN] == 0)
    return flr_fail(
        FLR_ERROR_NO_INPUT,
        "%s has neither data_batch_1.bin (CIFAR-10) nor train.bin (CIFAR-100): give the folder of the binary version", folder);
  return flr_byte_file_exists(folder, test) ? add_file(s, FLR_SPLIT_TEST, test) : FLR_OK;
}

/* ---- class names ---- */

/* One name a line; empty lines count for nothing. */
static flr_status split_names(cifar_source *s, char *text, const char *path) {
  char *rest = NULL;
  int count = 0;
  FLR_TRY(flr_alloc(&s->head.class_names, s->head.classes, sizeof(char *)));
  for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
    if (count < s->head.classes) FLR_TRY(flr_strdup(&s->head.class_names[count], line));
    count++;
  }
  if (count == s->head.classes) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s has %d names, %s has %lld classes", path, count, s->layout->title,
                  (long long)s->head.classes);
}

static flr_status read_names(cifar_source *s) {
  flr_byte_file file = {0};
  char *text = NULL;
  s->head.classes = s->layout->classes;
  if (!flr_byte_file_exists(s->head.path, s->layout->names_file)) return flr_convert_number_classes(&s->head);
  flr_status status = flr_byte_file_open(&file, s->head.path, s->layout->names_file);
  if (status == FLR_OK && (file.packed || file.bytes >= NAMES_BYTES))
    status = flr_fail(FLR_ERROR_DATA, "%s is no list of names", file.path);
  if (status == FLR_OK) status = flr_alloc(&text, file.bytes + 1, 1);
  if (status == FLR_OK) status = flr_byte_file_read(&file, text, (size_t)file.bytes);
  if (status == FLR_OK) status = split_names(s, text, file.path);
  flr_free(text);
  flr_byte_file_close(&file);
  return status;
}

/* ---- the kind ---- */

static flr_status open_source(flr_convert_source **out, const flr_convert_options *options) {
  cifar_source *s;
  *out = NULL;
  FLR_TRY(flr_alloc(&s, 1, sizeof *s));
  s->head = (flr_convert_source){.ops = &flr_convert_cifar,
                                 .path = options->source,
                                 .height = SIDE,
                                 .width = SIDE,
                                 .channels = CHANNELS,
                                 .sample_bytes = PIXELS};
  flr_status status = find_files(s);
  if (status == FLR_OK) status = read_names(s);
  if (status == FLR_OK)
    *out = &s->head;
  else
    close_source(&s->head);
  return status;
}

/* Planes become pixels. */
static void interleave(const unsigned char *planes, unsigned char *out) {
  for (int p = 0; p < PLANE; p++)
    for (int c = 0; c < CHANNELS; c++) out[p * CHANNELS + c] = planes[c * PLANE + p];
}

static flr_status next_file(cifar_source *s, flr_split split) {
  flr_byte_file_close(&s->file);
  return open_batch(&s->file, s, s->names[split][s->opened++], &s->left);
}

static flr_status next(flr_convert_source *source, flr_split split, int64_t n, void *x, int64_t *labels) {
  cifar_source *s = (cifar_source *)source;
  unsigned char record[MOST_LABELS + PIXELS], *out = x;
  const int label_bytes = s->layout->label_bytes;
  for (int64_t i = 0; i < n; i++) {
    if (s->left == 0) FLR_TRY(next_file(s, split));
    FLR_TRY(flr_byte_file_read(&s->file, record, (size_t)label_bytes + PIXELS));
    labels[i] = record[label_bytes - 1];
    interleave(record + label_bytes, out + i * PIXELS);
    if (--s->left > 0) continue;
    FLR_TRY(flr_byte_file_expect_end(&s->file));
    if (s->opened == s->file_count[split]) s->opened = 0; /* the next split begins with its own first file */
  }
  return FLR_OK;
}

const flr_convert_ops flr_convert_cifar = {.name = "cifar", .open = open_source, .next = next, .close = close_source};
