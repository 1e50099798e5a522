/* Checkpoints: all that a run needs to go on, in one HDF5 file that does not depend on the rank count (FORMAT.md). Everything
 * here is host memory on one rank; nothing is collective. */
#ifndef FLR_CHECKPOINT_CHECKPOINT_H
#define FLR_CHECKPOINT_CHECKPOINT_H

#include <stdint.h>

#include "core/status.h"
#include "nn/param.h"
#include "optim/lr_range.h"

enum { FLR_CHECKPOINT_SLOTS = 4, FLR_CHECKPOINT_NAME = 64 };

/* What a step changes. Buffers are flat as in nn/param.h, in the program's own order, owned by the checkpoint. */
typedef struct flr_checkpoint_state {
  float *params;                      /* [elements] */
  float *slots[FLR_CHECKPOINT_SLOTS]; /* [elements] each, the optimizer's moments in its order */
  float *norms;                       /* [shards, state_elements], batch norm statistics of every logical shard of the job */
  int64_t update_count;               /* of the optimizer */
  double loss_scale;
  int64_t loss_scale_good_steps;
} flr_checkpoint_state;

typedef enum flr_checkpoint_phase { FLR_CHECKPOINT_SWEEP, FLR_CHECKPOINT_TRAIN } flr_checkpoint_phase;

/* Where the run stands: numbers, one attribute of /progress each, under these names. */
typedef struct flr_checkpoint_progress {
  int64_t phase;    /* flr_checkpoint_phase */
  int64_t step;     /* the next one of the phase: what comes before it is done */
  int64_t epoch;    /* of that step */
  int64_t position; /* samples of the epoch that are behind it */
  int64_t total_steps, steps_per_epoch;
  int64_t batch;                                       /* global */
  int64_t shards;                                      /* logical, of the whole run */
  int64_t ranks;                                       /* that wrote this */
  int64_t threads;                                     /* of a rank, that compute a shard */
  int64_t log_bytes;                                   /* length of metrics.jsonl up to here */
  int64_t resumes;                                     /* how often the run was resumed before */
  int64_t rollbacks;                                   /* after losses that were not finite */
  double seconds;                                      /* since the run began, without the time between its parts */
  double epoch_loss_sum, epoch_samples, epoch_seconds; /* of the epoch under way */
  double train_loss, valid_loss, error_rate;           /* of the last epoch; NAN: none yet */
  double best_metric;                                  /* least error rate so far, NAN: none */
  int64_t best_step;
  double lr_factor; /* 1; what rollbacks have multiplied the rates by */
  int64_t sum_ways; /* flr_comm.ways of the ranks that wrote this; 0: unknown */
  /* rank 0's wait for samples in the epoch under way; training so far, evaluation left out, and its wait in that */
  double epoch_stall_seconds, train_seconds, stall_seconds;
} flr_checkpoint_progress;

/* One of these numbers. */
typedef struct flr_progress_fact {
  const char *name;
  int is_real; /* 1: real holds it, 0: integer */
  int64_t integer;
  double real;
} flr_progress_fact;

/* The number of this index under its name in the file. Returns 1; 0 past the last. Pure. */
int flr_checkpoint_fact_at(flr_progress_fact *out, const flr_checkpoint_progress *progress, int index);

typedef struct flr_checkpoint {
  /* what it is of; texts are owned */
  char *model;   /* resolved name */
  char *config;  /* effective configuration, INI text */
  char *dataset; /* fingerprint, lines "name = value" */
  int64_t classes, channels, height, width;
  float *mean, *std; /* [channels], NULL: none; owned */
  /* where it is */
  flr_checkpoint_progress progress;
  int groups;
  double lr[FLR_MAX_GROUPS]; /* the policy's rates as the sweep or --lr gave them; NAN in a sweep */
  /* what it computes with */
  const flr_params *layout; /* borrowed; NULL while only the facts above are loaded */
  int slot_count;
  char slot_names[FLR_CHECKPOINT_SLOTS][FLR_CHECKPOINT_NAME];
  float *buffers;             /* [state_elements] batch norm statistics averaged over the shards: for other programs */
  flr_checkpoint_state train; /* in a sweep: what training will start from */
  /* the sweep under way (phase sweep only) */
  flr_checkpoint_state sweep; /* what the sweep's steps change */
  flr_sweep curve;            /* its points so far, average, best; options.iterations long */
  int64_t sweeps;             /* how many there are to be, 0 or 1: this one alone */
  int64_t earlier_count;      /* those that are over */
  flr_sweep *earlier;         /* [earlier_count], owned */
} flr_checkpoint;

