/* From the data set's blocks, the batch and the ranks to a window and to memory. */
#include "train/reading.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory_limit.h"

enum { MOST_WORKERS = 8 };

flr_status flr_size_parse(int64_t *bytes, const char *text, const char *option) {
  static const char units[] = "KMGT";
  char *end;
  double value = strtod(text, &end);
  const char *unit = *end ? strchr(units, *end) : NULL;
  for (const char *u = units; unit && u <= unit; u++) value *= 1024;
  const char *rest = end + (unit != NULL);
  if (end == text || (strcmp(rest, "") != 0 && !(unit && strcmp(rest, "iB") == 0)) || !(value >= 1 && value < 1e18))
    return flr_fail(FLR_ERROR_USAGE, "%s: %s is not allowed: a size as 512M, 1.5G or 65536 (bytes)", option, text);
  *bytes = (int64_t)value;
  return FLR_OK;
}

/* Decoding is work for every core that a rank has; plain reading is not. */
static int choose_decoders(const flr_session *s) {
  if (s->config->workers > 0) return (int)s->config->workers;
  return s->cpus < 1 ? 1 : s->cpus > MOST_WORKERS ? MOST_WORKERS : s->cpus;
}

static flr_status choose_window(flr_session *s) {
  flr_run_plan *plan = &s->plan;
  if (!plan->training || !plan->shuffled || !s->dataset->encoded) return FLR_OK;
  FLR_TRY(flr_block_map_init(&plan->blocks, s->dataset, FLR_SPLIT_TRAIN));
  const size_t bytes = flr_block_cache_block_bytes(s->dataset->cache);
  plan->window = s->config->window > 0 ? s->config->window : flr_window_default(plan->blocks.count, bytes, plan->batch);
  if (plan->window >= plan->blocks.count) plan->window = 0;
  return FLR_OK;
}

/* Lanes of the shuffle that have positions of this rank. */
static int64_t own_lanes(const flr_run_plan *plan, int64_t lanes) {
  int64_t begin, end, size, count = 0;
  flr_partition(plan->batch, plan->shards, plan->first_shard, &begin, &size);
  flr_partition(plan->batch, plan->shards, plan->first_shard + plan->shard_count - 1, &end, &size);
  end += size;
  for (int64_t lane = 0; lane < lanes; lane++) {
    int64_t first, n;
    flr_partition(plan->batch, lanes, lane, &first, &n);
    count += first < end && first + n > begin;
  }
  return count;
}

/* Blocks that are in use at a time, half as many that come next, and some for evaluation. */
static int64_t slots_needed(const flr_session *s) {
  const flr_run_plan *plan = &s->plan;
  const int64_t blocks = flr_block_cache_blocks(s->dataset->cache), threads = plan->decoders;
  int64_t lanes, each;
  if (!plan->training || !plan->shuffled) return 3 * threads + 4;
  if (plan->window == 0) return blocks;
  flr_order_lanes(plan->window, plan->batch, &lanes, &each);
  const int64_t open = own_lanes(plan, lanes) * each;
  return open + open / 2 + 3 * threads + 4;
}

static int64_t memory_of(const flr_session *s, int64_t slots) {
  return s->dataset->ops->memory(s->dataset, slots, s->plan.decoders);
}

/* As many as fit into `bytes`. */
static int64_t slots_within(const flr_session *s, int64_t bytes) {
  return (bytes - memory_of(s, 0)) / (int64_t)flr_block_cache_block_bytes(s->dataset->cache);
}

/* Bytes that blocks may take here. */
static flr_status find_limit(const flr_session *s, int64_t *share, int64_t *limit) {
  *share = flr_memory_available() / s->comm->local_size;
  *limit = *share / 2;
  return s->config->cache_memory ? flr_size_parse(limit, s->config->cache_memory, "--cache-memory") : FLR_OK;
}

/* What --cache ram cannot keep is read without it. */
static flr_status check_room(flr_session *s) {
  const int64_t all = flr_block_cache_blocks(s->dataset->cache);
  int64_t share, limit;
  FLR_TRY(find_limit(s, &share, &limit));
  if (strcmp(s->config->cache, "ram") != 0 || memory_of(s, all) <= limit) return FLR_OK;
  flr_log_write(s->log, FLR_LOG_WARNING,
                "--cache ram: the data take %.1f MiB, there is room for %.1f MiB: they are read without it",
                (double)memory_of(s, all) / 0x1p20, (double)limit / 0x1p20);
  return s->dataset->encoded ? FLR_OK : s->dataset->ops->reserve(s->dataset, 0, 1);
}

static flr_status choose_slots(flr_session *s, int64_t *slots) {
  const flr_config *config = s->config;
  const int64_t all = flr_block_cache_blocks(s->dataset->cache);
  const int ram = strcmp(config->cache, "ram") == 0;
  int64_t share, limit;
  FLR_TRY(find_limit(s, &share, &limit));
  if (slots_within(s, limit) < 1 && config->cache_memory)
    return flr_fail(FLR_ERROR_USAGE, "--cache-memory: %s is too little: one block of %s and its decoding take %lld bytes",
                    config->cache_memory, s->dataset->source, (long long)memory_of(s, 1));
  const int64_t most = slots_within(s, limit) < 1 ? 1 : slots_within(s, limit);
  const int64_t keep = ram ? limit : share / 4 < limit ? share / 4 : limit;
  *slots = slots_needed(s);
  if (strcmp(config->cache, "none") != 0 && memory_of(s, all) <= keep) *slots = all;
  if (*slots > all) *slots = all;
  if (*slots > most) {
    flr_log_write(
        s->log, FLR_LOG_WARNING,
        "compressed data need %lld blocks (%.1f MiB) in memory, there is room for %lld: blocks are decoded more than once: "
        "a smaller --window or a larger --cache-memory helps",
        (long long)*slots, (double)memory_of(s, *slots) / 0x1p20, (long long)most);
    *slots = most;
  }
  return FLR_OK;
}

flr_status flr_reading_prepare(flr_session *s) {
  int64_t slots = 1, bytes;
  if (s->config->cache_memory) FLR_TRY(flr_size_parse(&bytes, s->config->cache_memory, "--cache-memory"));
  if (!s->dataset->cache) return FLR_OK;
  s->plan.decoders = choose_decoders(s);
  FLR_TRY(check_room(s));
  if (!s->dataset->cache) return FLR_OK;
  FLR_TRY(choose_window(s));
  FLR_TRY(choose_slots(s, &slots));
  return s->dataset->ops->reserve(s->dataset, slots, s->plan.decoders);
}

void flr_reading_tell(const flr_session *s) {
  const flr_block_cache *cache = s->dataset->cache;
  if (!cache) return;
  const int64_t slots = flr_block_cache_slots(cache);
  flr_log_write(s->log, FLR_LOG_VERBOSE, "%s: %lld blocks of %.2f MiB, %lld in memory (%.1f MiB a rank), %d loader threads",
                s->dataset->encoded ? "compressed data" : "data kept in memory", (long long)flr_block_cache_blocks(cache),
                (double)flr_block_cache_block_bytes(cache) / 0x1p20, (long long)slots, (double)memory_of(s, slots) / 0x1p20,
                s->plan.decoders);
  if (s->plan.window > 0)
    flr_log_write(s->log, FLR_LOG_VERBOSE, "shuffled within %lld of %lld blocks", (long long)s->plan.window,
                  (long long)s->plan.blocks.count);
}
