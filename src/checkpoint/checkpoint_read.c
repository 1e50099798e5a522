/* A checkpoint from a file: all checksums first, then facts, then tensors. */
#include <stdio.h>
#include <string.h>

#include "checkpoint/checkpoint_impl.h"
#include "checkpoint/h5.h"
#include "checkpoint/seal.h"
#include "checkpoint/weights.h"
#include "core/hdf5_lock.h"
#include "core/memory.h"

enum { NAME = 256, MOST_SHARDS = 1 << 20, MOST_POINTS = 1 << 20, MOST_SWEEPS = 1 << 16 };

/* Appends the path in front of what a deeper function said. */
static flr_status with_path(flr_status status, const char *path) {
  char reason[640];
  if (status == FLR_OK) return FLR_OK;
  (void)snprintf(reason, sizeof reason, "%s", flr_status_message());
  if (strncmp(reason, path, strlen(path)) == 0) return status;
  return flr_fail(status, "%s: %s", path, reason);
}

/* ---- facts ---- */

static flr_status check_kind(hid_t file) {
  char *kind, *state;
  FLR_TRY(flr_h5_read_attribute_string(&kind, file, "fastlr_format"));
  const int checkpoint = kind && strcmp(kind, "checkpoint") == 0;
  flr_free(kind);
  if (!checkpoint) return flr_fail(FLR_ERROR_DATA, "it is no checkpoint of fastlr_dist");
  const int64_t version = flr_h5_read_attribute_integer(file, "format_version", 0);
  if (version > FLR_CHECKPOINT_VERSION)
    return flr_fail(FLR_ERROR_DATA, "it has format version %lld, this program knows up to %d: use a newer fastlr_dist",
                    (long long)version, FLR_CHECKPOINT_VERSION);
  FLR_TRY(flr_h5_read_attribute_string(&state, file, "state"));
  const int full = state && strcmp(state, "full") == 0;
  flr_free(state);
  if (!full)
    return flr_fail(FLR_ERROR_DATA, "it holds weights alone, no state to go on from: start from it with --init-weights");
  return FLR_OK;
}

static flr_status verify(hid_t file, const char *path) {
  int sealed;
  FLR_TRY(check_kind(file));
  FLR_TRY(flr_h5_verify(file, path, &sealed));
  return sealed ? FLR_OK : flr_fail(FLR_ERROR_DATA, "it has no checksums: it was not written to its end");
}

static flr_status read_numbers(hid_t file, const char *name, hid_t type, int rank, const int64_t *dims, void *out) {
  const hid_t set = H5Lexists(file, name, H5P_DEFAULT) > 0 ? H5Dopen2(file, name, H5P_DEFAULT) : H5I_INVALID_HID;
  if (set < 0) return flr_fail(FLR_ERROR_DATA, "%s is missing", name);
  const hid_t space = H5Dget_space(set);
  hsize_t found[H5S_MAX_RANK];
  int good = H5Sget_simple_extent_dims(space, found, NULL) == rank;
  for (int i = 0; good && i < rank; i++) good = (int64_t)found[i] == dims[i];
  (void)H5Sclose(space);
  flr_status status = FLR_OK;
  if (!good)
    status = flr_fail(FLR_ERROR_DATA, "%s has another shape than the model's", name);
  else if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
    status = flr_fail(FLR_ERROR_DATA, "%s cannot be read", name);
  (void)H5Dclose(set);
  return status;
}

static flr_status read_attribute(hid_t group, const char *name, hid_t type, void *out) {
  const hid_t attribute = H5Aexists(group, name) > 0 ? H5Aopen(group, name, H5P_DEFAULT) : H5I_INVALID_HID;
  const int good = attribute >= 0 && H5Aread(attribute, type, out) >= 0;
  if (attribute >= 0) (void)H5Aclose(attribute);
  return good ? FLR_OK : flr_fail(FLR_ERROR_DATA, "the attribute %s is missing", name);
}

static flr_status open_group(hid_t *out, hid_t file, const char *name) {
  *out = H5Gopen2(file, name, H5P_DEFAULT);
  return *out >= 0 ? FLR_OK : flr_fail(FLR_ERROR_DATA, "the group %s is missing", name);
}

