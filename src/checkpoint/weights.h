/* Model weights in files: import from .safetensors and .h5, export, and final.h5. Names and shapes as torch's state dicts. */
#ifndef FLR_CHECKPOINT_WEIGHTS_H
#define FLR_CHECKPOINT_WEIGHTS_H

#include <stdint.h>

#include "core/status.h"
#include "nn/param.h"

/* What a weights file said beside the tensors; empty strings where it said nothing. */
typedef struct flr_weights_info {
  char model[64];
  int64_t classes;    /* 0: not said */
  char *config;       /* INI text of the run that made it, NULL when none; owned, flr_free */
  int head_skipped;   /* the last linear was left at its start because class counts differ */
} flr_weights_info;

typedef struct flr_weights_options {
  int skip_head_on_class_mismatch; /* --init-weights: 1; eval: 0 */
  int load_head;                   /* --init-head */
} flr_weights_options;

/* Reads tensors by name into the host buffers values [params->elements] and states [params->state_elements]. The kind follows the file's
   content (HDF5 signature, else safetensors). In .h5: /params/<name>, /buffers/<name> (or a state dict at the root, names as
   data sets or groups split at dots). "num_batches_tracked" is ignored. f32, f64, f16, bf16 are converted.
   Errors: FLR_ERROR_NO_INPUT; FLR_ERROR_DATA listing up to ten missing, extra or misshapen tensors with both shapes, or saying what is wrong
   with the file; nothing is changed then. A header that claims more bytes than the file has is refused before anything is allocated.
   *info may be NULL. Not collective. */
flr_status flr_weights_load(const char *path, const flr_params *params, const flr_weights_options *options, float *values, float *states,
                            flr_weights_info *info);

/* Reads only the info (config, model) of an .h5 made by this program. */
flr_status flr_weights_info_load(const char *path, flr_weights_info *info);

/* Writes .safetensors: f32, parameters then statistics, "num_batches_tracked" left out. Temporary name, fsync, rename. Not collective; rank 0. */
flr_status flr_weights_export(const char *path, const flr_params *params, const float *values, const float *states);

/* Writes the end-of-training file: /params/<name>, /buffers/<name> (file order), /config (INI text), attributes fastlr_format = "checkpoint",
   format_version, model, classes, program version, steps. Temporary name, fsync, rename. Not collective; rank 0. */
typedef struct flr_final_info {
  const char *model, *config;
  int64_t classes, steps;
  const float *mean, *std; /* [channels] the normalisation in use, stored so that eval needs no data file; NULL: none */
  int64_t channels, height, width;
} flr_final_info;
flr_status flr_weights_write_final(const char *path, const flr_params *params, const float *values, const float *states,
                                   const flr_final_info *info);

#endif
