/* Which sample is trained when. */
#include "datasets/sampler.h"

#include "core/permutation.h"

int64_t flr_sampler_steps(const flr_sampler *s) {
  return s->drop_last ? s->samples / s->batch : (s->samples + s->batch - 1) / s->batch;
}

int64_t flr_sampler_batch_size(const flr_sampler *s, int64_t step) {
  const int64_t first = step % flr_sampler_steps(s) * s->batch, left = s->samples - first;
  return left < s->batch ? left : s->batch;
}

int64_t flr_sampler_row(const flr_sampler *s, int64_t step, int64_t position) {
  const int64_t steps = flr_sampler_steps(s), index = step % steps * s->batch + position;
  if (!s->shuffled) return index;
  return flr_permute(flr_rng_key(s->seed, s->stream, (uint64_t)(step / steps)), s->samples, index);
}

void flr_partition(int64_t total, int64_t parts, int64_t part, int64_t *first, int64_t *count) {
  const int64_t base = total / parts, larger = total % parts;
  *first = part * base + (part < larger ? part : larger);
  *count = base + (part < larger);
}
