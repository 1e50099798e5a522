/* Checkpoints: opening, loading, weights alone, inspecting. An input that begins as HDF5 files do is the file itself, any other
 * says how to change a good one. */
#include <stdlib.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/inspect.h"
#include "checkpoint/weights.h"
#include "core/memory.h"
#include "fuzz/h5_edits.h"
#include "fuzz/h5_seeds.h"

static flr_graph *graph;
static float *values, *states;
static h5_base bases[SEED_CHECKPOINTS];

static void load_base(void *context, const char *path) { h5_base_load(context, path); }

/* A good file is read: else every input would be refused for another reason than its own. */
static void check_base(const h5_base *base) {
  flr_inspect file;
  if (flr_inspect_file(&file, fuzz_file(base->bytes, base->size), NULL) != FLR_OK) abort();
  flr_inspect_clear(&file);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  graph = seed_graph();
  const flr_params *params = flr_graph_params(graph);
  for (int kind = 0; kind < SEED_CHECKPOINTS; kind++) {
    seed_with_checkpoint(kind, load_base, &bases[kind]);
    check_base(&bases[kind]);
  }
  if (flr_alloc(&values, params->elements, sizeof *values) != FLR_OK) abort();
  return flr_alloc(&states, params->state_elements, sizeof *states) == FLR_OK ? 0 : 1;
}

static void inspect(const char *path, int loads) {
  flr_inspect file;
  const flr_status status = flr_inspect_file(&file, path, NULL);
  if (loads && (status != FLR_OK || !file.whole)) abort(); /* what resuming takes is whole */
  flr_inspect_clear(&file);
}

static void read_weights(const char *path) {
  const flr_weights_options options = {.load_head = 1};
  flr_weights_info info;
  (void)flr_weights_load(path, flr_graph_params(graph), &options, values, states, &info);
  flr_weights_info_clear(&info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  flr_checkpoint c;
  if (size == 0) return 0;
  const char *path =
      data[0] == 0x89 ? fuzz_file(data, size) : h5_base_edit(&bases[data[0] % SEED_CHECKPOINTS], data + 1, size - 1);
  if (!path) return 0;
  const int opens = flr_checkpoint_open(&c, path) == FLR_OK;
  if (opens) (void)flr_checkpoint_load(&c, path, flr_graph_params(graph));
  flr_checkpoint_clear(&c);
  inspect(path, opens);
  read_weights(path);
  return 0;
}
