/* Reading labels piece by piece: a number, a row of numbers or a string for each sample. */
#include "datasets/h5_labels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "datasets/h5_attributes.h"

enum { MOST_CLASSES = 1 << 20, PIECE_VALUES = 1 << 20 };

/* One part's labels while they are read. */
typedef struct reading {
  const flr_h5_source *source;
  const char *path;
  flr_h5_classes *classes;
  hid_t dataset, type;
  int64_t n, width; /* samples; values of each */
  int32_t *out;     /* [n] */
  int64_t *map;     /* [map_count] class of each of the file's names; NULL: labels are the classes */
  int64_t map_count;
  int64_t unlabelled, first_unlabelled; /* samples without a label */
  double first_value;
} reading;

/* ---- pieces ---- */

static flr_status read_piece(const reading *r, int64_t first, int64_t count, hid_t memory_type, void *out) {
  const hid_t space = H5Dget_space(r->dataset);
  const int rank = H5Sget_simple_extent_ndims(space);
  const hsize_t from[] = {(hsize_t)first, 0}, size[] = {(hsize_t)count, (hsize_t)r->width};
  const hid_t memory = H5Screate_simple(rank, size, NULL);
  const int good = H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, size, NULL) >= 0 &&
                   H5Dread(r->dataset, memory_type, memory, space, H5P_DEFAULT, out) >= 0;
  (void)H5Sclose(memory);
  (void)H5Sclose(space);
  if (good) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s: %s cannot be read: the file is damaged or cut off", r->source->name, r->path);
}

typedef flr_status take_piece(reading *r, int64_t first, int64_t count, void *values);

/* Hands all samples to `take`, as many at a time as fit. */
static flr_status for_pieces(reading *r, hid_t memory_type, size_t value_bytes, take_piece *take) {
  int64_t most = PIECE_VALUES / r->width;
  void *values;
  flr_status status = FLR_OK;
  if (most < 1) most = 1;
  if (most > r->n) most = r->n;
  FLR_TRY(flr_alloc(&values, most * r->width, value_bytes));
  for (int64_t first = 0; first < r->n && status == FLR_OK; first += most) {
    const int64_t count = r->n - first < most ? r->n - first : most;
    status = read_piece(r, first, count, memory_type, values);
    if (status == FLR_OK) status = take(r, first, count, values);
  }
  flr_free(values);
  return status;
}

/* ---- numbers ---- */

static flr_status refuse_label(const reading *r, int64_t row, double label, const char *why) {
  return flr_fail(FLR_ERROR_DATA, "%s: %s: the label of row %lld is %.17g: %s", r->source->name, r->path, (long long)row, label,
                  why);
}

static flr_status set_label(reading *r, int64_t row, int64_t label) {
  if (r->map && label >= r->map_count)
    return flr_fail(FLR_ERROR_DATA, "%s: a label is %lld, class_names has %lld names: labels run from 0 to %lld",
                    r->source->name, (long long)label, (long long)r->map_count, (long long)r->map_count - 1);
  if (!r->map && label >= r->classes->numbers) r->classes->numbers = label + 1;
  r->out[row] = (int32_t)(r->map ? r->map[label] : label);
  return FLR_OK;
}

static void note_unlabelled(reading *r, int64_t row, double value) {
  if (r->unlabelled++ > 0) return;
  r->first_unlabelled = row;
  r->first_value = value;
}

static flr_status take_integers(reading *r, int64_t first, int64_t count, void *values) {
  const int64_t *labels = values;
  for (int64_t i = 0; i < count; i++) {
    if (labels[i] >= MOST_CLASSES)
      return flr_fail(FLR_ERROR_DATA, "%s: %s: the label of row %lld is %lld: labels count classes from 0, at most %d",
                      r->source->name, r->path, (long long)(first + i), (long long)labels[i], MOST_CLASSES - 1);
    if (labels[i] < 0)
      note_unlabelled(r, first + i, (double)labels[i]);
    else
      FLR_TRY(set_label(r, first + i, labels[i]));
  }
  return FLR_OK;
}

static flr_status take_floats(reading *r, int64_t first, int64_t count, void *values) {
  const double *labels = values;
  for (int64_t i = 0; i < count; i++) {
    if (isnan(labels[i]) || labels[i] < 0) {
      note_unlabelled(r, first + i, labels[i]);
      continue;
    }
    if (labels[i] >= MOST_CLASSES) return refuse_label(r, first + i, labels[i], "labels count classes from 0");
    if (labels[i] != floor(labels[i]))
      return refuse_label(r, first + i, labels[i], "labels are whole numbers that count classes from 0");
    FLR_TRY(set_label(r, first + i, (int64_t)labels[i]));
  }
  return FLR_OK;
}

