/* HDF5 files as a data set: which paths make up which split, class names; rows and labels come from h5_rows and h5_labels. */
#include <stdio.h>
#include <string.h>

#include "core/hdf5_lock.h"
#include "core/memory.h"
#include "datasets/digits_embedded.h"
#include "datasets/h5_attributes.h"
#include "datasets/h5_parts.h"
#include "datasets/h5_paths.h"

enum { NAME_BYTES = sizeof((flr_h5_source *)0)->name };

typedef flr_h5_dataset h5_dataset;
typedef flr_h5_split_rows split_rows;

/* ---- reading rows ---- */

static flr_status read_rows(flr_dataset *dataset, flr_split split, const int64_t *rows, int64_t n, void *out) {
  const h5_dataset *d = (const h5_dataset *)dataset;
  const split_rows *s = &d->splits[split];
  for (int64_t i = 0; i < n; i++) {
    int part = 0;
    while (rows[i] >= s->first[part + 1]) part++;
    unsigned char *to = (unsigned char *)out + (size_t)i * dataset->sample_bytes;
    const int64_t row = rows[i] - s->first[part];
    FLR_TRY(flr_h5_sample_read(&s->parts[part], &d->form, row, to));
  }
  return FLR_OK;
}

static void destroy(flr_dataset *dataset) {
  h5_dataset *d = (h5_dataset *)dataset;
  flr_h5_blocks_clear(&d->blocks);
  for (int split = 0; split < FLR_SPLIT_COUNT; split++)
    for (int i = 0; i < d->splits[split].count; i++) flr_h5_rows_clear(&d->splits[split].parts[i]);
  for (int i = 0; i < d->source_count; i++) flr_h5_source_close(&d->sources[i]);
  flr_h5_classes_clear(&d->classes);
  flr_dataset_clear_head(dataset);
  flr_free(d);
}

static void limit(flr_dataset *dataset, float least, float most) {
  h5_dataset *d = (h5_dataset *)dataset;
  d->form.least = least;
  d->form.most = most;
}

static flr_status check(const flr_dataset *dataset) {
  const h5_dataset *d = (const h5_dataset *)dataset;
  for (int i = 0; i < d->source_count; i++) FLR_TRY(flr_h5_source_check(&d->sources[i]));
  return FLR_OK;
}

static int64_t block_of(const flr_dataset *dataset, flr_split split, int64_t row) {
  const split_rows *s = &((const h5_dataset *)dataset)->splits[split];
  int part = 0;
  while (row >= s->first[part + 1]) part++;
  return s->parts[part].first_block + (row - s->first[part]) / s->parts[part].block_rows;
}

static flr_status reserve(flr_dataset *dataset, int64_t slots, int loaders) {
  flr_h5_blocks *blocks = &((h5_dataset *)dataset)->blocks;
  const flr_status status = flr_h5_blocks_resize(blocks, slots, loaders);
  dataset->cache = blocks->cache;
  return status;
}

static int64_t memory(const flr_dataset *dataset, int64_t slots, int loaders) {
  return flr_h5_blocks_bytes(&((const h5_dataset *)dataset)->blocks, slots, loaders);
}

static flr_status describe(const flr_dataset *dataset, unsigned char **out, size_t *bytes) {
  return flr_h5_parts_describe((const h5_dataset *)dataset, out, bytes);
}

static const flr_dataset_ops h5_ops = {.name = "hdf5",
                                       .read = read_rows,
                                       .limit = limit,
                                       .check = check,
                                       .destroy = destroy,
                                       .block_of = block_of,
                                       .reserve = reserve,
                                       .memory = memory,
                                       .describe = describe};

/* ---- paths ---- */

