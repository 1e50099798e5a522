/* Any HDF5 file looked through: what data sets it holds, how they are stored, and whether every byte of them can be read. */
#ifndef FLR_CHECKPOINT_INSPECT_H
#define FLR_CHECKPOINT_INSPECT_H

#include <stdint.h>

#include "core/status.h"

enum { FLR_INSPECT_RANK = 8, FLR_INSPECT_NAME = 256 };

typedef struct flr_inspect_set {
  char name[FLR_INSPECT_NAME]; /* "/train/images" */
  char type[24];               /* "uint8", "float32", "text", "other" */
  char storage[64];            /* "contiguous", "chunked", "chunked, deflate" */
  int rank;
  int64_t dims[FLR_INSPECT_RANK];
  int64_t bytes;   /* once read */
  int64_t missing; /* values that are not finite */
} flr_inspect_set;

typedef struct flr_inspect {
  char kind[32];                   /* attribute fastlr_format: "dataset", "checkpoint", "sweep"; "unknown" without it */
  char model[64];                  /* "" when it names none */
  int64_t classes, steps, version; /* -1: not said */
  char *config;                    /* INI text of the run, NULL: none; owned */
  flr_inspect_set *sets;           /* owned */
  int64_t count;
} flr_inspect;

/* Lists the file and reads every data set of numbers to the end in pieces. The caller clears *out, also after an error.
 * Errors: FLR_ERROR_NO_INPUT, FLR_ERROR_IO, FLR_ERROR_DATA naming the first data set that cannot be read. */
flr_status flr_inspect_file(flr_inspect *out, const char *path);
void flr_inspect_clear(flr_inspect *inspect);

#endif
