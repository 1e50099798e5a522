/* From the data set's blocks, the batch and the ranks to a window and to memory. */
#include "train/reading.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory_limit.h"

enum { MOST_WORKERS = 8 };

/* Bytes that "512M", "1.5G" or "65536" say; KiB, MiB, GiB and TiB. Errors: FLR_ERROR_USAGE naming the option. */
static flr_status parse_size(int64_t *bytes, const char *text, const char *option) {
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

/* What is chosen from; the plan's window, blocks and decoders are what is chosen. */
typedef struct choice {
  const flr_config *config;
  flr_dataset *dataset;
  flr_run_plan *plan;
  int cpus, local_size;
  flr_log *log;
} choice;

/* Decoding is work for every core that a rank has; plain reading is not. */
static int choose_decoders(const choice *c) {
  if (c->config->workers > 0) return (int)c->config->workers;
  return c->cpus < 1 ? 1 : c->cpus > MOST_WORKERS ? MOST_WORKERS : c->cpus;
}

static flr_status choose_window(const choice *c) {
  flr_run_plan *plan = c->plan;
  if (!plan->training || !plan->shuffled || !c->dataset->encoded) return FLR_OK;
  FLR_TRY(flr_block_map_init(&plan->blocks, c->dataset, FLR_SPLIT_TRAIN));
  const size_t bytes = flr_block_cache_block_bytes(c->dataset->cache);
  plan->window = c->config->window > 0 ? c->config->window : flr_window_default(plan->blocks.count, bytes, plan->batch);
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
static int64_t slots_needed(const choice *c) {
  const flr_run_plan *plan = c->plan;
  const int64_t blocks = flr_block_cache_blocks(c->dataset->cache), threads = plan->decoders;
  int64_t lanes, each;
  if (!plan->training || !plan->shuffled) return 3 * threads + 4;
  if (plan->window == 0) return blocks;
  flr_order_lanes(plan->window, plan->batch, &lanes, &each);
  const int64_t open = own_lanes(plan, lanes) * each;
  return open + open / 2 + 3 * threads + 4;
}

static int64_t memory_of(const choice *c, int64_t slots) {
  return c->dataset->ops->memory(c->dataset, slots, c->plan->decoders);
}

/* As many as fit into `bytes`. */
static int64_t slots_within(const choice *c, int64_t bytes) {
  return (bytes - memory_of(c, 0)) / (int64_t)flr_block_cache_block_bytes(c->dataset->cache);
}

/* Bytes that blocks may take here. */
static flr_status find_limit(const choice *c, int64_t *share, int64_t *limit) {
  *share = flr_memory_available() / c->local_size;
  *limit = *share / 2;
  return c->config->cache_memory ? parse_size(limit, c->config->cache_memory, "--cache-memory") : FLR_OK;
}

/* What --cache ram cannot keep is read without it: *blocks is 0 where that needs no blocks. */
static flr_status check_room(const choice *c, int *blocks) {
  const int64_t all = flr_block_cache_blocks(c->dataset->cache);
  int64_t share, limit;
  *blocks = 1;
  FLR_TRY(find_limit(c, &share, &limit));
  if (strcmp(c->config->cache, "ram") != 0 || memory_of(c, all) <= limit) return FLR_OK;
  flr_log_write(c->log, FLR_LOG_WARNING,
                "--cache ram: the data take %.1f MiB, there is room for %.1f MiB: they are read without it",
                (double)memory_of(c, all) / 0x1p20, (double)limit / 0x1p20);
  *blocks = c->dataset->encoded;
  return FLR_OK;
}

static flr_status choose_slots(const choice *c, int64_t *needed, int64_t *slots) {
  const flr_config *config = c->config;
  const int64_t all = flr_block_cache_blocks(c->dataset->cache);
  const int ram = strcmp(config->cache, "ram") == 0;
  int64_t share, limit;
  FLR_TRY(find_limit(c, &share, &limit));
  if (slots_within(c, limit) < 1 && config->cache_memory)
    return flr_fail(FLR_ERROR_USAGE, "--cache-memory: %s is too little: one block of %s and its decoding take %lld bytes",
                    config->cache_memory, c->dataset->source, (long long)memory_of(c, 1));
  const int64_t most = slots_within(c, limit) < 1 ? 1 : slots_within(c, limit);
  const int64_t keep = ram ? limit : share / 4 < limit ? share / 4 : limit;
  *needed = slots_needed(c);
  if (strcmp(config->cache, "none") != 0 && memory_of(c, all) <= keep) *needed = all;
  if (*needed > all) *needed = all;
  *slots = *needed < most ? *needed : most;
  if (*slots < *needed)
    flr_log_write(
        c->log, FLR_LOG_WARNING,
        "compressed data need %lld blocks (%.1f MiB) in memory, there is room for %lld: blocks are decoded more than once: "
        "a smaller --window or a larger --cache-memory helps",
        (long long)*needed, (double)memory_of(c, *needed) / 0x1p20, (long long)most);
  return FLR_OK;
}

/* held 0: without blocks. */
static flr_status choose(const choice *c, int64_t *needed, int64_t *held) {
  int64_t bytes;
  int blocks = c->dataset->cache != NULL;
  *needed = *held = 0;
  if (c->config->cache_memory) FLR_TRY(parse_size(&bytes, c->config->cache_memory, "--cache-memory"));
  if (!blocks) return FLR_OK;
  c->plan->decoders = choose_decoders(c);
  FLR_TRY(check_room(c, &blocks));
  if (!blocks) return FLR_OK;
  FLR_TRY(choose_window(c));
  return choose_slots(c, needed, held);
}

static choice choice_of(flr_session *s) {
  return (choice){.config = s->config,
                  .dataset = s->dataset,
                  .plan = &s->plan,
                  .cpus = s->cpus,
                  .local_size = s->comm->local_size,
                  .log = s->log};
}

flr_status flr_reading_prepare(flr_session *s) {
  const choice c = choice_of(s);
  int64_t needed, held;
  FLR_TRY(choose(&c, &needed, &held));
  if (!s->dataset->cache) return FLR_OK;
  return s->dataset->ops->reserve(s->dataset, held, held > 0 ? s->plan.decoders : 1);
}

static void fill(flr_reading *out, const choice *c) {
  out->blocks = flr_block_cache_blocks(c->dataset->cache);
  out->block_bytes = (int64_t)flr_block_cache_block_bytes(c->dataset->cache);
  out->bytes = memory_of(c, out->held);
  out->threads = c->plan->decoders;
  const int64_t all = c->plan->blocks.count > 0 ? c->plan->blocks.count : out->blocks;
  if (c->plan->shuffled) out->window = c->plan->window > 0 ? c->plan->window : all;
}

flr_status flr_reading_alone(flr_reading *out, const flr_config *config, flr_dataset *dataset, int cpus) {
  flr_run_plan plan = {.shards = config->shards > 0 ? config->shards : 1, .batch = config->batch, .training = 1};
  const choice c = {.config = config, .dataset = dataset, .plan = &plan, .cpus = cpus, .local_size = 1};
  plan.shard_count = plan.shards;
  plan.shuffled = strcmp(config->order, "sequential") != 0;
  *out = (flr_reading){0};
  const flr_status status = choose(&c, &out->needed, &out->held);
  if (status == FLR_OK && out->held > 0) fill(out, &c);
  flr_block_map_clear(&plan.blocks);
  return status;
}

void flr_reading_tell(const flr_session *s) {
  const flr_block_cache *cache = s->dataset->cache;
  if (!cache) return;
  const int64_t slots = flr_block_cache_slots(cache);
  flr_log_write(s->log, FLR_LOG_VERBOSE, "%s: %lld blocks of %.2f MiB, %lld in memory (%.1f MiB a rank), %d loader threads",
                s->dataset->encoded ? "compressed data" : "data kept in memory", (long long)flr_block_cache_blocks(cache),
                (double)flr_block_cache_block_bytes(cache) / 0x1p20, (long long)slots,
                (double)s->dataset->ops->memory(s->dataset, slots, s->plan.decoders) / 0x1p20, s->plan.decoders);
  if (s->plan.window > 0)
    flr_log_write(s->log, FLR_LOG_VERBOSE, "shuffled within %lld of %lld blocks", (long long)s->plan.window,
                  (long long)s->plan.blocks.count);
}