static flr_status read_progress(hid_t file, flr_checkpoint_progress *out) {
  const flr_progress_row *row;
  flr_status status = FLR_OK;
  hid_t group;
  FLR_TRY(open_group(&group, file, "/progress"));
  for (int i = 0; status == FLR_OK && (row = flr_progress_row_at(i)); i++)
    if (!row->later || H5Aexists(group, row->name) > 0)
      status = read_attribute(group, row->name, row->real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64, (char *)out + row->offset);
  (void)H5Gclose(group);
  FLR_TRY(status);
  if (out->shards < 1 || out->shards > MOST_SHARDS || out->step < 0 || out->phase < FLR_CHECKPOINT_SWEEP ||
      out->phase > FLR_CHECKPOINT_TRAIN)
    return flr_fail(FLR_ERROR_DATA, "/progress says what cannot be (phase %lld, step %lld, %lld shards)", (long long)out->phase,
                    (long long)out->step, (long long)out->shards);
  return FLR_OK;
}

static int64_t length_of(hid_t file, const char *name) {
  const hid_t set = H5Lexists(file, name, H5P_DEFAULT) > 0 ? H5Dopen2(file, name, H5P_DEFAULT) : H5I_INVALID_HID;
  if (set < 0) return -1;
  const hid_t space = H5Dget_space(set);
  const int64_t points = (int64_t)H5Sget_simple_extent_npoints(space);
  (void)H5Sclose(space);
  (void)H5Dclose(set);
  return points;
}

static flr_status read_rates(hid_t file, flr_checkpoint *c) {
  const int64_t groups = length_of(file, "/schedule/lr");
  if (groups < 1 || groups > FLR_MAX_GROUPS) return flr_fail(FLR_ERROR_DATA, "/schedule/lr is missing or of a wrong length");
  c->groups = (int)groups;
  return read_numbers(file, "/schedule/lr", H5T_NATIVE_DOUBLE, 1, &groups, c->lr);
}

static herr_t take_slot(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  flr_checkpoint *c = context;
  (void)group;
  (void)info;
  if (c->slot_count == FLR_CHECKPOINT_SLOTS || strlen(name) >= FLR_CHECKPOINT_NAME) return -1;
  strcpy(c->slot_names[c->slot_count++], name);
  return 0;
}

static flr_status read_slots(hid_t file, flr_checkpoint *c) {
  hid_t group;
  hsize_t at = 0;
  FLR_TRY(open_group(&group, file, flr_train_paths.optimizer));
  const herr_t result = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &at, take_slot, c);
  (void)H5Gclose(group);
  return result < 0 ? flr_fail(FLR_ERROR_DATA, "/optimizer holds more than this program knows") : FLR_OK;
}

static flr_status read_texts(hid_t file, flr_checkpoint *c) {
  FLR_TRY(flr_h5_read_attribute_string(&c->model, file, "model"));
  FLR_TRY(flr_h5_read_string(&c->config, file, "config"));
  FLR_TRY(flr_h5_read_string(&c->dataset, file, "dataset"));
  if (!c->model || !c->config || !c->dataset)
    return flr_fail(FLR_ERROR_DATA, "%s is missing", !c->model ? "the attribute model" : !c->config ? "/config" : "/dataset");
  return FLR_OK;
}

/* Absent where inputs were not normalised. */
static flr_status read_normalization(hid_t file, flr_checkpoint *c) {
  float **const out[] = {&c->mean, &c->std};
  static const char *const names[] = {"/normalization/mean", "/normalization/std"};
  if (H5Lexists(file, "/normalization", H5P_DEFAULT) <= 0) return FLR_OK;
  for (int i = 0; i < 2; i++) {
    if (c->channels < 1 || length_of(file, names[i]) != c->channels)
      return flr_fail(FLR_ERROR_DATA, "%s does not hold one number per channel (%lld)", names[i], (long long)c->channels);
    FLR_TRY(flr_alloc(out[i], c->channels, sizeof(float)));
    FLR_TRY(read_numbers(file, names[i], H5T_NATIVE_FLOAT, 1, &c->channels, *out[i]));
  }
  return FLR_OK;
}

