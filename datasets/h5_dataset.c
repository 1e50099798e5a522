/* HDF5 files as a data set: which paths make up which split, class names; rows and labels come from h5_rows and h5_labels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hdf5_lock.h"
#include "core/memory.h"
#include "datasets/dataset_impl.h"
#include "datasets/digits_embedded.h"
#include "datasets/h5_blocks.h"
#include "datasets/h5_labels.h"

enum { MAX_FILES = 64, MAX_SOURCES = 4 * MAX_FILES, PLANE_BYTES = 16384 };

/* One split: the rows of several files one after the other. */
typedef struct split_rows {
  int count;
  flr_h5_rows parts[MAX_FILES];
  int64_t first[MAX_FILES + 1]; /* first row of each part; the last entry is the total */
} split_rows;

typedef struct h5_dataset {
  flr_dataset head;
  int nchw;
  int source_count;
  flr_h5_source sources[MAX_SOURCES];
  split_rows splits[FLR_SPLIT_COUNT];
  flr_h5_blocks blocks;
} h5_dataset;

/* ---- reading rows ---- */

/* Plane by plane through a small buffer on the stack: [C, H, W] in the file becomes [H, W, C]. */
static flr_status read_planes(const h5_dataset *d, const flr_h5_rows *part, int64_t row, unsigned char *out) {
  unsigned char plane[PLANE_BYTES];
  const size_t channels = (size_t)d->head.channels, area = (size_t)(d->head.height * d->head.width);
  for (size_t c = 0; c < channels; c++)
    for (size_t done = 0; done < area; done += sizeof plane) {
      const size_t bytes = area - done < sizeof plane ? area - done : sizeof plane;
      FLR_TRY(flr_h5_rows_read(part, row, c * area + done, bytes, plane));
      for (size_t i = 0; i < bytes; i++) out[(done + i) * channels + c] = plane[i];
    }
  return FLR_OK;
}

static flr_status read_rows(flr_dataset *dataset, flr_split split, const int64_t *rows, int64_t n, void *out) {
  const h5_dataset *d = (const h5_dataset *)dataset;
  const split_rows *s = &d->splits[split];
  for (int64_t i = 0; i < n; i++) {
    int part = 0;
    while (rows[i] >= s->first[part + 1]) part++;
    unsigned char *to = (unsigned char *)out + (size_t)i * dataset->sample_bytes;
    const int64_t row = rows[i] - s->first[part];
    FLR_TRY(d->nchw ? read_planes(d, &s->parts[part], row, to)
                    : flr_h5_rows_read(&s->parts[part], row, 0, dataset->sample_bytes, to));
  }
  return FLR_OK;
}

static void destroy(flr_dataset *dataset) {
  h5_dataset *d = (h5_dataset *)dataset;
  flr_h5_blocks_clear(&d->blocks);
  for (int split = 0; split < FLR_SPLIT_COUNT; split++)
    for (int i = 0; i < d->splits[split].count; i++) flr_h5_rows_clear(&d->splits[split].parts[i]);
  for (int i = 0; i < d->source_count; i++) flr_h5_source_close(&d->sources[i]);
  flr_dataset_clear_head(dataset);
  flr_free(d);
}

static const flr_dataset_ops h5_ops = {.name = "hdf5", .read = read_rows, .destroy = destroy};

/* ---- paths ---- */

static flr_status open_source(h5_dataset *d, const char *path, flr_h5_source **out) {
  for (int i = 0; i < d->source_count; i++) {
    *out = &d->sources[i];
    if (strcmp(d->sources[i].name, path) == 0) return FLR_OK;
  }
  if (d->source_count == MAX_SOURCES) return flr_fail(FLR_ERROR_USAGE, "--data: more than %d files", MAX_SOURCES);
  *out = &d->sources[d->source_count];
  FLR_TRY(strcmp(path, "digits") == 0 ? flr_h5_source_open_memory(*out, path, flr_digits_h5, flr_digits_h5_size())
                                      : flr_h5_source_open(*out, path));
  d->source_count++;
  return FLR_OK;
}

