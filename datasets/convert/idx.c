/* The MNIST family: a folder of IDX files, as they are or packed by gzip (http://yann.lecun.com/exdb/mnist/). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "datasets/convert/byte_file.h"
#include "datasets/convert/convert_impl.h"

enum { NAME = 64, TYPE_BYTES = 0x08, MOST_AXES = 4, LABEL_PART = 65536 };

typedef struct idx_source {
  flr_convert_source head;
  flr_byte_file images[FLR_SPLIT_COUNT], labels[FLR_SPLIT_COUNT];
  int64_t left[FLR_SPLIT_COUNT]; /* samples that have not been read */
} idx_source;

static void close_source(flr_convert_source *source) {
  idx_source *s = (idx_source *)source;
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    flr_byte_file_close(&s->images[split]);
    flr_byte_file_close(&s->labels[split]);
  }
  flr_convert_clear_head(source);
  flr_free(s);
}

/* ---- which files ---- */

/* The name under which the folder has the images ("images", 3) or labels ("labels", 1) of the split; 0: under none. */
static int find_file(char name[NAME], const char *folder, flr_split split, const char *what, int axes) {
  static const char *const stems[FLR_SPLIT_COUNT][2] = {{"train", "train"}, {"valid", "valid"}, {"t10k", "test"}};
  static const char *const joints[] = {"-", "."}, *const ends[] = {"", ".gz"};
  for (int i = 0; i < 8; i++) {
    (void)snprintf(name, NAME, "%s-%s%sidx%d-ubyte%s", stems[split][i >> 2], what, joints[i >> 1 & 1], axes, ends[i & 1]);
    if (flr_byte_file_exists(folder, name)) return 1;
  }
  return 0;
}

/* The four bytes and the sizes an IDX file begins with; the number of axes goes to *axes. */
static flr_status read_header(flr_byte_file *file, int least, int most, int64_t dims[MOST_AXES], int *axes) {
  unsigned char magic[4], size[4];
  FLR_TRY(flr_byte_file_read(file, magic, sizeof magic));
  *axes = magic[3];
  if (magic[0] || magic[1] || magic[2] != TYPE_BYTES || *axes < least || *axes > most)
    return flr_fail(FLR_ERROR_DATA, "%s is no IDX file of %s: it begins with %02x%02x%02x%02x, not %08x", file->path,
                    least == 1 ? "labels" : "images", magic[0], magic[1], magic[2], magic[3], TYPE_BYTES << 8 | least);
  for (int i = 0; i < *axes; i++) {
    FLR_TRY(flr_byte_file_read(file, size, sizeof size));
    dims[i] = (int64_t)size[0] << 24 | (int64_t)size[1] << 16 | (int64_t)size[2] << 8 | (int64_t)size[3];
  }
  return FLR_OK;
}

static flr_status check_size(const flr_byte_file *file, const int64_t *dims, int axes) {
  int64_t bytes = 1;
  int fits = 1;
  for (int i = 0; i < axes && fits; i++) fits = flr_multiply(&bytes, bytes, dims[i]) == FLR_OK && bytes < INT64_MAX - 64;
  if (!fits) return flr_fail(FLR_ERROR_DATA, "%s: its header says more bytes than any file has", file->path);
  return flr_byte_file_check_size(file, bytes + 4 + 4 * axes);
}

static flr_status open_labels(idx_source *s, flr_split split) {
  int64_t dims[MOST_AXES];
  char name[NAME];
  int axes;
  flr_byte_file *file = &s->labels[split];
  if (!find_file(name, s->head.path, split, "labels", 1))
    return flr_fail(FLR_ERROR_NO_INPUT, "%s has no labels beside it: %s-labels-idx1-ubyte or the same with .gz",
                    s->images[split].path, split == FLR_SPLIT_TEST ? "t10k" : flr_split_name(split));
  FLR_TRY(flr_byte_file_open(file, s->head.path, name));
  FLR_TRY(read_header(file, 1, 1, dims, &axes));
  FLR_TRY(check_size(file, dims, axes));
  if (dims[0] == s->head.samples[split]) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s has %lld labels for the %lld images of %s", file->path, (long long)dims[0],
                  (long long)s->head.samples[split], s->images[split].path);
}

