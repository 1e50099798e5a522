/* sweep.h5: a range test for later analysis (FORMAT.md). */
#ifndef FLR_CHECKPOINT_SWEEP_FILE_H
#define FLR_CHECKPOINT_SWEEP_FILE_H

#include <stdint.h>

#include "core/status.h"
#include "optim/decay.h"
#include "optim/lr_range.h"
#include "optim/sweep_curve.h"

typedef struct flr_sweep_file_info {
  const char *config; /* INI text of the run */
  int ranks;
  int64_t batch;      /* global */
  const char *picked; /* the rule --pick asked for */
  double picked_lr;   /* NAN when it gave none */
  int decays;         /* that were compared, 0: none */
  const double *wd;   /* [decays] */
  const flr_decay_row *rows;
  int taken; /* place of the one that was taken; without, 0 */
} flr_sweep_file_info;

/* Writes group /sweep: lr [points, groups], loss, smooth, se, samples, verdict, suggestions with status, config; of several
   sweeps the bands, and each sweep under /sweep/repeats; all of that of the decay that was taken, and the curves of all under
   /sweep/decays. sweeps and findings: of all decays, one after another. Temporary name, fsync, rename.
   Errors: FLR_ERROR_IO. Not collective; rank 0. */
flr_status flr_sweep_file_write(const char *path, const flr_sweep *sweeps, const flr_sweep_findings *findings,
                                const flr_sweep_file_info *info);

#endif