/* "FILE:PATH" names another file than `source`. */
static flr_status resolve(h5_dataset *d, flr_h5_source *source, const char *given, flr_h5_source **out, const char **path) {
  const char *colon = strrchr(given, ':');
  char file[256];
  *out = source;
  *path = colon ? colon + 1 : given;
  if (!colon) return FLR_OK;
  if ((size_t)(colon - given) >= sizeof file) return flr_fail(FLR_ERROR_USAGE, "--data: the path %.60s... is too long", given);
  memcpy(file, given, (size_t)(colon - given));
  file[colon - given] = '\0';
  return open_source(d, file, out);
}

/* Whether every group on the way and the last name exist. */
static int path_exists(hid_t file, const char *path) {
  char partial[256];
  if (path[0] == '\0' || strlen(path) >= sizeof partial) return 0;
  strcpy(partial, path);
  for (char *p = partial + 1; *p; p++) {
    if (*p != '/') continue;
    *p = '\0';
    if (H5Lexists(file, partial, H5P_DEFAULT) <= 0) return 0;
    *p = '/';
  }
  return H5Lexists(file, partial, H5P_DEFAULT) > 0 && H5Oexists_by_name(file, partial, H5P_DEFAULT) > 0;
}

static herr_t list_dataset(hid_t file, const char *name, const H5O_info_t *info, void *context) {
  char *list = context;
  (void)file;
  if (info->type != H5O_TYPE_DATASET || strlen(list) + strlen(name) + 3 > 400) return 0;
  if (list[0]) strcat(list, ", ");
  strcat(list, name);
  return 0;
}

static flr_status no_such_path(const flr_h5_source *s, const char *path) {
  char list[512] = "";
  (void)H5Ovisit(s->file, H5_INDEX_NAME, H5_ITER_NATIVE, list_dataset, list);
  return flr_fail(FLR_ERROR_DATA, "%s: no data set %s; it holds %s: name them with --x-path and --y-path", s->name, path,
                  list[0] ? list : "none");
}

/* ---- labels ---- */

/* Appends the labels of the split's newest part to the head's. */
static flr_status append_labels(h5_dataset *d, flr_split split, const flr_h5_source *s, const char *path, int64_t *largest) {
  split_rows *rows = &d->splits[split];
  const int64_t before = rows->first[rows->count - 1], n = rows->first[rows->count] - before;
  int64_t *values;
  int32_t *all;
  FLR_TRY(flr_h5_labels_read(&values, s, path, n, largest));
  const flr_status status = flr_alloc(&all, before + n, sizeof(int32_t));
  if (status == FLR_OK) {
    if (before > 0) memcpy(all, d->head.labels[split], (size_t)before * sizeof(int32_t));
    for (int64_t i = 0; i < n; i++) all[before + i] = (int32_t)values[i];
    flr_free(d->head.labels[split]);
    d->head.labels[split] = all;
  }
  flr_free(values);
  return status;
}

/* ---- structure ---- */

/* Sets the sample's shape from the first rows found; later ones must agree. */
static flr_status match_shape(h5_dataset *d, const flr_h5_rows *r) {
  flr_dataset *head = &d->head;
  int64_t h = 1, w = 1, c = r->dims[1];
  if (r->rank == 2 && !r->floating)
    return flr_fail(FLR_ERROR_DATA, "%s: %s is a table of bytes: images have 3 or 4 axes, features are float32",
                    r->source->name, r->path);
  if (r->rank > 2 && r->floating)
    return flr_fail(FLR_ERROR_DATA, "%s: %s holds float images, which this version does not read: store them as uint8 0..255",
                    r->source->name, r->path);
  if (r->rank >= 3) {
    h = d->nchw && r->rank == 4 ? r->dims[2] : r->dims[1];
    w = d->nchw && r->rank == 4 ? r->dims[3] : r->dims[2];
    c = r->rank == 3 ? 1 : d->nchw ? r->dims[1] : r->dims[3];
  }
  if (head->sample_bytes == 0) {
    *head = (flr_dataset){.ops = head->ops,
                          .height = h,
                          .width = w,
                          .channels = c,
                          .features = r->floating,
                          .dtype = r->floating ? FLR_F32 : FLR_U8,
                          .sample_bytes = r->row_bytes};
    return FLR_OK;
  }
  if (head->height == h && head->width == w && head->channels == c && head->features == r->floating) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s: samples of %s are %lldx%lldx%lld, others %lldx%lldx%lld: all must have one shape",
                  r->source->name, r->path, (long long)h, (long long)w, (long long)c, (long long)head->height,
                  (long long)head->width, (long long)head->channels);
}

