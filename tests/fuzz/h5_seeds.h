/* Good files to start from: written by the program's own writers, or by HDF5 as other programs use it. */
#ifndef FLR_TESTS_FUZZ_H5_SEEDS_H
#define FLR_TESTS_FUZZ_H5_SEEDS_H

#include "nn/graph.h"

/* The model of the checkpoints. Ends the program when something fails, as all of these do. */
flr_graph *seed_graph(void);

enum { SEED_TRAINING, SEED_SWEEP, SEED_WEIGHTS, SEED_CHECKPOINTS };
void seed_write_checkpoint(const char *path, int kind);

enum {
  SEED_IMAGES,
  SEED_FEATURES,
  SEED_CHUNKED,
  SEED_COMPACT,
  SEED_FILTERED,
  SEED_ONE_HOT,
  SEED_WORDS,
  SEED_VIRTUAL,
  SEED_DATASETS
};
/* latest: HDF5's newest structures, which carry checksums; else the oldest, which do not. */
void seed_write_dataset(const char *path, int kind, int latest);

/* Writes one seed to a folder of its own, hands its path to `use`, and removes both. */
void seed_with_checkpoint(int kind, void (*use)(void *context, const char *path), void *context);
void seed_with_dataset(int kind, int latest, void (*use)(void *context, const char *path), void *context);

#endif
