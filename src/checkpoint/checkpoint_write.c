/* A checkpoint into a file. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "checkpoint/checkpoint_impl.h"
#include "checkpoint/h5.h"
#include "checkpoint/seal.h"
#include "checkpoint/weights_parts.h"
#include "core/hdf5_lock.h"
#include "core/memory.h"

enum { NAME = 256, MARGIN_BYTES = 1 << 20 };

/* ---- room ---- */

static double bytes_of(const flr_checkpoint *c) {
  const double floats =
      (double)c->layout->elements * (1 + c->slot_count) + (double)c->layout->state_elements * (double)(1 + c->progress.shards);
  const int states = c->progress.phase == FLR_CHECKPOINT_SWEEP ? 2 : 1;
  return (double)sizeof(float) * floats * states + MARGIN_BYTES;
}

static flr_status check_room(const char *path, double needed) {
  struct statvfs info;
  char *copy;
  FLR_TRY(flr_strdup(&copy, path));
  const int known = statvfs(dirname(copy), &info) == 0;
  flr_free(copy);
  const double there = known ? (double)info.f_bavail * (double)info.f_frsize : needed;
  if (there >= needed) return FLR_OK;
  return flr_fail(FLR_ERROR_IO, "cannot write %s: it needs %.1f MiB, and the disk has %.1f MiB left: make room", path,
                  needed / 0x1p20, there / 0x1p20);
}

/* ---- parts ---- */

static flr_status write_state_numbers(hid_t group, const flr_checkpoint_state *state) {
  FLR_TRY(flr_h5_write_attribute(group, "update_count", H5T_NATIVE_INT64, &state->update_count));
  FLR_TRY(flr_h5_write_attribute(group, "loss_scale", H5T_NATIVE_DOUBLE, &state->loss_scale));
  return flr_h5_write_attribute(group, "loss_scale_good_steps", H5T_NATIVE_INT64, &state->loss_scale_good_steps);
}

static flr_status write_state(hid_t file, const flr_checkpoint *c, const flr_checkpoint_state *state,
                              const flr_state_paths *paths) {
  const int64_t norms[] = {c->progress.shards, c->layout->state_elements};
  char name[NAME];
  hid_t group;
  FLR_TRY(flr_weights_write_params(file, paths->params, c->layout, state->params));
  for (int i = 0; i < c->slot_count; i++) {
    (void)snprintf(name, sizeof name, "%s/%s", paths->optimizer, c->slot_names[i]);
    FLR_TRY(flr_weights_write_params(file, name, c->layout, state->slots[i]));
  }
  if (norms[1] > 0) FLR_TRY(flr_h5_write(file, paths->norms, H5T_NATIVE_FLOAT, 2, norms, state->norms));
  FLR_TRY(flr_h5_make_group(&group, file, paths->numbers));
  const flr_status status = write_state_numbers(group, state);
  (void)H5Gclose(group);
  return status;
}

static flr_status write_progress(hid_t file, const flr_checkpoint_progress *progress) {
  const flr_progress_row *row;
  flr_status status = FLR_OK;
  hid_t group;
  FLR_TRY(flr_h5_make_group(&group, file, "/progress"));
  for (int i = 0; status == FLR_OK && (row = flr_progress_row_at(i)); i++)
    status = flr_h5_write_attribute(group, row->name, row->real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64,
                                    (const char *)progress + row->offset);
  (void)H5Gclose(group);
  return status;
}

static flr_status write_curve_numbers(hid_t group, const flr_sweep *curve) {
  const int64_t verdict = (int64_t)curve->verdict;
  FLR_TRY(flr_h5_write_attribute(group, "ewma", H5T_NATIVE_DOUBLE, &curve->ewma));
  FLR_TRY(flr_h5_write_attribute(group, "best", H5T_NATIVE_DOUBLE, &curve->best));
  return flr_h5_write_attribute(group, "verdict", H5T_NATIVE_INT64, &verdict);
}

