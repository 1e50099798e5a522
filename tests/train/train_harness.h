/* Whole runs inside a test: a configuration from pairs of text, a private run directory, its metrics read back. */
#ifndef FLR_TESTS_TRAIN_HARNESS_H
#define FLR_TESTS_TRAIN_HARNESS_H

#include "harness/harness.h"

#include <cjson/cJSON.h>

#include "fastlr.h"

/* Path of a file of the source tree. */
const char *train_source_path(char *text, size_t size, const char *name);

/* A configuration with these "name", "value" pairs, ended by NULL; fails the test on a refusal. The caller clears it. Sums go
   by shared memory unless told otherwise: two runs that measure may choose differently, and then differ in their last bits. */
void train_config(flr_config *out, const char *const *pairs);

/* The environment's FLR_TEST_OPTIONS, "name=value name=value", which train_config obeys too, appended to a command line. */
void train_test_arguments(char *command, size_t size);

/* A directory for this test program's runs, the same on all ranks (rank 0 makes it), removed by train_remove. Collective over
 * MPI. */
const char *train_directory(char *text, size_t size, const char *name);
void train_remove(const char *directory);

/* A whole run of `fit` with these options into the directory, every step logged, no plots. Collective over MPI. */
void train_fit(const char *directory, const char *const *pairs);

/* The objects of this event in DIRECTORY/metrics.jsonl as a JSON array; NULL when the file cannot be read. cJSON_Delete it. */
cJSON *train_events(const char *directory, const char *event);
/* array[i][name], NAN where there is none. */
double train_number(const cJSON *array, int i, const char *name);

/* Hash of every tensor of DIRECTORY/final.h5, 0 when there is none. */
uint64_t train_hash_weights(const char *directory);

/* The values of one tensor of a weights file or checkpoint, free them; fails the test where there is none. */
float *train_tensor(const char *path, const char *name, int64_t *count);

/* 1: both directories' final.h5 have the same bits in this tensor. */
int train_same_tensor(const char *a, const char *b, const char *name);
/* The same for two weights files or checkpoints. */
int train_same_in_files(const char *a, const char *b, const char *name);

/* MPI_Init_thread, the cmocka group, MPI_Finalize; returns the exit code of the worst rank. */
int train_main(int argc, char **argv, const struct CMUnitTest *tests, size_t count);
int train_rank(void);
int train_size(void);
void train_barrier(void);
/* From rank 0 to all. */
void train_broadcast(void *data, int bytes);

#endif
