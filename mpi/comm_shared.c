/* Sums by way of shared memory. A lane is a row of pieces, numbered without end, each in the slot of its number in every rank's
   memory. A piece goes through: posted (a rank has copied its numbers there), summed (each rank has added up its part of all
   ranks' numbers, into the first rank's slot), with several nodes finished (the first rank has summed that over the nodes), and
   taken (copied from there). Small pieces of one node are added up whole by everybody straight from the slots, which saves a
   round of waiting. Sums in memory that was lent are one piece and use no slots: each rank writes its part of the sum to where
   it belongs on every rank. */
#include "mpi/comm_shared.h"

#include <string.h>

#include "core/memory.h"
#include "mpi/ring.h"
#include "mpi/shared_sum.h"
#include "mpi/shared_window.h"

/* Pieces up to this many bytes are added up whole by everybody, and parts of larger ones start at whole lines. */
enum { WHOLE_BYTES = 8 << 10, OPS_AT_ONCE = 64 };

typedef struct loan {
  struct loan *next;
  flr_shared_region region;
  size_t bytes; /* asked for; 0: given back */
} loan;

struct flr_shared_op {
  flr_shared_op *next; /* of its lane's, then of the unused ones */
  char *buffer;
  int64_t count;
  flr_comm_type type;
  const loan *from;     /* NULL: the caller's own memory */
  flr_ring *ring;       /* where no two ranks share memory */
  flr_ring_op *by_ring; /* then, with any numbers */
  int complete;
};

typedef struct op_block {
  struct op_block *next;
  flr_shared_op ops[OPS_AT_ONCE];
} op_block;

/* Where a stage of the work on a lane is. */
typedef struct cursor {
  flr_shared_op *op; /* NULL: all that was begun is done */
  int64_t at;        /* elements of it that are done */
  uint64_t piece;
} cursor;

typedef enum stage_kind { POST, SUM, JOIN, TAKE, STAGES } stage_kind;

typedef struct lane_state {
  flr_shared_op *last;
  cursor at[STAGES];
  uint64_t finished;  /* pieces that are summed over the nodes */
  flr_ring *ring;     /* of the nodes' first ranks; NULL elsewhere and for one node */
  flr_ring_op **sums; /* [slots] of pieces under way there */
} lane_state;

struct flr_shared {
  flr_shared_window window;
  lane_state lanes[FLR_SHARED_LANES];
  flr_shared_op *unused;
  op_block *blocks;
  loan *loans;
  const void **sources; /* [ranks of the node] */
  void **targets;       /* the same */
};

/* The piece at a cursor. */
typedef struct piece {
  char *own; /* in the caller's buffer */
  int64_t count;
  size_t element, bytes;
  flr_comm_type type;
  uint64_t number;
  const loan *from; /* NULL: it has slots */
} piece;

static piece piece_at(const flr_shared *s, int lane, const cursor *c) {
  piece p = {.element = flr_comm_type_bytes(c->op->type), .type = c->op->type, .number = c->piece, .from = c->op->from};
  const int64_t left = c->op->count - c->at, most = (int64_t)(s->window.slot_bytes[lane] / p.element);
  p.count = left < most || p.from ? left : most;
  p.own = c->op->buffer + (size_t)c->at * p.element;
  p.bytes = (size_t)p.count * p.element;
  return p;
}

static void advance(cursor *c, const piece *p) {
  c->piece++;
  c->at += p->count;
  if (c->at < c->op->count) return;
  c->op = c->op->next;
  c->at = 0;
}

/* First element of a rank's part of a piece. */
static int64_t part_start(const flr_shared *s, const piece *p, int rank) {
  const int64_t line = (int64_t)(FLR_SHARED_LINE / p->element);
  const int64_t start = (p->count * rank / s->window.size + line - 1) / line * line;
  return rank == s->window.size || start > p->count ? p->count : start;
}

static int is_whole(const flr_shared *s, const piece *p) { return s->window.nodes == 1 && !p->from && p->bytes <= WHOLE_BYTES; }

static uint64_t read_count(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_ACQUIRE); }
static void write_count(uint64_t *counter, uint64_t value) { __atomic_store_n(counter, value, __ATOMIC_RELEASE); }

