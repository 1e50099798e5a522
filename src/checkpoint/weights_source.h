/* A weights file of either kind seen as a list of named tensors that can be read one by one as f32. */
#ifndef FLR_CHECKPOINT_WEIGHTS_SOURCE_H
#define FLR_CHECKPOINT_WEIGHTS_SOURCE_H

#include <hdf5.h>
#include <stdint.h>

#include "core/status.h"
#include "tensor/tensor.h"

enum { FLR_WEIGHTS_RANK = 8 };

typedef struct flr_weights_tensor {
  char *name; /* as in a torch state dict: "layer1.0.conv1.weight"; owned */
  int rank;
  int64_t dims[FLR_WEIGHTS_RANK];
  int64_t elements;
  int floating;    /* 0: integers or something else, cannot be read */
  char *location;  /* .h5: path of the data set; owned */
  flr_dtype dtype; /* .safetensors: what its bytes are */
  int64_t offset;  /* .safetensors: first byte, from the start of the file */
} flr_weights_tensor;

typedef struct flr_weights_source flr_weights_source;
struct flr_weights_source {
  const char *path; /* borrowed */
  hid_t file;       /* .h5 */
  int fd;           /* .safetensors */
  flr_weights_tensor *tensors;
  int64_t count, room;
  /* Reads tensor->elements values in file order. Errors: FLR_ERROR_IO, FLR_ERROR_DATA. */
  flr_status (*read)(const flr_weights_source *source, const flr_weights_tensor *tensor, float *out);
};

/* Opens a file by its content: HDF5 by its signature, .safetensors else. Nothing but the list of tensors is read. The caller
 * closes it, once, also after an error: this thread holds the lock of hdf5_lock.h until then. Errors: FLR_ERROR_NO_INPUT,
 * FLR_ERROR_IO, FLR_ERROR_DATA saying what is wrong with the file. */
flr_status flr_weights_source_open(flr_weights_source *out, const char *path);
void flr_weights_source_close(flr_weights_source *source);

/* The tensor of this name, NULL when there is none. */
const flr_weights_tensor *flr_weights_source_find(const flr_weights_source *source, const char *name);

/* For the two kinds of file: a new zeroed entry at the end of the list, valid until the next one. Errors: FLR_ERROR_DATA when
 * the name is there already. */
flr_status flr_weights_source_add(flr_weights_source *source, const char *name, flr_weights_tensor **out);
/* Fill the list from a source whose path is set. Errors: as flr_weights_source_open. */
flr_status flr_weights_source_open_h5(flr_weights_source *source);
flr_status flr_weights_source_open_safetensors(flr_weights_source *source);

#endif