static flr_status write_columns(hid_t file, const char *group, const flr_sweep *curve, double *column) {
  int64_t *samples = (int64_t *)(void *)column;
  char name[NAME];
  for (int i = 0; i < FLR_CURVE_COLUMNS; i++) {
    for (int64_t n = 0; n < curve->count; n++)
      memcpy(&column[n], (const char *)&curve->points[n] + flr_curve_columns[i].offset, sizeof *column);
    (void)snprintf(name, sizeof name, "%s/%s", group, flr_curve_columns[i].name);
    FLR_TRY(flr_h5_write(file, name, H5T_NATIVE_DOUBLE, 1, &curve->count, column));
  }
  for (int64_t n = 0; n < curve->count; n++) samples[n] = curve->points[n].samples;
  (void)snprintf(name, sizeof name, "%s/samples", group);
  return flr_h5_write(file, name, H5T_NATIVE_INT64, 1, &curve->count, samples);
}

static flr_status write_curve(hid_t file, const char *path, const flr_sweep *curve) {
  double *column;
  hid_t group;
  FLR_TRY(flr_alloc(&column, curve->count, sizeof *column));
  flr_status status = write_columns(file, path, curve, column);
  flr_free(column);
  FLR_TRY(status);
  FLR_TRY(flr_h5_make_group(&group, file, path));
  status = write_curve_numbers(group, curve);
  (void)H5Gclose(group);
  return status;
}

/* The one under way, then those that are over. */
static flr_status write_sweeps(hid_t file, const flr_checkpoint *c) {
  const int64_t counts[] = {c->sweeps > 0 ? c->sweeps : 1, c->earlier_count};
  char path[NAME];
  hid_t group;
  FLR_TRY(write_curve(file, FLR_SWEEP_PATH, &c->curve));
  for (int64_t i = 0; i < c->earlier_count; i++) {
    (void)snprintf(path, sizeof path, FLR_EARLIER_PATH, (long long)i);
    FLR_TRY(write_curve(file, path, &c->earlier[i]));
  }
  FLR_TRY(flr_h5_make_group(&group, file, FLR_SWEEP_PATH));
  flr_status status = flr_h5_write_attribute(group, "sweeps", H5T_NATIVE_INT64, &counts[0]);
  if (status == FLR_OK) status = flr_h5_write_attribute(group, "earlier", H5T_NATIVE_INT64, &counts[1]);
  (void)H5Gclose(group);
  return status;
}

static flr_status write_content(hid_t file, const flr_checkpoint *c) {
  const flr_final_info info = {.model = c->model,
                               .config = c->config,
                               .classes = c->classes,
                               .steps = c->progress.phase == FLR_CHECKPOINT_TRAIN ? c->progress.step : 0,
                               .mean = c->mean,
                               .std = c->std,
                               .channels = c->channels,
                               .height = c->height,
                               .width = c->width};
  const int64_t groups = c->groups;
  FLR_TRY(flr_weights_write_facts(file, &info, "full"));
  FLR_TRY(flr_h5_write_string(file, "/dataset", c->dataset));
  FLR_TRY(flr_h5_write(file, "/schedule/lr", H5T_NATIVE_DOUBLE, 1, &groups, c->lr));
  FLR_TRY(write_progress(file, &c->progress));
  FLR_TRY(write_state(file, c, &c->train, &flr_train_paths));
  FLR_TRY(flr_weights_write_buffers(file, c->layout, c->buffers));
  if (c->progress.phase == FLR_CHECKPOINT_SWEEP) {
    FLR_TRY(write_state(file, c, &c->sweep, &flr_sweep_paths));
    FLR_TRY(write_sweeps(file, c));
  }
  return flr_h5_seal(file);
}

static flr_status write_file(const char *path, const flr_checkpoint *c) {
  flr_h5_writer writer;
  FLR_TRY(check_room(path, bytes_of(c)));
  FLR_TRY(flr_h5_writer_begin(&writer, path));
  flr_status status = write_content(writer.file, c);
  if (status == FLR_OK) status = flr_h5_writer_commit(&writer);
  flr_h5_writer_abandon(&writer);
  return status;
}

flr_status flr_checkpoint_write(const char *path, const flr_checkpoint *c) {
  flr_hdf5_lock();
  const flr_status status = write_file(path, c);
  flr_hdf5_unlock();
  return status;
}
