/* Weights files of either kind by content; the model is small. */
#include <stdlib.h>
#include <string.h>

#include "checkpoint/weights.h"
#include "checkpoint/weights_source.h"
#include "core/memory.h"
#include "fuzz/fuzz.h"
#include "nn/graph.h"

static flr_graph *graph;
static float *values, *states;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  const flr_model_options options = {
      .name = "mlp", .height = 1, .width = 2, .channels = 1, .classes = 2, .hidden = "3", .stem = "auto", .seed = 1};
  (void)argc;
  (void)argv;
  if (flr_model_create(&graph, &options) != FLR_OK) abort();
  const flr_params *params = flr_graph_params(graph);
  if (flr_alloc(&values, params->elements, sizeof *values) != FLR_OK) abort();
  return flr_alloc(&states, params->state_elements, sizeof *states) == FLR_OK ? 0 : 1;
}

static void read_tensors(const char *path) {
  flr_weights_source source;
  if (flr_weights_source_open(&source, path) == FLR_OK)
    for (int64_t i = 0; i < source.count; i++) {
      float *out;
      const flr_weights_tensor *tensor = &source.tensors[i];
      if (!tensor->floating || tensor->elements > 1 << 20 || flr_alloc(&out, tensor->elements, sizeof *out) != FLR_OK) continue;
      (void)source.read(&source, tensor, out);
      flr_free(out);
    }
  flr_weights_source_close(&source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const unsigned char hdf5[] = {0x89, 'H', 'D', 'F'};
  const flr_weights_options options = {.load_head = 1, .skip_head_on_class_mismatch = size % 2 == 1};
  flr_weights_info info;
  if (size >= sizeof hdf5 && memcmp(data, hdf5, sizeof hdf5) == 0) return 0; /* those are for fuzz_checkpoint */
  const char *path = fuzz_file(data, size);
  (void)flr_weights_load(path, flr_graph_params(graph), &options, values, states, &info);
  flr_weights_info_clear(&info);
  read_tensors(path);
  return 0;
}