static flr_status add_part(h5_dataset *d, flr_split split, flr_h5_source *source, const char *x, const char *y,
                           int64_t *largest) {
  split_rows *rows = &d->splits[split];
  flr_h5_source *x_source, *y_source;
  const char *x_path, *y_path;
  if (rows->count == MAX_FILES) return flr_fail(FLR_ERROR_USAGE, "--data: more than %d files", MAX_FILES);
  FLR_TRY(resolve(d, source, x, &x_source, &x_path));
  FLR_TRY(resolve(d, source, y, &y_source, &y_path));
  if (!path_exists(x_source->file, x_path)) return no_such_path(x_source, x_path);
  if (!path_exists(y_source->file, y_path)) return no_such_path(y_source, y_path);
  FLR_TRY(flr_h5_rows_init(&rows->parts[rows->count], x_source, x_path));
  rows->count++;
  const flr_h5_rows *part = &rows->parts[rows->count - 1];
  rows->first[rows->count] = rows->first[rows->count - 1] + part->dims[0];
  FLR_TRY(match_shape(d, part));
  FLR_TRY(flr_h5_blocks_add(&d->blocks, &rows->parts[rows->count - 1]));
  return append_labels(d, split, y_source, y_path, largest);
}

/* The format's own names of a split in this file; empty x when the split is not there. */
static void own_paths(const flr_h5_source *s, flr_split split, char x[64], char y[64]) {
  static const char *const names[] = {"images", "features"};
  for (int i = 0; i < 2; i++) {
    (void)snprintf(x, 64, "%s/%s", flr_split_name(split), names[i]);
    if (path_exists(s->file, x)) break;
    x[0] = '\0';
  }
  (void)snprintf(y, 64, "%s/labels", flr_split_name(split));
}

static flr_status add_split(h5_dataset *d, flr_split split, flr_h5_source *source, const flr_dataset_options *o,
                            int64_t *largest) {
  char x[64], y[64];
  own_paths(source, split, x, y);
  const char *given_x = split == FLR_SPLIT_TRAIN ? o->x_path : split == FLR_SPLIT_VALID ? o->valid_x_path : NULL;
  const char *given_y = split == FLR_SPLIT_TRAIN ? o->y_path : split == FLR_SPLIT_VALID ? o->valid_y_path : NULL;
  if ((given_x || given_y) && (!given_x || !given_y) && !x[0])
    return flr_fail(FLR_ERROR_USAGE, "--x-path and --y-path go together: one of them is missing for the %s split",
                    flr_split_name(split));
  if (!given_x && split != FLR_SPLIT_TRAIN && (!x[0] || o->x_path)) return FLR_OK;
  if (!given_x && !x[0]) return no_such_path(source, "train/images");
  return add_part(d, split, source, given_x ? given_x : x, given_y ? given_y : y, largest);
}

/* ---- attributes ---- */

/* Root attribute of `channels` floats into *out; it stays NULL when there is none of that size. */
static flr_status read_floats(const flr_h5_source *s, const char *name, int64_t channels, float **out) {
  if (H5Aexists(s->file, name) <= 0) return FLR_OK;
  const hid_t attribute = H5Aopen(s->file, name, H5P_DEFAULT), space = H5Aget_space(attribute);
  flr_status status = FLR_OK;
  if (H5Sget_simple_extent_npoints(space) != channels)
    status = flr_fail(FLR_ERROR_DATA, "%s: the attribute %s has %lld values for %lld channels", s->name, name,
                      (long long)H5Sget_simple_extent_npoints(space), (long long)channels);
  else
    status = flr_alloc(out, channels, sizeof(float));
  if (status == FLR_OK && H5Aread(attribute, H5T_NATIVE_FLOAT, *out) < 0)
    status = flr_fail(FLR_ERROR_DATA, "%s: the attribute %s is not numbers", s->name, name);
  (void)H5Sclose(space);
  (void)H5Aclose(attribute);
  return status;
}