flr_status flr_checkpoint_read_facts(hid_t file, flr_checkpoint *c) {
  FLR_TRY(read_texts(file, c));
  FLR_TRY(read_progress(file, &c->progress));
  FLR_TRY(read_rates(file, c));
  FLR_TRY(read_slots(file, c));
  c->classes = flr_h5_read_attribute_integer(file, "classes", 0);
  c->channels = flr_h5_read_attribute_integer(file, "channels", 0);
  c->height = flr_h5_read_attribute_integer(file, "height", 0);
  c->width = flr_h5_read_attribute_integer(file, "width", 0);
  return read_normalization(file, c);
}

static flr_status open_locked(flr_checkpoint *out, const char *path) {
  hid_t file;
  FLR_TRY(flr_h5_open(&file, path));
  flr_status status = verify(file, path);
  if (status == FLR_OK) status = flr_checkpoint_read_facts(file, out);
  (void)H5Fclose(file);
  return with_path(status, path);
}

flr_status flr_checkpoint_open(flr_checkpoint *out, const char *path) {
  *out = (flr_checkpoint){0};
  flr_hdf5_lock();
  const flr_status status = open_locked(out, path);
  flr_hdf5_unlock();
  return status;
}

/* ---- tensors ---- */

static flr_status read_params(hid_t file, const char *group, const flr_params *layout, float *scratch, float *values) {
  char name[NAME];
  int64_t dims[4];
  for (int i = 0; i < layout->param_count; i++) {
    const flr_param *param = &layout->params[i];
    const int rank = flr_param_file_shape(param, dims);
    (void)snprintf(name, sizeof name, "%.150s/%s", group, param->name);
    FLR_TRY(read_numbers(file, name, H5T_NATIVE_FLOAT, rank, dims, scratch));
    flr_param_from_file(param, values + param->offset, scratch);
  }
  return FLR_OK;
}

static flr_status read_state_numbers(hid_t file, const char *name, flr_checkpoint_state *state) {
  hid_t group;
  FLR_TRY(open_group(&group, file, name));
  flr_status status = read_attribute(group, "update_count", H5T_NATIVE_INT64, &state->update_count);
  if (status == FLR_OK) status = read_attribute(group, "loss_scale", H5T_NATIVE_DOUBLE, &state->loss_scale);
  if (status == FLR_OK)
    status = read_attribute(group, "loss_scale_good_steps", H5T_NATIVE_INT64, &state->loss_scale_good_steps);
  (void)H5Gclose(group);
  return status;
}

static flr_status read_state(hid_t file, const flr_checkpoint *c, flr_checkpoint_state *state, const flr_state_paths *paths) {
  const int64_t norms[] = {c->progress.shards, c->layout->state_elements};
  char name[NAME];
  float *scratch;
  FLR_TRY(flr_alloc(&scratch, c->layout->elements, sizeof(float)));
  flr_status status = read_params(file, paths->params, c->layout, scratch, state->params);
  for (int i = 0; i < c->slot_count && status == FLR_OK; i++) {
    (void)snprintf(name, sizeof name, "%s/%s", paths->optimizer, c->slot_names[i]);
    status = read_params(file, name, c->layout, scratch, state->slots[i]);
  }
  flr_free(scratch);
  FLR_TRY(status);
  if (norms[1] > 0) FLR_TRY(read_numbers(file, paths->norms, H5T_NATIVE_FLOAT, 2, norms, state->norms));
  return read_state_numbers(file, paths->numbers, state);
}

static flr_status read_curve_numbers(hid_t file, const char *path, flr_sweep *curve) {
  int64_t verdict = 0;
  hid_t group;
  FLR_TRY(open_group(&group, file, path));
  flr_status status = read_attribute(group, "ewma", H5T_NATIVE_DOUBLE, &curve->ewma);
  if (status == FLR_OK) status = read_attribute(group, "best", H5T_NATIVE_DOUBLE, &curve->best);
  if (status == FLR_OK) status = read_attribute(group, "verdict", H5T_NATIVE_INT64, &verdict);
  (void)H5Gclose(group);
  if (status == FLR_OK && (verdict < FLR_SWEEP_CONTINUE || verdict > FLR_SWEEP_INTERRUPTED))
    status = flr_fail(FLR_ERROR_DATA, "%s has the verdict %lld, which is none", path, (long long)verdict);
  curve->verdict = (flr_sweep_verdict)verdict;
  return status;
}