static flr_status take_one_hot(reading *r, int64_t first, int64_t count, void *values) {
  const double *rows = values;
  for (int64_t i = 0; i < count; i++) {
    const double *row = rows + i * r->width;
    int64_t ones = 0, at = 0, others = 0;
    for (int64_t k = 0; k < r->width; k++) {
      if (row[k] == 1) at = k;
      ones += row[k] == 1;
      others += row[k] != 0 && row[k] != 1;
    }
    if (ones != 1 || others != 0)
      return flr_fail(FLR_ERROR_DATA,
                      "%s: %s: row %lld has %lld ones and %lld other values that are not 0: one-hot labels have "
                      "a single 1 for each sample",
                      r->source->name, r->path, (long long)(first + i), (long long)ones, (long long)others);
    FLR_TRY(set_label(r, first + i, at));
  }
  return FLR_OK;
}

static flr_status check_unlabelled(const reading *r) {
  char more[64] = "";
  if (r->unlabelled == 0) return FLR_OK;
  if (r->unlabelled > 1) (void)snprintf(more, sizeof more, " (and of %lld more it is none)", (long long)r->unlabelled - 1);
  return flr_fail(
      FLR_ERROR_DATA,
      "%s: %s: the label of row %lld is %.17g%s: labels count classes from 0: label these samples or leave them out",
      r->source->name, r->path, (long long)r->first_unlabelled, r->first_value, more);
}

/* ---- names ---- */

/* seen: of every class there may be, whether this file has named it before. */
static flr_status map_each_name(reading *r, char **names, unsigned char *seen) {
  for (int64_t i = 0; i < r->map_count; i++) {
    FLR_TRY(flr_name_list_add(&r->classes->names, names[i], &r->map[i]));
    if (seen[r->map[i]]++)
      return flr_fail(FLR_ERROR_DATA, "%s: class_names has \"%s\" twice: classes need different names", r->source->name,
                      names[i]);
  }
  return FLR_OK;
}

/* Files may name classes in different orders, and different classes. */
static flr_status map_names(reading *r, char **names, int64_t n) {
  unsigned char *seen;
  FLR_TRY(flr_alloc(&r->map, n, sizeof *r->map));
  r->map_count = n;
  FLR_TRY(flr_alloc(&seen, r->classes->names.count + n, 1));
  const flr_status status = map_each_name(r, names, seen);
  flr_free(seen);
  return status;
}

static flr_status find_names(reading *r, const flr_h5_source *images) {
  char **names;
  int64_t n;
  FLR_TRY(flr_h5_read_class_names(&names, &n, r->source));
  if (!names && images != r->source) FLR_TRY(flr_h5_read_class_names(&names, &n, images));
  const flr_status status = names ? map_names(r, names, n) : FLR_OK;
  flr_h5_free_names(names, n);
  return status;
}

static flr_status take_strings(reading *r, int64_t first, int64_t count, void *values) {
  char text[FLR_H5_STRING_BYTES];
  const size_t size = flr_h5_string_size(r->type);
  flr_status status = FLR_OK;
  for (int64_t i = 0; i < count; i++) { /* to the end: each string is to be freed */
    int64_t number = 0;
    const int whole = flr_h5_string_take(text, (char *)values + (size_t)i * size, r->type);
    if (status != FLR_OK) continue;
    if (!whole || !text[0])
      status = flr_fail(FLR_ERROR_DATA, "%s: %s: the label of row %lld is %s: label it or leave the sample out",
                        r->source->name, r->path, (long long)(first + i), whole ? "empty" : "longer than 255 bytes");
    else
      status = flr_name_list_add(&r->classes->names, text, &number);
    if (status == FLR_OK && number >= MOST_CLASSES)
      status = flr_fail(FLR_ERROR_DATA, "%s: %s has more than %d different labels", r->source->name, r->path, MOST_CLASSES);
    r->out[first + i] = (int32_t)number;
  }
  return status;
}

/* ---- one part ---- */