static flr_status match_shape(idx_source *s, const flr_byte_file *file, const int64_t *dims) {
  flr_convert_source *h = &s->head;
  if (h->sample_bytes == 0) {
    h->height = dims[1];
    h->width = dims[2];
    h->channels = dims[3];
    h->sample_bytes = (size_t)(dims[1] * dims[2] * dims[3]); /* no more than the file can hold */
  }
  if (h->height == dims[1] && h->width == dims[2] && h->channels == dims[3]) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s: images of %lldx%lldx%lld, those of the training split have %lldx%lldx%lld", file->path,
                  (long long)dims[1], (long long)dims[2], (long long)dims[3], (long long)h->height, (long long)h->width,
                  (long long)h->channels);
}

static flr_status open_split(idx_source *s, flr_split split) {
  int64_t dims[MOST_AXES] = {0, 0, 0, 1};
  char name[NAME];
  int axes;
  flr_byte_file *file = &s->images[split];
  if (!find_file(name, s->head.path, split, "images", 3)) return FLR_OK;
  FLR_TRY(flr_byte_file_open(file, s->head.path, name));
  FLR_TRY(read_header(file, 3, 4, dims, &axes));
  if (dims[0] == 0) return flr_fail(FLR_ERROR_DATA, "%s: its header says 0 images", file->path);
  FLR_TRY(check_size(file, dims, axes));
  FLR_TRY(match_shape(s, file, dims));
  s->head.samples[split] = s->left[split] = dims[0];
  return open_labels(s, split);
}

/* ---- labels ---- */

/* Classes are what the training split has: its labels are read once before. */
static flr_status count_classes(idx_source *s) {
  flr_byte_file *file = &s->labels[FLR_SPLIT_TRAIN];
  unsigned char *part, header[8], largest = 0;
  FLR_TRY(flr_alloc(&part, LABEL_PART, 1));
  flr_status status = FLR_OK;
  for (int64_t left = s->left[FLR_SPLIT_TRAIN]; left > 0 && status == FLR_OK; left -= LABEL_PART) {
    const int64_t n = left < LABEL_PART ? left : LABEL_PART;
    status = flr_byte_file_read(file, part, (size_t)n);
    for (int64_t i = 0; i < n; i++) largest = part[i] > largest ? part[i] : largest;
  }
  flr_free(part);
  FLR_TRY(status);
  FLR_TRY(flr_byte_file_rewind(file));
  FLR_TRY(flr_byte_file_read(file, header, sizeof header));
  s->head.classes = largest + 1;
  return flr_convert_number_classes(&s->head);
}

/* ---- the kind ---- */

static flr_status check_folder(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s", path, strerror(errno));
  if (S_ISDIR(info.st_mode)) return FLR_OK;
  return flr_fail(FLR_ERROR_NO_INPUT, "%s is no folder: give the one that has train-images-idx3-ubyte in it", path);
}

static flr_status open_files(idx_source *s) {
  FLR_TRY(check_folder(s->head.path));
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) FLR_TRY(open_split(s, (flr_split)split));
  if (s->left[FLR_SPLIT_TRAIN] == 0)
    return flr_fail(FLR_ERROR_NO_INPUT, "%s has no train-images-idx3-ubyte, nor the same with .gz", s->head.path);
  return count_classes(s);
}

static flr_status open_source(flr_convert_source **out, const flr_convert_options *options) {
  idx_source *s;
  *out = NULL;
  FLR_TRY(flr_alloc(&s, 1, sizeof *s));
  s->head.ops = &flr_convert_idx;
  s->head.path = options->source;
  const flr_status status = open_files(s);
  if (status == FLR_OK)
    *out = &s->head;
  else
    close_source(&s->head);
  return status;
}

static flr_status next(flr_convert_source *source, flr_split split, int64_t n, void *x, int64_t *labels) {
  idx_source *s = (idx_source *)source;
  const unsigned char *bytes = (const unsigned char *)labels;
  FLR_TRY(flr_byte_file_read(&s->images[split], x, (size_t)n * source->sample_bytes));
  FLR_TRY(flr_byte_file_read(&s->labels[split], labels, (size_t)n));
  for (int64_t i = n - 1; i >= 0; i--) labels[i] = bytes[i]; /* in place: from the end on nothing is overwritten too early */
  s->left[split] -= n;
  if (s->left[split] > 0) return FLR_OK;
  FLR_TRY(flr_byte_file_expect_end(&s->images[split]));
  return flr_byte_file_expect_end(&s->labels[split]);
}

const flr_convert_ops flr_convert_idx = {.name = "idx", .open = open_source, .next = next, .close = close_source};
