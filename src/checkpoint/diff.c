/* Two files side by side, data set by data set, in pieces of bounded memory. */
#include "checkpoint/diff.h"

#include <math.h>
#include <string.h>

#include "checkpoint/diff_values.h"
#include "checkpoint/h5.h"
#include "checkpoint/inspect_set.h"
#include "core/hdf5_lock.h"
#include "core/memory.h"

/* ---- numbers ---- */

static void index_of(int64_t at[FLR_INSPECT_RANK], const flr_inspect_set *shape, int64_t element) {
  for (int d = shape->rank - 1; d >= 0; d--) {
    at[d] = element % shape->dims[d];
    element /= shape->dims[d];
  }
}

/* The same bits, or both not a number. */
static int is_same(double a, double b) {
  uint64_t x, y;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  return x == y || (isnan(a) && isnan(b));
}

static void compare_one(flr_diff_set *out, double a, double b, int64_t element) {
  if (is_same(a, b)) return;
  const double largest = fmax(fabs(a), fabs(b)), difference = isfinite(a) && isfinite(b) ? fabs(a - b) : INFINITY;
  const double relative = isfinite(difference) && largest > 0 ? difference / largest : difference;
  if (out->differing == 0 || difference > out->absolute) {
    out->absolute = difference;
    index_of(out->absolute_at, out->in[0], element);
  }
  if (out->differing == 0 || relative > out->relative) {
    out->relative = relative;
    index_of(out->relative_at, out->in[0], element);
  }
  out->differing++;
}

static flr_status compare_pieces(flr_diff_set *out, const hid_t sets[2], const flr_inspect_pieces *p, double *a, double *b) {
  for (int64_t first = 0; first < p->all; first += p->rows) {
    const int64_t rows = p->all - first < p->rows ? p->all - first : p->rows, n = rows * p->row_elements;
    FLR_TRY(flr_inspect_read_rows(out->in[0], sets[0], H5T_NATIVE_DOUBLE, first, rows, a));
    FLR_TRY(flr_inspect_read_rows(out->in[1], sets[1], H5T_NATIVE_DOUBLE, first, rows, b));
    for (int64_t i = 0; i < n; i++) compare_one(out, a[i], b[i], first * p->row_elements + i);
  }
  return FLR_OK;
}

static flr_status compare_open(flr_diff_set *out, const hid_t sets[2]) {
  flr_inspect_pieces pieces;
  double *a = NULL, *b = NULL;
  for (int i = 0; i < 2; i++)
    if (flr_h5_find_stored(sets[i]) != FLR_H5_ALL)
      return flr_fail(FLR_ERROR_DATA, "%s was never written whole", out->in[i]->name);
  out->elements = 1;
  for (int d = 0; d < out->in[0]->rank; d++) FLR_TRY(flr_multiply(&out->elements, out->elements, out->in[0]->dims[d]));
  if (out->elements == 0) return FLR_OK;
  FLR_TRY(flr_inspect_pieces_init(&pieces, out->in[0], sets[0], sizeof *a));
  flr_status status = flr_alloc(&a, pieces.rows * pieces.row_elements, sizeof *a);
  if (status == FLR_OK) status = flr_alloc(&b, pieces.rows * pieces.row_elements, sizeof *b);
  if (status == FLR_OK) status = compare_pieces(out, sets, &pieces, a, b);
  flr_free(a);
  flr_free(b);
  return status;
}

/* ---- data sets ---- */

static int is_numbers(const flr_inspect_set *set) {
  return strstr(set->type, "int") != NULL || strstr(set->type, "float") != NULL;
}

static int have_one_shape(const flr_inspect_set *a, const flr_inspect_set *b) {
  return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

/* *differs 0: it is the same in both, or a text, which is compared elsewhere. */
static flr_status compare_set(flr_diff_set *out, const hid_t files[2], int *differs) {
  *differs = 1;
  if (!out->in[0] || !out->in[1] || is_numbers(out->in[0]) != is_numbers(out->in[1]) || !have_one_shape(out->in[0], out->in[1]))
    return FLR_OK;
  *differs = strcmp(out->in[0]->type, "other") == 0; /* nothing is known of those */
  if (!is_numbers(out->in[0])) return FLR_OK;
  const hid_t sets[] = {H5Dopen2(files[0], out->in[0]->name, H5P_DEFAULT), H5Dopen2(files[1], out->in[1]->name, H5P_DEFAULT)};
  out->comparable = 1;
  const flr_status status = sets[0] >= 0 && sets[1] >= 0 ? compare_open(out, sets)
                                                         : flr_fail(FLR_ERROR_DATA, "%s cannot be opened", out->in[0]->name);
  for (int i = 0; i < 2; i++)
    if (sets[i] >= 0) (void)H5Dclose(sets[i]);
  *differs = out->differing > 0;
  return status;
}

static const flr_inspect_set *find(const flr_inspect *file, const char *name) {
  for (int64_t i = 0; i < file->count; i++)
    if (strcmp(file->sets[i].name, name) == 0) return &file->sets[i];
  return NULL;
}

static flr_status add_set(flr_diff *out, const hid_t files[2], const flr_inspect_set *a, const flr_inspect_set *b) {
  flr_diff_set *set = &out->sets[out->set_count];
  int differs;
  *set = (flr_diff_set){.in = {a, b}};
  FLR_TRY(compare_set(set, files, &differs));
  out->set_count += differs;
  return FLR_OK;
}

static flr_status compare_sets(flr_diff *out, const hid_t files[2]) {
  const flr_inspect *a = &out->file[0], *b = &out->file[1];
  FLR_TRY(flr_alloc(&out->sets, a->count + b->count, sizeof *out->sets));
  for (int64_t i = 0; i < a->count; i++) FLR_TRY(add_set(out, files, &a->sets[i], find(b, a->sets[i].name)));
  for (int64_t i = 0; i < b->count; i++)
    if (!find(a, b->sets[i].name)) FLR_TRY(add_set(out, files, NULL, &b->sets[i]));
  return FLR_OK;
}

/* ---- files ---- */

static flr_status compare_files(flr_diff *out, const char *const paths[2]) {
  hid_t files[2] = {H5I_INVALID_HID, H5I_INVALID_HID};
  flr_status status = flr_h5_open(&files[0], paths[0]);
  if (status == FLR_OK) status = flr_h5_open(&files[1], paths[1]);
  if (status == FLR_OK) status = compare_sets(out, files);
  if (status == FLR_OK) status = flr_diff_add_values(out, files);
  for (int i = 0; i < 2; i++)
    if (files[i] >= 0) (void)H5Fclose(files[i]);
  return status;
}

flr_status flr_diff_files(flr_diff *out, const char *const paths[2], const flr_inspect_progress *progress) {
  *out = (flr_diff){0};
  for (int i = 0; i < 2; i++) FLR_TRY(flr_inspect_file(&out->file[i], paths[i], progress));
  if (!out->file[0].whole || !out->file[1].whole) return FLR_OK;
  flr_hdf5_lock();
  const flr_status status = compare_files(out, paths);
  flr_hdf5_unlock();
  return status;
}

void flr_diff_clear(flr_diff *diff) {
  for (int64_t i = 0; i < diff->value_count; i++)
    for (int side = 0; side < 2; side++) flr_free(diff->values[i].value[side]);
  flr_free(diff->values);
  flr_free(diff->sets);
  flr_inspect_clear(&diff->file[0]);
  flr_inspect_clear(&diff->file[1]);
  *diff = (flr_diff){0};
}
