/* Data sets: opening, reading rows, measuring. An input that begins as HDF5 files do is the file itself, any other says how to
 * change a good one. */
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "datasets/dataset.h"
#include "fuzz/h5_edits.h"
#include "fuzz/h5_seeds.h"
#include "fuzz/read_split.h"

static h5_base bases[SEED_DATASETS];

static void load_base(void *context, const char *path) { h5_base_load(context, path); }

/* A good file is read: else every input would be refused for another reason than its own. */
static void check_base(const h5_base *base) {
  const flr_dataset_options options = {.source = fuzz_file(base->bytes, base->size), .valid_fraction = NAN, .seed = 1};
  flr_dataset *out;
  if (flr_dataset_open(&out, &options) != FLR_OK) abort();
  flr_dataset_destroy(out);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  for (int kind = 0; kind < SEED_DATASETS; kind++) {
    seed_with_dataset(kind, 1, load_base, &bases[kind]);
    check_base(&bases[kind]);
  }
  return 0;
}

static void measure(flr_dataset *data) {
  float *values;
  if (data->channels > 1000 || data->samples[0] * (int64_t)data->sample_bytes > FUZZ_MOST_BYTES) return;
  if (flr_alloc(&values, 2 * data->channels, sizeof *values) != FLR_OK) return;
  (void)flr_dataset_measure(data, 1, values, values + data->channels);
  flr_free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  flr_dataset *out;
  if (size == 0) return 0;
  const char *path =
      data[0] == 0x89 ? fuzz_file(data, size) : h5_base_edit(&bases[data[0] % SEED_DATASETS], data + 1, size - 1);
  if (!path) return 0;
  const flr_dataset_options options = {
      .source = path, .valid_fraction = NAN, .seed = 1, .axis_order = data[size - 1] & 64 ? "nchw" : NULL};
  if (flr_dataset_open(&out, &options) == FLR_OK) {
    for (int split = 0; split < FLR_SPLIT_COUNT; split++) fuzz_read_split(out, (flr_split)split);
    measure(out);
  }
  flr_dataset_destroy(out);
  return 0;
}