static flr_status open_source(h5_dataset *d, const char *path, flr_h5_source **out) {
  for (int i = 0; i < d->source_count; i++) {
    *out = &d->sources[i];
    if (strcmp(d->sources[i].name, path) == 0) return FLR_OK;
  }
  if (d->source_count == FLR_H5_MOST_SOURCES)
    return flr_fail(FLR_ERROR_USAGE, "--data: more than %d files", FLR_H5_MOST_SOURCES);
  *out = &d->sources[d->source_count];
  FLR_TRY(strcmp(path, "digits") == 0 ? flr_h5_source_open_memory(*out, path, flr_digits_h5, flr_digits_h5_size())
                                      : flr_h5_source_open(*out, path));
  d->source_count++;
  return FLR_OK;
}

/* "FILE:PATH" names another file than `source`, unless it is a path there. */
static flr_status resolve(h5_dataset *d, flr_h5_source *source, const char *given, flr_h5_source **out, const char **path) {
  const char *colon = strrchr(given, ':');
  char file[NAME_BYTES];
  *out = source;
  *path = given;
  if (!colon || flr_h5_path_exists(source, given)) return FLR_OK;
  *path = colon + 1;
  if ((size_t)(colon - given) >= sizeof file) return flr_fail(FLR_ERROR_USAGE, "--data: the path %.60s... is too long", given);
  memcpy(file, given, (size_t)(colon - given));
  file[colon - given] = '\0';
  return open_source(d, file, out);
}

/* ---- labels ---- */

/* Reads the labels of the split's newest part behind the head's. */
static flr_status append_labels(h5_dataset *d, flr_split split, const flr_h5_source *images, const flr_h5_source *s,
                                const char *path) {
  const split_rows *rows = &d->splits[split];
  const int64_t before = rows->first[rows->count - 1], n = rows->first[rows->count] - before;
  int32_t *all;
  FLR_TRY(flr_alloc(&all, before + n, sizeof *all));
  if (before > 0) memcpy(all, d->head.labels[split], (size_t)before * sizeof *all);
  flr_free(d->head.labels[split]);
  d->head.labels[split] = all;
  return flr_h5_labels_read(all + before, &d->classes, s, path, n, images);
}

/* ---- structure ---- */

static flr_status add_part(h5_dataset *d, flr_split split, flr_h5_source *source, const char *x, const char *y) {
  split_rows *rows = &d->splits[split];
  flr_h5_source *x_source, *y_source;
  const char *x_path, *y_path;
  if (rows->count == FLR_H5_MOST_FILES) return flr_fail(FLR_ERROR_USAGE, "--data: more than %d files", FLR_H5_MOST_FILES);
  FLR_TRY(resolve(d, source, x, &x_source, &x_path));
  FLR_TRY(resolve(d, source, y, &y_source, &y_path));
  FLR_TRY(flr_h5_path_check(x_source, x_path));
  FLR_TRY(flr_h5_path_check(y_source, y_path));
  FLR_TRY(flr_h5_rows_init(&rows->parts[rows->count], x_source, x_path));
  FLR_TRY(flr_h5_parts_take(d, split));
  return append_labels(d, split, source, y_source, y_path);
}

/* The format's own names of a split in this file; empty x when the split is not there. */
static void own_paths(const flr_h5_source *s, flr_split split, char x[64], char y[64]) {
  static const char *const names[] = {"images", "features"};
  for (int i = 0; i < 2; i++) {
    (void)snprintf(x, 64, "%s/%s", flr_split_name(split), names[i]);
    if (flr_h5_path_exists(s, x)) break;
    x[0] = '\0';
  }
  (void)snprintf(y, 64, "%s/labels", flr_split_name(split));
}

