/* Model weights in files: import from .safetensors and .h5, export, and final.h5. Names and shapes as torch's state dicts
 * (FORMAT.md). Nothing here is collective. */
#ifndef FLR_CHECKPOINT_WEIGHTS_H
#define FLR_CHECKPOINT_WEIGHTS_H

#include <stdint.h>

#include "core/status.h"
#include "nn/param.h"

/* The newest layout of /params, /buffers and the rest that this program writes and reads. */
enum { FLR_CHECKPOINT_VERSION = 2 };

/* What a weights file said beside the tensors; empty or zero where it said nothing. */
typedef struct flr_weights_info {
  char model[64];
  int64_t classes;
  char *config;                    /* INI text of the run that made it, NULL when none; owned */
  float *mean, *std;               /* [channels] the normalisation it was trained with, NULL when it does not say; owned */
  int64_t channels, height, width; /* of the images it was trained on */
  char head[8];                    /* kind of its head by the names in it: "linear", "fastai"; "": neither */
  int64_t head_classes;            /* classes of that head; 0: not known */
  int head_skipped;                /* flr_weights_load: the head was left as it was */
  int channels_adapted;            /* flr_weights_load: the first convolution's 3 input channels were made into others */
} flr_weights_info;

/* Frees what the info owns; a zeroed struct is allowed. */
void flr_weights_info_clear(flr_weights_info *info);

/* Reads only the info; of a .safetensors that is its head alone. Errors: FLR_ERROR_NO_INPUT, FLR_ERROR_IO, FLR_ERROR_DATA (also
 * for a format version above FLR_CHECKPOINT_VERSION). The caller clears *out, also after an error. */
flr_status flr_weights_info_load(const char *path, flr_weights_info *out);

typedef struct flr_weights_options {
  int skip_head_on_class_mismatch; /* --init-weights: 1; eval: 0. Also where the file has a head of the other kind */
  int load_head;                   /* --init-head */
  int adapt_channels; /* 1: a first convolution for RGB is made to fit other channels, as fastai v2 does: one gets the sum,
                         two get red and green times 1.5, more get RGB and zeros */
} flr_weights_options;

/* Reads tensors by name into the host buffers values [params->elements] and states [params->state_elements]. The kind follows
 * the file's content (HDF5 signature, else safetensors). In .h5: /params/<name>, /buffers/<name>, or a state dict at the root,
 * names as data sets or groups split at dots. "num_batches_tracked" is ignored. f32, f64, f16, bf16 are converted. Errors: as
 * flr_weights_info_load, and FLR_ERROR_DATA listing up to ten missing, extra or misshapen tensors with both shapes; nothing is
 * changed then. A header that claims more bytes than the file has is refused before anything is allocated. *info may be NULL;
 * the caller clears it, also after an error. */
flr_status flr_weights_load(const char *path, const flr_params *params, const flr_weights_options *options, float *values,
                            float *states, flr_weights_info *info);

/* Writes the tensors of the weights file `from` into a .safetensors, f32, in the file's order. Temporary name, fsync, rename.
 * Errors: those of reading, and FLR_ERROR_IO. */
flr_status flr_weights_export(const char *from, const char *to);

/* What final.h5 says beside the tensors. */
typedef struct flr_final_info {
  const char *model, *config; /* config: INI text */
  int64_t classes, steps;
  const float *mean, *std; /* [channels] the normalisation in use, stored so that eval needs no measuring; NULL: none */
  int64_t channels, height, width;
} flr_final_info;

/* Writes the end-of-training file. Temporary name, fsync, rename. Errors: FLR_ERROR_IO. Rank 0. */
flr_status flr_weights_write_final(const char *path, const flr_params *params, const float *values, const float *states,
                                   const flr_final_info *info);

#endif
