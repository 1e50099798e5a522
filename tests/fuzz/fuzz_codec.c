/* Decoders of stored chunks. The input says which filters (a byte), how many bytes the chunk has (two, the low one first) and
 * which filters were left out (a byte); what follows is the stored chunk. */
#include <stdlib.h>
#include <string.h>

#include "datasets/codec.h"
#include "fuzz/fuzz.h"

enum { HEAD = 4, PIPELINES = 8 };

static const flr_filters pipelines[PIPELINES] = {
    {.count = 1, .id = {FLR_FILTER_DEFLATE}},
    {.count = 1, .id = {FLR_FILTER_LZ4}},
    {.count = 1, .id = {FLR_FILTER_ZSTD}},
    {.count = 1, .id = {FLR_FILTER_FLETCHER32}},
    {.count = 3, .id = {FLR_FILTER_SHUFFLE, FLR_FILTER_DEFLATE, FLR_FILTER_FLETCHER32}, .element_bytes = 4},
    {.count = 2, .id = {FLR_FILTER_SHUFFLE, FLR_FILTER_LZ4}, .element_bytes = 3},
    {.count = 2, .id = {FLR_FILTER_FLETCHER32, FLR_FILTER_ZSTD}},
    {.count = 3, .id = {FLR_FILTER_DEFLATE, FLR_FILTER_LZ4, FLR_FILTER_ZSTD}},
};

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < HEAD) return 0;
  const flr_filters *filters = &pipelines[data[0] % PIPELINES];
  const size_t whole = data[1] + 256U * data[2], stored = size - HEAD;
  flr_decoder_sizes sizes = {0};
  flr_decoder *decoder;
  unsigned char *out = malloc(whole ? whole : 1); /* its own block, so that a sanitizer sees writes behind it */
  flr_decoder_sizes_add(&sizes, filters, stored, whole);
  if (!out || flr_decoder_create(&decoder, &sizes) != FLR_OK) abort();
  memcpy(flr_decoder_stored(decoder), data + HEAD, stored);
  (void)flr_decoder_run(decoder, filters, stored, data[3], out, whole);
  flr_decoder_destroy(decoder);
  free(out);
  return 0;
}
