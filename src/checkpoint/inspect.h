/* Any HDF5 file looked through: what data sets it holds, how they are stored, and whether all of it is whole. */
#ifndef FLR_CHECKPOINT_INSPECT_H
#define FLR_CHECKPOINT_INSPECT_H

#include <stdint.h>

#include "checkpoint/checkpoint.h"
#include "core/status.h"

enum { FLR_INSPECT_RANK = 8, FLR_INSPECT_NAME = 256, FLR_INSPECT_REASON = 512 };

typedef struct flr_inspect_set {
  char name[FLR_INSPECT_NAME]; /* "/train/images" */
  char type[24];               /* "uint8", "float32", "text", "other" */
  char storage[64];            /* "contiguous", "chunked", "chunked, deflate" */
  int rank;
  int64_t dims[FLR_INSPECT_RANK];
  int64_t chunk[FLR_INSPECT_RANK]; /* of chunked storage, else 0 */
  int64_t bytes;                   /* once read */
  int64_t missing;                 /* values that are not finite */
  int checked;                     /* 1: it has a checksum, its own or HDF5's, which was compared */
  int damaged;
} flr_inspect_set;

typedef struct flr_inspect {
  char kind[32];                   /* attribute fastlr_format: "dataset", "checkpoint", "sweep"; "unknown" without it */
  char model[64];                  /* "" when it names none */
  char state[16];                  /* of a checkpoint: "full", "weights"; "" when it does not say */
  char program_version[32];        /* that wrote it; "" when it does not say */
  int64_t classes, steps, version; /* -1: not said */
  char *config;                    /* INI text of the run, NULL: none; owned */
  flr_inspect_set *sets;           /* owned */
  int64_t count;
  int has_facts;                   /* 1: a checkpoint to go on from, whose structure is whole: facts is filled */
  flr_checkpoint facts;            /* all but tensors */
  int whole;                       /* 0: it is damaged, or not what it says it is */
  char item[FLR_INSPECT_NAME];     /* the first that is damaged: a data set, "/" for what holds them; "": the file itself */
  char reason[FLR_INSPECT_REASON]; /* why it is not whole, with the file's name */
} flr_inspect;

/* Told how far reading is; NULL show: nobody. */
typedef struct flr_inspect_progress {
  void (*show)(void *context, int64_t done, int64_t total); /* in bytes */
  void *context;
} flr_inspect_progress;

/* Lists the file, reads every data set of numbers to the end in pieces and compares all checksums. A file that is not whole is
 * no error: out->whole says so, and what could be read of it is there. The caller clears *out, also after an error. Errors:
 * FLR_ERROR_NO_INPUT, FLR_ERROR_IO. */
flr_status flr_inspect_file(flr_inspect *out, const char *path, const flr_inspect_progress *progress);
void flr_inspect_clear(flr_inspect *inspect);

/* Records the first reason why a file is not whole; later ones are dropped. item: a data set's name, "/" or "". */
void flr_inspect_blame(flr_inspect *inspect, const char *item, const char *reason);

#endif