static flr_shared_counters *counters(const flr_shared *s, int rank, int lane) {
  return flr_shared_counters_of(&s->window, rank, lane);
}
static flr_shared_counters *own_counters(const flr_shared *s, int lane) { return counters(s, s->window.rank, lane); }

/* 1 when the counter at this offset is at least `wanted` on every rank of the node. */
static int all_reached(const flr_shared *s, int lane, size_t offset, uint64_t wanted) {
  for (int rank = 0; rank < s->window.size; rank++) {
    const char *base = (const char *)counters(s, rank, lane);
    if (read_count((const uint64_t *)(const void *)(base + offset)) < wanted) return 0;
  }
  return 1;
}
#define ALL_REACHED(s, lane, counter, wanted) all_reached(s, lane, offsetof(flr_shared_counters, counter), wanted)

/* ---- the stages: each does one piece, if it can; 1 when it did ---- */

static void copy_in(const flr_shared *s, int lane, const piece *p) {
  char *slot = flr_shared_slot(&s->window, s->window.rank, lane, p->number);
  /* of its own part only itself has use, and has it already */
  const size_t from = is_whole(s, p) ? p->bytes : (size_t)part_start(s, p, s->window.rank) * p->element;
  const size_t to = is_whole(s, p) ? p->bytes : (size_t)part_start(s, p, s->window.rank + 1) * p->element;
  memcpy(slot, p->own, from);
  memcpy(slot + to, p->own + to, p->bytes - to);
}

static int post(flr_shared *s, int lane) {
  cursor *c = &s->lanes[lane].at[POST];
  const uint64_t slots = (uint64_t)s->window.slots[lane];
  if (!c->op || (c->piece >= slots && !ALL_REACHED(s, lane, taken, c->piece + 1 - slots))) return 0;
  const piece p = piece_at(s, lane, c);
  if (!p.from) copy_in(s, lane, &p);
  advance(c, &p);
  write_count(&own_counters(s, lane)->posted, c->piece);
  return 1;
}

/* Where a rank of the node has the numbers of a piece. */
static char *numbers_of(const flr_shared *s, int lane, const piece *p, int rank) {
  if (rank == s->window.rank) return p->own;
  if (!p->from) return flr_shared_slot(&s->window, rank, lane, p->number);
  return p->from->region.bases[rank] + (p->own - p->from->region.bases[s->window.rank]);
}

static void add_up(flr_shared *s, int lane, const piece *p, int64_t first, int64_t last) {
  const size_t offset = (size_t)first * p->element;
  int targets = 0;
  for (int rank = 0; rank < s->window.size; rank++) {
    char *numbers = numbers_of(s, lane, p, rank) + offset;
    s->sources[rank] = numbers;
    if (p->from || rank == s->window.rank) s->targets[targets++] = numbers;
  }
  if (!p->from && !is_whole(s, p)) s->targets[targets++] = flr_shared_slot(&s->window, 0, lane, p->number) + offset;
  flr_shared_sum(s->targets, targets, s->sources, s->window.size, last - first, p->type);
}

static int sum(flr_shared *s, int lane) {
  cursor *c = &s->lanes[lane].at[SUM];
  if (!c->op || !ALL_REACHED(s, lane, posted, c->piece + 1)) return 0;
  const piece p = piece_at(s, lane, c);
  if (is_whole(s, &p))
    add_up(s, lane, &p, 0, p.count);
  else
    add_up(s, lane, &p, part_start(s, &p, s->window.rank), part_start(s, &p, s->window.rank + 1));
  advance(c, &p);
  write_count(&own_counters(s, lane)->summed, c->piece);
  return 1;
}

/* The node's first rank sums over the nodes: begins what is ready, and sees what has ended. */
static flr_status join(flr_shared *s, int lane, int *moved) {
  lane_state *l = &s->lanes[lane];
  cursor *c = &l->at[JOIN];
  const uint64_t slots = (uint64_t)s->window.slots[lane];
  if (!l->ring) return FLR_OK;
  while (c->op && ALL_REACHED(s, lane, summed, c->piece + 1)) {
    const piece p = piece_at(s, lane, c);
    FLR_TRY(
        flr_ring_begin(l->ring, flr_shared_slot(&s->window, 0, lane, p.number), p.count, p.type, &l->sums[p.number % slots]));
    advance(c, &p);
    *moved = 1;
  }
  FLR_TRY(flr_ring_progress(l->ring, moved));
  while (l->finished < c->piece && flr_ring_done(l->ring, l->sums[l->finished % slots])) {
    write_count(&own_counters(s, lane)->finished, ++l->finished);
    *moved = 1;
  }
  return FLR_OK;
}