static flr_status add_split(h5_dataset *d, flr_split split, flr_h5_source *source, const flr_dataset_options *o) {
  char x[64], y[64];
  own_paths(source, split, x, y);
  const char *given_x = split == FLR_SPLIT_TRAIN ? o->x_path : split == FLR_SPLIT_VALID ? o->valid_x_path : NULL;
  const char *given_y = split == FLR_SPLIT_TRAIN ? o->y_path : split == FLR_SPLIT_VALID ? o->valid_y_path : NULL;
  if ((given_x || given_y) && (!given_x || !given_y) && !x[0])
    return flr_fail(FLR_ERROR_USAGE, "--x-path and --y-path go together: one of them is missing for the %s split",
                    flr_split_name(split));
  if (!given_x && split != FLR_SPLIT_TRAIN && (!x[0] || o->x_path)) return FLR_OK;
  if (!given_x && !x[0]) return flr_h5_path_check(source, "train/images");
  return add_part(d, split, source, given_x ? given_x : x, given_y ? given_y : y);
}

/* ---- files ---- */

/* Mean and std hold for all samples only where all files say the same. */
static flr_status match_floats(h5_dataset *d, const flr_h5_source *s, const char *name, float **out) {
  float *values;
  const size_t bytes = (size_t)d->head.channels * sizeof *values;
  FLR_TRY(flr_h5_read_floats(&values, s, name, d->head.channels));
  if (d->files == 0) {
    *out = values;
    return FLR_OK;
  }
  if (!values != !*out || (values && memcmp(values, *out, bytes) != 0)) d->head.moments_differ = 1;
  flr_free(values);
  return FLR_OK;
}

static flr_status read_file(h5_dataset *d, const char *path, const flr_dataset_options *o) {
  flr_h5_source *source;
  FLR_TRY(open_source(d, path, &source));
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) FLR_TRY(add_split(d, (flr_split)split, source, o));
  FLR_TRY(match_floats(d, source, "mean", &d->head.mean));
  FLR_TRY(match_floats(d, source, "std", &d->head.std));
  d->files++;
  return FLR_OK;
}

static void drop_moments(flr_dataset *head) {
  flr_free(head->mean);
  flr_free(head->std);
  head->mean = head->std = NULL;
}

static flr_status finish(h5_dataset *d, const char *source) {
  flr_dataset *head = &d->head;
  if (head->moments_differ) drop_moments(head);
  return flr_h5_classes_finish(&d->classes, source, head->labels, head->samples, FLR_SPLIT_COUNT, &head->classes,
                               &head->class_names);
}

static flr_status read_files(h5_dataset *d, const flr_dataset_options *o) {
  char *list, *rest, *path;
  flr_status status = FLR_OK;
  FLR_TRY(flr_strdup(&list, o->source));
  for (rest = list; status == FLR_OK && (path = flr_h5_next_file(&rest));) status = read_file(d, path, o);
  flr_free(list);
  if (status == FLR_OK && d->files == 0) return flr_fail(FLR_ERROR_USAGE, "--data: no file is named");
  return status == FLR_OK ? finish(d, o->source) : status;
}

static flr_status read_structure(h5_dataset *d, const flr_dataset_options *o) {
  flr_hdf5_lock();
  const flr_status status = read_files(d, o);
  for (int i = 0; i < d->source_count; i++) flr_h5_source_close_structure(&d->sources[i]);
  flr_hdf5_unlock();
  return status;
}

flr_status flr_h5_dataset_open(flr_dataset **out, const flr_dataset_options *options, const unsigned char *description,
                               size_t bytes) {
  h5_dataset *d;
  *out = NULL;
  FLR_TRY(flr_alloc(&d, 1, sizeof *d));
  d->head.ops = &h5_ops;
  d->nchw = options->axis_order && strcmp(options->axis_order, "nchw") == 0;
  (void)snprintf(d->head.source, sizeof d->head.source, "%s", options->source);
  flr_status status = description ? flr_h5_parts_from_description(d, description, bytes) : read_structure(d, options);
  if (status == FLR_OK) status = flr_h5_blocks_start(&d->blocks, options->in_memory);
  d->head.cache = d->blocks.cache;
  d->head.encoded = d->blocks.needed;
  if (status != FLR_OK) {
    destroy(&d->head);
    return status;
  }
  *out = &d->head;
  return FLR_OK;
}
