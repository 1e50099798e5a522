/* A validation split carved out of the training split. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/permutation.h"
#include "core/rng.h"
#include "datasets/dataset_impl.h"

enum { AT_ONCE = 256 };

typedef struct split_view {
  flr_dataset head;
  flr_dataset *inner;
  int64_t *rows[2]; /* training and validation rows of inner's training split, in file order */
} split_view;

static flr_status read_rows(flr_dataset *dataset, flr_split split, const int64_t *rows, int64_t n, void *out) {
  split_view *view = (split_view *)dataset;
  if (split == FLR_SPLIT_TEST) return flr_dataset_read(view->inner, split, rows, n, out);
  int64_t inner[AT_ONCE];
  for (int64_t first = 0; first < n; first += AT_ONCE) {
    const int64_t count = n - first < AT_ONCE ? n - first : AT_ONCE;
    for (int64_t i = 0; i < count; i++) inner[i] = view->rows[split][rows[first + i]];
    FLR_TRY(flr_dataset_read(view->inner, FLR_SPLIT_TRAIN, inner, count, (char *)out + (size_t)first * dataset->sample_bytes));
  }
  return FLR_OK;
}

static void destroy(flr_dataset *dataset) {
  split_view *view = (split_view *)dataset;
  flr_free(view->rows[0]);
  flr_free(view->rows[1]);
  flr_free(view->head.labels[FLR_SPLIT_TRAIN]);
  flr_free(view->head.labels[FLR_SPLIT_VALID]);
  flr_dataset_destroy(view->inner);
  flr_free(view);
}

static void limit(flr_dataset *dataset, float least, float most) {
  flr_dataset_limit(((split_view *)dataset)->inner, least, most);
}

static flr_status check(const flr_dataset *dataset) { return flr_dataset_check(((const split_view *)dataset)->inner); }

static int64_t block_of(const flr_dataset *dataset, flr_split split, int64_t row) {
  const split_view *view = (const split_view *)dataset;
  if (split == FLR_SPLIT_TEST) return flr_dataset_block_of(view->inner, split, row);
  return flr_dataset_block_of(view->inner, FLR_SPLIT_TRAIN, view->rows[split][row]);
}

static flr_status reserve(flr_dataset *dataset, int64_t slots, int loaders) {
  flr_dataset *inner = ((split_view *)dataset)->inner;
  const flr_status status = inner->ops->reserve(inner, slots, loaders);
  dataset->cache = inner->cache;
  return status;
}

static int64_t memory(const flr_dataset *dataset, int64_t slots, int loaders) {
  const flr_dataset *inner = ((const split_view *)dataset)->inner;
  return inner->ops->memory(inner, slots, loaders);
}

static flr_status describe(const flr_dataset *dataset, unsigned char **out, size_t *bytes) {
  return flr_dataset_describe(((const split_view *)dataset)->inner, out, bytes);
}

static const flr_dataset_ops split_view_ops = {.name = "split",
                                               .read = read_rows,
                                               .limit = limit,
                                               .check = check,
                                               .destroy = destroy,
                                               .block_of = block_of,
                                               .reserve = reserve,
                                               .memory = memory,
                                               .describe = describe};

/* Row r is taken for validation when the permutation puts it among the first `taken`. */
static flr_status carve(split_view *view, int64_t taken, uint64_t seed) {
  const int64_t samples = view->inner->samples[FLR_SPLIT_TRAIN];
  const int32_t *labels = view->inner->labels[FLR_SPLIT_TRAIN];
  const uint64_t key = flr_rng_key(seed, FLR_STREAM_SPLIT, 0);
  int64_t *const count = view->head.samples;
  const int64_t sizes[] = {samples - taken, taken};
  count[0] = count[1] = 0;
  for (int split = 0; split < 2; split++) {
    FLR_TRY(flr_alloc(&view->rows[split], sizes[split], sizeof(int64_t)));
    FLR_TRY(flr_alloc(&view->head.labels[split], sizes[split], sizeof(int32_t)));
  }
  for (int64_t row = 0; row < samples; row++) {
    const int split = flr_permute(key, samples, row) < taken ? FLR_SPLIT_VALID : FLR_SPLIT_TRAIN;
    view->rows[split][count[split]] = row;
    view->head.labels[split][count[split]++] = labels[row];
  }
  return FLR_OK;
}

flr_status flr_split_view_open(flr_dataset **out, flr_dataset *inner, double fraction, uint64_t seed) {
  split_view *view;
  const int64_t samples = inner->samples[FLR_SPLIT_TRAIN];
  const int64_t taken = (int64_t)llround(fraction * (double)samples);
  *out = NULL;
  flr_status status = FLR_OK;
  if (!(fraction >= 0 && fraction < 1) || taken >= samples)
    status = flr_fail(FLR_ERROR_USAGE, "--valid-fraction: %g of %lld samples leaves nothing to train on", fraction,
                      (long long)samples);
  if (status == FLR_OK) status = flr_alloc(&view, 1, sizeof *view);
  if (status != FLR_OK) {
    flr_dataset_destroy(inner);
    return status;
  }
  view->head = *inner; /* names, mean and std stay inner's */
  view->head.ops = &split_view_ops;
  view->head.labels[FLR_SPLIT_TRAIN] = view->head.labels[FLR_SPLIT_VALID] = NULL;
  view->inner = inner;
  status = carve(view, taken, seed);
  if (status != FLR_OK) {
    destroy(&view->head);
    return status;
  }
  *out = &view->head;
  return FLR_OK;
}