static int may_take(const flr_shared *s, int lane, const piece *p) {
  if (s->window.nodes > 1) return read_count(&counters(s, 0, lane)->finished) > p->number;
  return is_whole(s, p) ? s->lanes[lane].at[SUM].piece > p->number : ALL_REACHED(s, lane, summed, p->number + 1);
}

static void copy_out(const flr_shared *s, int lane, const piece *p) {
  const char *result = flr_shared_slot(&s->window, 0, lane, p->number);
  const int one_node = s->window.nodes == 1;
  const size_t from = one_node ? (size_t)part_start(s, p, s->window.rank) * p->element : p->bytes;
  const size_t to = one_node ? (size_t)part_start(s, p, s->window.rank + 1) * p->element : p->bytes;
  memcpy(p->own, result, from);
  memcpy(p->own + to, result + to, p->bytes - to);
}

static int take(flr_shared *s, int lane) {
  cursor *c = &s->lanes[lane].at[TAKE];
  if (!c->op) return 0;
  const piece p = piece_at(s, lane, c);
  if (!may_take(s, lane, &p)) return 0;
  if (!p.from && !is_whole(s, &p)) copy_out(s, lane, &p);
  flr_shared_op *op = c->op;
  advance(c, &p);
  op->complete = c->op != op;
  write_count(&own_counters(s, lane)->taken, c->piece);
  return 1;
}

flr_status flr_shared_progress(flr_shared *s, int *moved) {
  *moved = 0;
  for (int lane = 0; lane < FLR_SHARED_LANES; lane++) {
    if (s->window.alone) FLR_TRY(flr_ring_progress(s->lanes[lane].ring, moved));
    for (int again = 1; again && s->lanes[lane].at[TAKE].op; *moved |= again) {
      /* the oldest first: it is still in the cache */
      again = take(s, lane);
      if (!again) FLR_TRY(join(s, lane, &again));
      if (!again) again = sum(s, lane);
      if (!again) again = post(s, lane);
    }
  }
  return FLR_OK;
}

/* ---- sums and their storage ---- */

static flr_status more_ops(flr_shared *s) {
  op_block *block;
  FLR_TRY(flr_alloc(&block, 1, sizeof *block));
  block->next = s->blocks;
  s->blocks = block;
  for (int i = 0; i < OPS_AT_ONCE; i++) {
    block->ops[i].next = s->unused;
    s->unused = &block->ops[i];
  }
  return FLR_OK;
}

static const loan *loan_of(const flr_shared *s, const char *buffer) {
  for (const loan *l = s->loans; l; l = l->next) {
    const char *base = l->region.bases[s->window.rank];
    if (buffer >= base && buffer < base + l->bytes) return l;
  }
  return NULL;
}

flr_status flr_shared_begin(flr_shared *s, flr_comm_lane lane, void *buffer, int64_t count, flr_comm_type type,
                            flr_shared_op **out) {
  lane_state *l = &s->lanes[lane];
  if (!s->unused) FLR_TRY(more_ops(s));
  flr_shared_op *op = *out = s->unused;
  s->unused = op->next;
  *op = (flr_shared_op){
      .buffer = buffer, .count = count, .type = type, .from = loan_of(s, buffer), .ring = l->ring, .complete = count == 0};
  if (count == 0) return FLR_OK;
  if (s->window.alone) return flr_ring_begin(l->ring, buffer, count, type, &op->by_ring);
  if (l->at[TAKE].op) l->last->next = op;
  l->last = op;
  for (int stage = 0; stage < STAGES; stage++)
    if (!l->at[stage].op) l->at[stage].op = op;
  return FLR_OK;
}

