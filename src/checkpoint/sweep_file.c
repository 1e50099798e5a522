/* The sweep as HDF5: columns, verdict, suggestions, and what it was run with. */
#include "checkpoint/sweep_file.h"

#include <stdio.h>

#include "checkpoint/h5.h"
#include "core/hdf5_lock.h"
#include "core/memory.h"

enum { NAME = 128 };

static flr_status write_rates(hid_t file, const flr_sweep *sweep, int64_t n) {
  const int64_t dims[2] = {n, sweep->options.groups};
  double *scratch;
  FLR_TRY(flr_alloc(&scratch, dims[0] * dims[1], sizeof *scratch));
  for (int64_t i = 0; i < n; i++) {
    const flr_rates rates = flr_sweep_rates(sweep, i);
    for (int g = 0; g < sweep->options.groups; g++) scratch[i * dims[1] + g] = rates.lr[g];
  }
  const flr_status status = flr_h5_write(file, "/sweep/lr", H5T_NATIVE_DOUBLE, 2, dims, scratch);
  flr_free(scratch);
  return status;
}

static flr_status write_column(hid_t file, const char *group, const char *name, int64_t n, const double *values) {
  char path[2 * NAME];
  (void)snprintf(path, sizeof path, "%s/%s", group, name);
  return flr_h5_write(file, path, H5T_NATIVE_DOUBLE, 1, &n, values);
}

static flr_status write_curve(hid_t file, const char *group, const flr_sweep_curve *c) {
  char path[2 * NAME];
  FLR_TRY(write_column(file, group, "loss", c->n, c->loss));
  FLR_TRY(write_column(file, group, "smooth", c->n, c->smooth));
  FLR_TRY(write_column(file, group, "se", c->n, c->se));
  (void)snprintf(path, sizeof path, "%s/samples", group);
  FLR_TRY(flr_h5_write(file, path, H5T_NATIVE_INT64, 1, &c->n, c->samples));
  if (c->repeats > 1) {
    FLR_TRY(write_column(file, group, "low", c->n, c->low));
    FLR_TRY(write_column(file, group, "high", c->n, c->high));
    FLR_TRY(write_column(file, group, "smooth_low", c->n, c->smooth_low));
    FLR_TRY(write_column(file, group, "smooth_high", c->n, c->smooth_high));
  }
  (void)snprintf(path, sizeof path, "%s/verdict", group);
  return flr_h5_write_string(file, path, flr_sweep_verdict_text(c->verdict));
}