/* Allocates the buffers of a run with this layout and these shards; points: room for so many of a sweep, with the sweep's own
   state, 0: none. The caller clears it. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_checkpoint_init(flr_checkpoint *out, const flr_params *layout, int slot_count, const char *const *slot_names,
                               int64_t shards, int64_t points);
void flr_checkpoint_clear(flr_checkpoint *checkpoint);

/* Copies sweeps that are over into the checkpoint of the next one, in place of any it has. Errors: FLR_ERROR_INTERNAL
 * (memory). */
flr_status flr_checkpoint_keep_sweeps(flr_checkpoint *checkpoint, const flr_sweep *sweeps, int64_t count);

/* Writes the file: room on the disk is looked for first, then a temporary name, fsync, rename, fsync of the folder. Every data
 * set carries a checksum of its values. Errors: FLR_ERROR_IO; an older file of that name is untouched then. */
flr_status flr_checkpoint_write(const char *path, const flr_checkpoint *checkpoint);

/* Loads the facts (no tensors, no curve) after every checksum of the file was found right. The caller clears *out, also after
 * an error. Errors: FLR_ERROR_NO_INPUT, FLR_ERROR_IO; FLR_ERROR_DATA saying what is wrong: cut off, damaged (which data set),
 * half written, a newer format (both numbers), or a file with weights alone, such as final.h5. */
flr_status flr_checkpoint_open(flr_checkpoint *out, const char *path);
/* Loads tensors and curve of the file that `checkpoint` was opened from into buffers made for `layout`. Errors: FLR_ERROR_DATA
 * listing up to ten missing, extra or misshapen tensors with both shapes; FLR_ERROR_IO. */
flr_status flr_checkpoint_load(flr_checkpoint *checkpoint, const char *path, const flr_params *layout);

/* ---- generations: checkpoint-<step>.h5 of a folder ---- */

/* Finds the newest whole checkpoint of the folder (by its step; training after sweep) and opens it: *path is owned by the
 * caller, NULL when there is none. Newer ones that are not whole are named with their reasons in *refused (lines, owned by the
 * caller, NULL: none). Only when there are some and none is whole: FLR_ERROR_DATA. Half files of killed runs are ignored. */
flr_status flr_checkpoint_newest(flr_checkpoint *out, char **path, char **refused, const char *folder);

/* Checkpoints and best.h5 that an earlier run left in the folder get the ending ".old", so that nobody takes them for the new
 * one's. Errors: FLR_ERROR_IO. */
flr_status flr_checkpoint_retire(const char *folder);

/* Removes the half files (NAME.tmp.<process>) that a killed run left of its checkpoints, best.h5, final.h5, sweep.* and
 * config.ini. */
void flr_checkpoint_clean(const char *folder);

/* ---- writing beside training ---- */

/* A thread that writes one checkpoint at a time. */
typedef struct flr_checkpoint_writer flr_checkpoint_writer;

typedef struct flr_checkpoint_written {
  char file[FLR_CHECKPOINT_NAME]; /* name inside the folder; "": none was written since last asked */
  int64_t step;
  double seconds; /* of writing */
  double waited;  /* that the training thread waited for it */
} flr_checkpoint_written;

/* keep: generations that stay in the folder, >= 1; older ones are removed after a newer one is whole. *out is owned by the
 * caller. Errors: FLR_ERROR_INTERNAL (memory, no room for a thread). */
flr_status flr_checkpoint_writer_create(flr_checkpoint_writer **out, const char *folder, int keep);

enum { FLR_WRITE_GENERATION = 1, FLR_WRITE_BEST = 2 };

/* Waits for the write under way, if there is one, and tells of the last in *out; must be called before the checkpoint handed
 * over is changed. Errors: what writing it met. */
flr_status flr_checkpoint_writer_wait(flr_checkpoint_writer *writer, flr_checkpoint_written *out);
/* Starts writing: checkpoint-<step>.h5 (in a sweep checkpoint-sweep-<step>.h5) and, or, best.h5 (facts, /params and /buffers
 * alone: FORMAT.md). The checkpoint is read until the next wait. Errors: what the write before met. */
flr_status flr_checkpoint_writer_start(flr_checkpoint_writer *writer, const flr_checkpoint *checkpoint, int kinds);
/* 1: a write has ended that nobody waited for yet. Does not block. */
int flr_checkpoint_writer_is_done(flr_checkpoint_writer *writer);
/* Waits, then ends the thread. NULL allowed. */
void flr_checkpoint_writer_destroy(flr_checkpoint_writer *writer);

#endif
