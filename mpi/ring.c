/* Each sum is 2 (size - 1) steps of one send to the next rank and one receive from the one before. */
#include "mpi/ring.h"

#include "core/memory.h"
#include "mpi/shared_sum.h"

/* A line carries what was begun first: once so many do not move, younger ones are not asked, which costs a call of MPI each. */
enum { TAGS = 30000, STUCK = 2 };

struct flr_ring_op {
  flr_ring_op *next; /* of those under way, or of the unused ones */
  char *buffer;
  int64_t count;
  flr_comm_type type;
  int tag, step, complete;
  MPI_Request requests[2];
  char *received; /* a part, to be added */
  size_t received_bytes;
};

struct flr_ring {
  MPI_Comm among;
  int rank, size, next_tag;
  flr_ring_op *first, *last; /* under way, oldest first */
  flr_ring_op *unused;
};

typedef struct part {
  char *numbers;
  int count;
} part;

/* The part of any whole number, taken modulo the ranks. */
static part part_of(const flr_ring *r, const flr_ring_op *op, int number) {
  const int64_t k = (number % r->size + r->size) % r->size;
  const int64_t first = op->count * k / r->size, end = op->count * (k + 1) / r->size;
  return (part){.numbers = op->buffer + (size_t)first * flr_comm_type_bytes(op->type), .count = (int)(end - first)};
}

static int adds(const flr_ring *r, const flr_ring_op *op) { return op->step < r->size - 1; }

/* What arrives in the step under way. */
static part arriving(const flr_ring *r, const flr_ring_op *op) {
  return part_of(r, op, adds(r, op) ? r->rank - op->step - 1 : r->rank - (op->step - (r->size - 1)));
}

static flr_status begin_step(const flr_ring *r, flr_ring_op *op) {
  const part in = arriving(r, op),
             out = part_of(r, op, adds(r, op) ? r->rank - op->step : r->rank + 1 - (op->step - (r->size - 1)));
  const MPI_Datatype type = flr_mpi_datatype(op->type);
  FLR_MPI(MPI_Irecv(adds(r, op) ? op->received : in.numbers, in.count, type, (r->rank + r->size - 1) % r->size, op->tag,
                    r->among, &op->requests[0]));
  FLR_MPI(MPI_Isend(out.numbers, out.count, type, (r->rank + 1) % r->size, op->tag, r->among, &op->requests[1]));
  return FLR_OK;
}

static void end_step(const flr_ring *r, flr_ring_op *op) {
  const part in = arriving(r, op);
  const void *const sources[] = {op->received, in.numbers};
  void *const target[] = {in.numbers};
  if (adds(r, op)) flr_shared_sum(target, 1, sources, 2, in.count, op->type);
  op->complete = ++op->step == 2 * (r->size - 1);
}

static flr_status advance(const flr_ring *r, flr_ring_op *op, int *moved) {
  for (int ended = 1; !op->complete;) {
    FLR_MPI(MPI_Testall(2, op->requests, &ended, MPI_STATUSES_IGNORE));
    if (!ended) return FLR_OK;
    *moved = 1;
    end_step(r, op);
    if (!op->complete) FLR_TRY(begin_step(r, op));
  }
  return FLR_OK;
}

flr_status flr_ring_progress(flr_ring *r, int *moved) {
  flr_ring_op *before = NULL;
  int stuck = 0;
  for (flr_ring_op *op = r->first; op && stuck < STUCK;) {
    flr_ring_op *next = op->next;
    int moves = 0;
    FLR_TRY(advance(r, op, &moves));
    stuck += !moves;
    *moved |= moves;
    if (op->complete) {
      *(before ? &before->next : &r->first) = next;
      if (r->last == op) r->last = before;
    } else {
      before = op;
    }
    op = next;
  }
  return FLR_OK;
}

static flr_status take_op(flr_ring *r, size_t part_bytes, flr_ring_op **out) {
  if (!r->unused) FLR_TRY(flr_alloc(&r->unused, 1, sizeof *r->unused));
  flr_ring_op *op = *out = r->unused;
  if (op->received_bytes < part_bytes) {
    flr_free(op->received);
    op->received_bytes = 0;
    FLR_TRY(flr_alloc(&op->received, (int64_t)part_bytes, 1));
    op->received_bytes = part_bytes;
  }
  r->unused = op->next;
  return FLR_OK;
}

flr_status flr_ring_begin(flr_ring *r, void *buffer, int64_t count, flr_comm_type type, flr_ring_op **out) {
  int checked;
  FLR_TRY(flr_to_int(&checked, count, "the element count of an all-reduce"));
  FLR_TRY(take_op(r, (size_t)((count + r->size - 1) / r->size) * flr_comm_type_bytes(type), out));
  flr_ring_op *op = *out;
  op->next = NULL;
  op->buffer = buffer;
  op->count = count;
  op->type = type;
  op->step = 0;
  op->tag = r->next_tag;
  op->complete = count == 0 || r->size == 1;
  r->next_tag = (r->next_tag + 1) % TAGS;
  if (op->complete) return FLR_OK;
  if (r->last) r->last->next = op;
  if (!r->first) r->first = op;
  r->last = op;
  return begin_step(r, op);
}

int flr_ring_done(flr_ring *r, flr_ring_op *op) {
  if (!op->complete) return 0;
  op->next = r->unused;
  r->unused = op;
  return 1;
}

int flr_ring_idle(const flr_ring *r) { return !r->first; }

static flr_status open_ring(flr_ring *r, MPI_Comm among) {
  r->among = among;
  FLR_MPI(MPI_Comm_rank(among, &r->rank));
  FLR_MPI(MPI_Comm_size(among, &r->size));
  return FLR_OK;
}

flr_status flr_ring_create(flr_ring **out, MPI_Comm among) {
  flr_ring *r;
  *out = NULL;
  FLR_TRY(flr_alloc(&r, 1, sizeof *r));
  const flr_status status = open_ring(r, among);
  if (status == FLR_OK)
    *out = r;
  else
    flr_free(r);
  return status;
}

void flr_ring_destroy(flr_ring *r) {
  if (!r) return;
  while (r->unused) {
    flr_ring_op *op = r->unused;
    r->unused = op->next;
    flr_free(op->received);
    flr_free(op);
  }
  flr_free(r);
}