static flr_status write_suggestion(hid_t parent, const char *name, const flr_suggestion *suggestion) {
  const hid_t group = H5Gcreate2(parent, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (group < 0) return flr_fail(FLR_ERROR_IO, "cannot write /sweep/suggestions/%s", name);
  flr_status status = flr_h5_write_attribute(group, "lr", H5T_NATIVE_DOUBLE, &suggestion->lr);
  const double bar = flr_suggest_error_bar(suggestion);
  if (status == FLR_OK) status = flr_h5_write_attribute(group, "spread", H5T_NATIVE_DOUBLE, &bar);
  if (status == FLR_OK) status = flr_h5_write_attribute(group, "low", H5T_NATIVE_DOUBLE, &suggestion->low);
  if (status == FLR_OK) status = flr_h5_write_attribute(group, "high", H5T_NATIVE_DOUBLE, &suggestion->high);
  if (status == FLR_OK) status = flr_h5_write_attribute(group, "repeats", H5T_NATIVE_INT64, &suggestion->repeats);
  if (status == FLR_OK) status = flr_h5_write_attribute(group, "point", H5T_NATIVE_INT64, &suggestion->point);
  if (status == FLR_OK) status = flr_h5_write_attribute_string(group, "status", flr_suggest_status_text(suggestion->status));
  (void)H5Gclose(group);
  return status;
}

static flr_status write_suggestions(hid_t file, const char *path, const flr_suggestion *suggestions,
                                    const flr_sweep_file_info *info) {
  hid_t group;
  FLR_TRY(flr_h5_make_group(&group, file, path));
  flr_status status = info ? flr_h5_write_attribute_string(group, "picked", info->picked) : FLR_OK;
  if (info && status == FLR_OK) status = flr_h5_write_attribute(group, "picked_lr", H5T_NATIVE_DOUBLE, &info->picked_lr);
  for (int i = 0; i < FLR_SUGGEST_COUNT && status == FLR_OK; i++)
    status = write_suggestion(group, flr_suggest_name((flr_suggest_kind)i), &suggestions[i]);
  (void)H5Gclose(group);
  return status;
}

/* Each sweep by itself, from 1. */
static flr_status write_repeats(hid_t file, const flr_sweep *sweeps, const flr_sweep_findings *f) {
  char path[NAME], below[NAME];
  for (int r = 0; r < f->curve.repeats && f->curve.repeats > 1; r++) {
    flr_sweep_curve own;
    (void)snprintf(path, sizeof path, "/sweep/repeats/%d", r + 1);
    (void)snprintf(below, sizeof below, "/sweep/repeats/%d/suggestions", r + 1);
    FLR_TRY(flr_sweep_curve_init(&own, &sweeps[r], 1));
    flr_status status = write_curve(file, path, &own);
    flr_sweep_curve_clear(&own);
    if (status == FLR_OK) status = write_suggestions(file, below, f->own + r * FLR_SUGGEST_COUNT, NULL);
    FLR_TRY(status);
  }
  return FLR_OK;
}

static flr_status write_decay_numbers(hid_t group, const flr_sweep_file_info *info, int d) {
  const flr_decay_row *row = &info->rows[d];
  const int64_t taken = d == info->taken;
  FLR_TRY(flr_h5_write_attribute(group, "wd", H5T_NATIVE_DOUBLE, &info->wd[d]));
  FLR_TRY(flr_h5_write_attribute(group, "least_loss", H5T_NATIVE_DOUBLE, &row->least_loss));
  FLR_TRY(flr_h5_write_attribute(group, "least_lr", H5T_NATIVE_DOUBLE, &row->least_lr));
  FLR_TRY(flr_h5_write_attribute(group, "highest_lr", H5T_NATIVE_DOUBLE, &row->highest_lr));
  return flr_h5_write_attribute(group, "taken", H5T_NATIVE_INT64, &taken);
}

/* The curve of each decay, from 1. */
static flr_status write_decays(hid_t file, const flr_sweep_findings *all, const flr_sweep_file_info *info) {
  char path[NAME], below[NAME];
  hid_t group;
  for (int d = 0; d < info->decays; d++) {
    (void)snprintf(path, sizeof path, "/sweep/decays/%d", d + 1);
    (void)snprintf(below, sizeof below, "/sweep/decays/%d/suggestions", d + 1);
    FLR_TRY(write_curve(file, path, &all[d].curve));
    FLR_TRY(write_column(file, path, "lr", all[d].curve.n, all[d].curve.lr));
    FLR_TRY(write_suggestions(file, below, all[d].suggestions, NULL));
    FLR_TRY(flr_h5_make_group(&group, file, path));
    const flr_status status = write_decay_numbers(group, info, d);
    (void)H5Gclose(group);
    FLR_TRY(status);
  }
  return FLR_OK;
}

static flr_status write_content(hid_t file, const flr_sweep *sweeps, const flr_sweep_findings *all,
                                const flr_sweep_file_info *info) {
  const flr_sweep_findings *f = &all[info->taken];
  sweeps += info->taken * f->curve.repeats;
  static const int64_t version = 1;
  const int64_t ranks = info->ranks;
  FLR_TRY(write_rates(file, sweeps, f->curve.n));
  FLR_TRY(write_curve(file, "/sweep", &f->curve));
  FLR_TRY(write_suggestions(file, "/sweep/suggestions", f->suggestions, info));
  FLR_TRY(write_repeats(file, sweeps, f));
  FLR_TRY(write_decays(file, all, info));
  FLR_TRY(flr_h5_write_string(file, "/config", info->config));
  FLR_TRY(flr_h5_write_attribute_string(file, "fastlr_format", "sweep"));
  FLR_TRY(flr_h5_write_attribute(file, "format_version", H5T_NATIVE_INT64, &version));
  FLR_TRY(flr_h5_write_attribute(file, "ranks", H5T_NATIVE_INT64, &ranks));
  return flr_h5_write_attribute(file, "batch", H5T_NATIVE_INT64, &info->batch);
}

flr_status flr_sweep_file_write(const char *path, const flr_sweep *sweeps, const flr_sweep_findings *findings,
                                const flr_sweep_file_info *info) {
  flr_h5_writer writer;
  flr_hdf5_lock();
  flr_status status = flr_h5_writer_begin(&writer, path);
  if (status == FLR_OK) status = write_content(writer.file, sweeps, findings, info);
  if (status == FLR_OK) status = flr_h5_writer_commit(&writer);
  flr_h5_writer_abandon(&writer);
  flr_hdf5_unlock();
  return status;
}