static flr_status read_columns(hid_t file, const char *path, flr_sweep *curve, double *column) {
  int64_t *samples = (int64_t *)(void *)column;
  char name[NAME];
  for (int i = 0; i < FLR_CURVE_COLUMNS; i++) {
    (void)snprintf(name, sizeof name, "%s/%s", path, flr_curve_columns[i].name);
    FLR_TRY(read_numbers(file, name, H5T_NATIVE_DOUBLE, 1, &curve->count, column));
    for (int64_t n = 0; n < curve->count; n++)
      memcpy((char *)&curve->points[n] + flr_curve_columns[i].offset, &column[n], sizeof *column);
  }
  (void)snprintf(name, sizeof name, "%s/samples", path);
  FLR_TRY(read_numbers(file, name, H5T_NATIVE_INT64, 1, &curve->count, samples));
  for (int64_t n = 0; n < curve->count; n++) curve->points[n].samples = samples[n];
  return FLR_OK;
}

static flr_status read_curve(hid_t file, const char *path, flr_sweep *curve) {
  char name[NAME];
  double *column;
  (void)snprintf(name, sizeof name, "%s/loss", path);
  curve->count = length_of(file, name);
  if (curve->count < 0 || curve->count > MOST_POINTS) return flr_fail(FLR_ERROR_DATA, "%s is missing", name);
  FLR_TRY(read_curve_numbers(file, path, curve));
  FLR_TRY(flr_alloc(&curve->points, curve->count, sizeof *curve->points));
  FLR_TRY(flr_alloc(&column, curve->count, sizeof *column));
  const flr_status status = read_columns(file, path, curve, column);
  flr_free(column);
  return status;
}

/* How many sweeps there are; files from before there could be several do not say. */
static flr_status read_counts(hid_t file, int64_t *sweeps, int64_t *earlier) {
  hid_t group;
  FLR_TRY(open_group(&group, file, FLR_SWEEP_PATH));
  *sweeps = flr_h5_read_attribute_integer(group, "sweeps", 1);
  *earlier = flr_h5_read_attribute_integer(group, "earlier", 0);
  (void)H5Gclose(group);
  if (*earlier < 0 || *earlier >= *sweeps || *sweeps > MOST_SWEEPS)
    return flr_fail(FLR_ERROR_DATA, FLR_SWEEP_PATH " says what cannot be (%lld sweeps, %lld are over)", (long long)*sweeps,
                    (long long)*earlier);
  return FLR_OK;
}

static flr_status read_sweeps(hid_t file, flr_checkpoint *c) {
  int64_t earlier;
  char path[NAME];
  FLR_TRY(read_curve(file, FLR_SWEEP_PATH, &c->curve));
  FLR_TRY(read_counts(file, &c->sweeps, &earlier));
  FLR_TRY(flr_checkpoint_allocate_earlier(c, earlier));
  for (int64_t i = 0; i < earlier; i++) {
    (void)snprintf(path, sizeof path, FLR_EARLIER_PATH, (long long)i);
    FLR_TRY(read_curve(file, path, &c->earlier[i]));
  }
  return FLR_OK;
}

static flr_status read_tensors(hid_t file, flr_checkpoint *c) {
  const int sweeps = c->progress.phase == FLR_CHECKPOINT_SWEEP;
  FLR_TRY(read_state(file, c, &c->train, &flr_train_paths));
  if (!sweeps) return FLR_OK;
  FLR_TRY(read_state(file, c, &c->sweep, &flr_sweep_paths));
  return read_sweeps(file, c);
}

/* The comparison of names and shapes, with its list of what does not fit, is that of all weights files. */
static flr_status load_locked(flr_checkpoint *c, const char *path, const flr_params *layout) {
  const flr_weights_options options = {.load_head = 1};
  hid_t file;
  FLR_TRY(flr_checkpoint_allocate(c, layout, c->progress.shards, c->progress.phase == FLR_CHECKPOINT_SWEEP));
  FLR_TRY(flr_weights_load(path, layout, &options, c->train.params, c->buffers, NULL));
  FLR_TRY(flr_h5_open(&file, path));
  const flr_status status = read_tensors(file, c);
  (void)H5Fclose(file);
  return with_path(status, path);
}

flr_status flr_checkpoint_load(flr_checkpoint *c, const char *path, const flr_params *layout) {
  flr_hdf5_lock();
  const flr_status status = load_locked(c, path, layout);
  flr_hdf5_unlock();
  return status;
}
