/* What writing and reading checkpoints share: names, and the numbers of /progress. */
#ifndef FLR_CHECKPOINT_IMPL_H
#define FLR_CHECKPOINT_IMPL_H

#include <hdf5.h>
#include <stddef.h>

#include "checkpoint/checkpoint.h"

/* One attribute of /progress. */
typedef struct flr_progress_row {
  const char *name;
  size_t offset; /* in flr_checkpoint_progress */
  int real;      /* 1: double, 0: int64_t */
  int later;     /* 1: older files lack it, it is 0 then */
} flr_progress_row;

/* Buffers for the tensors of a checkpoint whose slots are known. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_checkpoint_allocate(flr_checkpoint *checkpoint, const flr_params *layout, int64_t shards, int with_sweep);

/* Room for so many sweeps that are over, without points yet. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_checkpoint_allocate_earlier(flr_checkpoint *checkpoint, int64_t count);

/* Reads all but tensors from a file that was verified. The caller clears the checkpoint, also after an error. Errors:
 * FLR_ERROR_DATA naming what is missing or cannot be. */
flr_status flr_checkpoint_read_facts(hid_t file, flr_checkpoint *out);

/* The row of this index, NULL past the last. */
const flr_progress_row *flr_progress_row_at(int index);

/* Where the parts of a state lie in the file. */
typedef struct flr_state_paths {
  const char *params, *optimizer, *norms;
  const char *numbers; /* group whose attributes are update_count, loss_scale, loss_scale_good_steps */
} flr_state_paths;

extern const flr_state_paths flr_train_paths, flr_sweep_paths;

/* Groups of a sweep that is over, "%lld": from 0. */
#define FLR_SWEEP_PATH "/sweep"
#define FLR_EARLIER_PATH "/sweep/earlier/%lld"

/* A curve's columns: name in its group, offset in flr_sweep_point. */
typedef struct flr_curve_column {
  const char *name;
  size_t offset;
} flr_curve_column;

enum { FLR_CURVE_COLUMNS = 4 };
extern const flr_curve_column flr_curve_columns[FLR_CURVE_COLUMNS];

#endif
