/* The sweep as HDF5: columns, verdict, suggestions, and what it was run with. */
#include "checkpoint/sweep_file.h"

#include <stddef.h>
#include <string.h>

#include "checkpoint/h5.h"
#include "core/hdf5_lock.h"
#include "core/memory.h"

/* Copies one double of every point. */
static void gather(double *out, const flr_sweep *sweep, size_t member) {
  for (int64_t i = 0; i < sweep->count; i++) memcpy(&out[i], (const char *)&sweep->points[i] + member, sizeof *out);
}

static flr_status write_rates(hid_t file, const flr_sweep *sweep, double *scratch) {
  const int64_t dims[2] = {sweep->count, sweep->options.groups};
  for (int64_t i = 0; i < sweep->count; i++) {
    const flr_rates rates = flr_sweep_rates(sweep, i);
    for (int g = 0; g < sweep->options.groups; g++) scratch[i * sweep->options.groups + g] = rates.lr[g];
  }
  return flr_h5_write(file, "/sweep/lr", H5T_NATIVE_DOUBLE, 2, dims, scratch);
}

static flr_status write_columns(hid_t file, const flr_sweep *sweep, double *scratch) {
  static const struct {
    const char *name;
    size_t member;
  } columns[] = {{"/sweep/loss", offsetof(flr_sweep_point, loss)},
                 {"/sweep/smooth", offsetof(flr_sweep_point, smooth)},
                 {"/sweep/se", offsetof(flr_sweep_point, se)}};
  FLR_TRY(write_rates(file, sweep, scratch));
  for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
    gather(scratch, sweep, columns[i].member);
    FLR_TRY(flr_h5_write(file, columns[i].name, H5T_NATIVE_DOUBLE, 1, &sweep->count, scratch));
  }
  int64_t *samples;
  FLR_TRY(flr_alloc(&samples, sweep->count, sizeof *samples));
  for (int64_t i = 0; i < sweep->count; i++) samples[i] = sweep->points[i].samples;
  const flr_status status = flr_h5_write(file, "/sweep/samples", H5T_NATIVE_INT64, 1, &sweep->count, samples);
  flr_free(samples);
  return status;
}

static flr_status write_suggestion(hid_t parent, const char *name, const flr_suggestion *suggestion) {
  const hid_t group = H5Gcreate2(parent, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (group < 0) return flr_fail(FLR_ERROR_IO, "cannot write /sweep/suggestions/%s", name);
  flr_status status = flr_h5_write_attribute(group, "lr", H5T_NATIVE_DOUBLE, &suggestion->lr);
  if (status == FLR_OK) status = flr_h5_write_attribute(group, "spread", H5T_NATIVE_DOUBLE, &suggestion->spread);
  if (status == FLR_OK) status = flr_h5_write_attribute(group, "point", H5T_NATIVE_INT64, &suggestion->point);
  if (status == FLR_OK) status = flr_h5_write_attribute_string(group, "status", flr_suggest_status_text(suggestion->status));
  (void)H5Gclose(group);
  return status;
}

static flr_status write_suggestions(hid_t file, const flr_suggestion *suggestions, const flr_sweep_file_info *info) {
  const hid_t group = H5Gcreate2(file, "/sweep/suggestions", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (group < 0) return flr_fail(FLR_ERROR_IO, "cannot write /sweep/suggestions");
  flr_status status = flr_h5_write_attribute_string(group, "picked", info->picked);
  if (status == FLR_OK) status = flr_h5_write_attribute(group, "picked_lr", H5T_NATIVE_DOUBLE, &info->picked_lr);
  for (int i = 0; i < FLR_SUGGEST_COUNT && status == FLR_OK; i++)
    status = write_suggestion(group, flr_suggest_name((flr_suggest_kind)i), &suggestions[i]);
  (void)H5Gclose(group);
  return status;
}

static flr_status write_content(hid_t file, const flr_sweep *sweep, const flr_suggestion *suggestions,
                                const flr_sweep_file_info *info) {
  static const int64_t version = 1;
  const int64_t ranks = info->ranks;
  double *scratch;
  FLR_TRY(flr_alloc(&scratch, sweep->count * sweep->options.groups, sizeof *scratch));
  const flr_status status = write_columns(file, sweep, scratch);
  flr_free(scratch);
  FLR_TRY(status);
  FLR_TRY(flr_h5_write_string(file, "/sweep/verdict", flr_sweep_verdict_text(sweep->verdict)));
  FLR_TRY(write_suggestions(file, suggestions, info));
  FLR_TRY(flr_h5_write_string(file, "/config", info->config));
  FLR_TRY(flr_h5_write_attribute_string(file, "fastlr_format", "sweep"));
  FLR_TRY(flr_h5_write_attribute(file, "format_version", H5T_NATIVE_INT64, &version));
  FLR_TRY(flr_h5_write_attribute(file, "ranks", H5T_NATIVE_INT64, &ranks));
  return flr_h5_write_attribute(file, "batch", H5T_NATIVE_INT64, &info->batch);
}

flr_status flr_sweep_file_write(const char *path, const flr_sweep *sweep, const flr_suggestion suggestions[FLR_SUGGEST_COUNT],
                                const flr_sweep_file_info *info) {
  flr_h5_writer writer;
  flr_hdf5_lock();
  flr_status status = flr_h5_writer_begin(&writer, path);
  if (status == FLR_OK) status = write_content(writer.file, sweep, suggestions, info);
  if (status == FLR_OK) status = flr_h5_writer_commit(&writer);
  flr_h5_writer_abandon(&writer);
  flr_hdf5_unlock();
  return status;
}