/* Strings of fixed or variable length into names [n]. */
static flr_status copy_names(hid_t attribute, hid_t type, int64_t n, char **names) {
  const size_t size = H5Tis_variable_str(type) > 0 ? sizeof(char *) : H5Tget_size(type);
  char *raw;
  FLR_TRY(flr_alloc(&raw, n, size));
  flr_status status = H5Aread(attribute, type, raw) < 0 ? flr_fail(FLR_ERROR_DATA, "class_names cannot be read") : FLR_OK;
  for (int64_t i = 0; i < n && status == FLR_OK; i++) {
    char text[256];
    char *variable;
    memcpy(&variable, raw + (size_t)i * size, size < sizeof variable ? size : sizeof variable);
    if (H5Tis_variable_str(type) > 0) {
      status = flr_strdup(&names[i], variable ? variable : "");
      free(variable);
      continue;
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)(size < 255 ? size : 255), raw + (size_t)i * size);
    status = flr_strdup(&names[i], text);
  }
  flr_free(raw);
  return status;
}

static flr_status read_names(h5_dataset *d, const flr_h5_source *s, int64_t largest) {
  d->head.classes = largest + 1;
  if (H5Aexists(s->file, "class_names") <= 0) return FLR_OK;
  const hid_t attribute = H5Aopen(s->file, "class_names", H5P_DEFAULT), space = H5Aget_space(attribute),
              type = H5Aget_type(attribute);
  const int64_t n = H5Sget_simple_extent_npoints(space);
  flr_status status = FLR_OK;
  if (H5Tget_class(type) == H5T_STRING && n > 0) {
    if (largest >= n)
      status = flr_fail(FLR_ERROR_DATA, "%s: a label is %lld, class_names has %lld names: labels run from 0 to %lld", s->name,
                        (long long)largest, (long long)n, (long long)n - 1);
    if (status == FLR_OK) status = flr_alloc(&d->head.class_names, n, sizeof(char *));
    if (status == FLR_OK) d->head.classes = n;
    if (status == FLR_OK) status = copy_names(attribute, type, n, d->head.class_names);
  }
  (void)H5Tclose(type);
  (void)H5Sclose(space);
  (void)H5Aclose(attribute);
  return status;
}

static flr_status read_file(h5_dataset *d, const char *path, const flr_dataset_options *o, int64_t *largest,
                            flr_h5_source **source) {
  FLR_TRY(open_source(d, path, source));
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) FLR_TRY(add_split(d, (flr_split)split, *source, o, largest));
  return FLR_OK;
}

/* Splits a list "A.h5,B.h5" and reads every file; attributes come from the first. */
static flr_status read_files(h5_dataset *d, const flr_dataset_options *o) {
  char list[4096], *rest = NULL;
  int64_t largest = 0;
  flr_h5_source *source, *first = NULL;
  if (strlen(o->source) >= sizeof list) return flr_fail(FLR_ERROR_USAGE, "--data: the list of files is too long");
  strcpy(list, o->source);
  d->nchw = o->axis_order && strcmp(o->axis_order, "nchw") == 0;
  for (char *path = strtok_r(list, ",", &rest); path; path = strtok_r(NULL, ",", &rest)) {
    FLR_TRY(read_file(d, path, o, &largest, &source));
    if (!first) first = source;
  }
  if (!first) return flr_fail(FLR_ERROR_USAGE, "--data: no file is named");
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) d->head.samples[split] = d->splits[split].first[d->splits[split].count];
  (void)snprintf(d->head.source, sizeof d->head.source, "%s", o->source);
  FLR_TRY(read_floats(first, "mean", d->head.channels, &d->head.mean));
  FLR_TRY(read_floats(first, "std", d->head.channels, &d->head.std));
  return read_names(d, first, largest);
}

flr_status flr_h5_dataset_open(flr_dataset **out, const flr_dataset_options *options) {
  h5_dataset *d;
  *out = NULL;
  FLR_TRY(flr_alloc(&d, 1, sizeof *d));
  d->head.ops = &h5_ops;
  flr_hdf5_lock();
  flr_status status = read_files(d, options);
  for (int i = 0; i < d->source_count; i++) flr_h5_source_close_structure(&d->sources[i]);
  flr_hdf5_unlock();
  if (status == FLR_OK) status = flr_h5_blocks_start(&d->blocks, 0);
  if (status != FLR_OK) {
    destroy(&d->head);
    return status;
  }
  d->nchw = d->nchw && d->head.channels > 1 && !d->head.features;
  *out = &d->head;
  return FLR_OK;
}