int flr_shared_done(flr_shared *s, flr_shared_op *op) {
  if (op->by_ring ? !flr_ring_done(op->ring, op->by_ring) : !op->complete) return 0;
  op->next = s->unused;
  s->unused = op;
  return 1;
}

int flr_shared_idle(const flr_shared *s) {
  if (s->window.alone) return flr_ring_idle(s->lanes[0].ring) && flr_ring_idle(s->lanes[1].ring);
  return !s->lanes[0].at[TAKE].op && !s->lanes[1].at[TAKE].op;
}

int flr_shared_is_ring(const flr_shared *s) { return s->window.alone; }

int flr_shared_is_lent(const flr_shared *s, const void *memory) { return loan_of(s, memory) != NULL; }

/* Given back before and large enough. */
static loan *unused_loan(const flr_shared *s, size_t bytes) {
  for (loan *l = s->loans; l; l = l->next)
    if (l->bytes == 0 && l->region.bytes >= bytes) return l;
  return NULL;
}

static flr_status new_loan(flr_shared *s, size_t bytes, loan **out) {
  loan *l;
  int there = 0;
  *out = NULL;
  FLR_TRY(flr_alloc(&l, 1, sizeof *l));
  const flr_status status = flr_shared_region_init(&l->region, &s->window, bytes, &there);
  if (status != FLR_OK || !there) {
    flr_free(l);
    return status;
  }
  l->next = s->loans;
  s->loans = *out = l;
  return FLR_OK;
}

flr_status flr_shared_lend(flr_shared *s, size_t bytes, void **out) {
  *out = NULL;
  if (s->window.nodes > 1 || bytes == 0) return FLR_OK;
  loan *l = unused_loan(s, bytes);
  if (!l) FLR_TRY(new_loan(s, bytes, &l));
  if (!l) return FLR_OK;
  l->bytes = bytes;
  *out = memset(l->region.bases[s->window.rank], 0, bytes);
  return FLR_OK;
}

void flr_shared_return(flr_shared *s, void *memory) {
  for (loan *l = s->loans; l; l = l->next)
    if (l->region.bases[s->window.rank] == memory) l->bytes = 0;
}

static void free_loans(flr_shared *s) {
  while (s->loans) {
    loan *l = s->loans;
    s->loans = l->next;
    flr_shared_region_clear(&l->region);
    flr_free(l);
  }
}

static flr_status allocate(flr_shared *s) {
  FLR_TRY(flr_alloc(&s->sources, s->window.size, sizeof *s->sources));
  FLR_TRY(flr_alloc(&s->targets, s->window.size + 1, sizeof *s->targets));
  for (int lane = 0; lane < FLR_SHARED_LANES; lane++)
    FLR_TRY(flr_alloc(&s->lanes[lane].sums, s->window.slots[lane], sizeof(flr_ring_op *)));
  for (int lane = 0; lane < FLR_SHARED_LANES; lane++)
    if (s->window.leads[lane] != MPI_COMM_NULL) FLR_TRY(flr_ring_create(&s->lanes[lane].ring, s->window.leads[lane]));
  return more_ops(s);
}

flr_status flr_shared_create(flr_shared **out, int ranks_per_node, char *why, size_t why_bytes) {
  flr_shared *s;
  *out = NULL;
  FLR_TRY(flr_alloc(&s, 1, sizeof *s));
  flr_status status = flr_shared_window_init(&s->window, ranks_per_node, why, why_bytes);
  if (status == FLR_OK && !why[0]) status = allocate(s);
  if (status != FLR_OK || why[0])
    flr_shared_destroy(s);
  else
    *out = s;
  return status;
}

void flr_shared_destroy(flr_shared *s) {
  if (!s) return;
  free_loans(s);
  for (int lane = 0; lane < FLR_SHARED_LANES; lane++) flr_ring_destroy(s->lanes[lane].ring);
  flr_shared_window_clear(&s->window);
  while (s->blocks) {
    op_block *block = s->blocks;
    s->blocks = block->next;
    flr_free(block);
  }
  for (int lane = 0; lane < FLR_SHARED_LANES; lane++) flr_free(s->lanes[lane].sums);
  flr_free(s->sources);
  flr_free(s->targets);
  flr_free(s);
}