static flr_status check_shape(reading *r) {
  const hid_t space = H5Dget_space(r->dataset);
  hsize_t dims[H5S_MAX_RANK] = {0};
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank > 0) (void)H5Sget_simple_extent_dims(space, dims, NULL);
  (void)H5Sclose(space);
  r->width = rank == 2 ? (int64_t)dims[1] : 1;
  if (rank < 1 || rank > 2 || r->width < 1)
    return flr_fail(FLR_ERROR_DATA, "%s: %s has %d axes: labels have one, [N], or two, [N, K] with a single 1 in each row",
                    r->source->name, r->path, rank);
  if (r->width > MOST_CLASSES)
    return flr_fail(FLR_ERROR_DATA, "%s: %s has %lld values for each sample: at most %d classes", r->source->name, r->path,
                    (long long)r->width, MOST_CLASSES);
  if ((int64_t)dims[0] == r->n) return FLR_OK;
  if ((int64_t)dims[0] > r->n)
    return flr_fail(FLR_ERROR_DATA, "%s: %s has %lld labels for %lld samples", r->source->name, r->path, (long long)dims[0],
                    (long long)r->n);
  return flr_fail(FLR_ERROR_DATA,
                  "%s: %s has %lld labels for %lld samples: rows %lld to %lld have none: label them or leave them out",
                  r->source->name, r->path, (long long)dims[0], (long long)r->n, (long long)dims[0], (long long)r->n - 1);
}

static flr_status read_numbers(reading *r, const flr_h5_source *images, int whole) {
  r->classes->by_number = 1;
  FLR_TRY(find_names(r, images));
  if (r->width == 1)
    FLR_TRY(whole ? for_pieces(r, H5T_NATIVE_INT64, sizeof(int64_t), take_integers)
                  : for_pieces(r, H5T_NATIVE_DOUBLE, sizeof(double), take_floats));
  else
    FLR_TRY(for_pieces(r, H5T_NATIVE_DOUBLE, sizeof(double), take_one_hot));
  if (r->width > 1 && !r->map && r->width > r->classes->numbers) r->classes->numbers = r->width;
  return check_unlabelled(r);
}

static flr_status read_open(reading *r, const flr_h5_source *images) {
  const H5T_class_t class = H5Tget_class(r->type);
  FLR_TRY(check_shape(r));
  if (class == H5T_INTEGER || class == H5T_ENUM || class == H5T_FLOAT) return read_numbers(r, images, class != H5T_FLOAT);
  if (class != H5T_STRING || r->width != 1)
    return flr_fail(FLR_ERROR_DATA, "%s: %s must hold one number or string per sample, or one-hot rows of numbers",
                    r->source->name, r->path);
  r->classes->by_name = 1;
  return for_pieces(r, r->type, flr_h5_string_size(r->type), take_strings);
}

flr_status flr_h5_labels_read(int32_t *out, flr_h5_classes *classes, const flr_h5_source *source, const char *path, int64_t n,
                              const flr_h5_source *images) {
  reading r = {.source = source, .path = path, .classes = classes, .n = n, .out = out};
  r.dataset = H5Dopen2(source->file, path, H5P_DEFAULT);
  if (r.dataset < 0) return flr_fail(FLR_ERROR_DATA, "%s: %s is no data set", source->name, path);
  r.type = H5Dget_type(r.dataset);
  const flr_status status = read_open(&r, images);
  (void)H5Tclose(r.type);
  (void)H5Dclose(r.dataset);
  flr_free(r.map);
  return status;
}

/* ---- all parts ---- */

static flr_status sort_names(flr_h5_classes *c, int32_t *const *lists, const int64_t *counts, int list_count) {
  int64_t *ranks;
  FLR_TRY(flr_name_list_sort(&c->names, &ranks));
  for (int l = 0; l < list_count; l++)
    for (int64_t i = 0; i < counts[l]; i++) lists[l][i] = (int32_t)ranks[lists[l][i]];
  flr_free(ranks);
  return FLR_OK;
}

flr_status flr_h5_classes_finish(flr_h5_classes *c, const char *name, int32_t *const *lists, const int64_t *counts,
                                 int list_count, int64_t *count, char ***names) {
  *names = NULL;
  *count = c->numbers;
  if (c->by_number && c->by_name)
    return flr_fail(FLR_ERROR_DATA, "%s: some labels are numbers, some are strings: they must be of one kind", name);
  if (c->names.count == 0) return FLR_OK;
  if (c->numbers > c->names.count)
    return flr_fail(FLR_ERROR_DATA, "%s: a label is %lld, class_names has %lld names: labels run from 0 to %lld", name,
                    (long long)c->numbers - 1, (long long)c->names.count, (long long)c->names.count - 1);
  if (c->by_name) FLR_TRY(sort_names(c, lists, counts, list_count));
  *count = c->names.count;
  *names = c->names.names;
  c->names.names = NULL;
  c->names.count = 0;
  return FLR_OK;
}

void flr_h5_classes_clear(flr_h5_classes *classes) {
  flr_name_list_clear(&classes->names);
  *classes = (flr_h5_classes){0};
}
