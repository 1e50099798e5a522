/* Getting shared memory for the ranks of a node, within what there is. */
#include "mpi/shared_window.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "core/memory.h"
#include "mpi/node_ranks.h"

/* Of the data lane a rank can be 1 MiB ahead of the others, which stays in a core's cache. Between nodes larger pieces pay: 2
   MiB. Less where memory is scarce. */
enum { DATA_SLOT = 64 << 10, DATA_SLOTS = 16, JOINED_SLOT = 256 << 10, JOINED_SLOTS = 8, LEAST_SLOTS = 4 };
enum { CONTROL_SLOT = 32 << 10, CONTROL_SLOTS = 4 };

static size_t header_bytes(void) { return FLR_SHARED_LANES * sizeof(flr_shared_counters); }

static size_t rank_bytes(const flr_shared_window *w) {
  size_t bytes = header_bytes();
  for (int lane = 0; lane < FLR_SHARED_LANES; lane++) bytes += (size_t)w->slots[lane] * w->slot_bytes[lane];
  return bytes;
}

flr_shared_counters *flr_shared_counters_of(const flr_shared_window *w, int rank, int lane) {
  return (flr_shared_counters *)(void *)w->region.bases[rank] + lane;
}

char *flr_shared_slot(const flr_shared_window *w, int rank, int lane, uint64_t piece) {
  char *slots = w->region.bases[rank] + header_bytes();
  for (int before = 0; before < lane; before++) slots += (size_t)w->slots[before] * w->slot_bytes[before];
  return slots + piece % (uint64_t)w->slots[lane] * w->slot_bytes[lane];
}

static flr_status split(flr_shared_window *w, int ranks_per_node) {
  FLR_TRY(flr_node_ranks_split(&w->node, ranks_per_node, &w->rank, &w->size));
  const int leads = w->rank == 0;
  FLR_MPI(MPI_Allreduce(&leads, &w->nodes, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
  return FLR_OK;
}

static flr_status join_leads(flr_shared_window *w) {
  int rank;
  if (w->nodes == 1) return FLR_OK;
  FLR_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
  for (int lane = 0; lane < FLR_SHARED_LANES; lane++) {
    FLR_MPI(MPI_Comm_split(MPI_COMM_WORLD, w->rank == 0 ? 0 : MPI_UNDEFINED, rank, &w->leads[lane]));
    if (w->rank == 0) FLR_MPI(MPI_Comm_set_errhandler(w->leads[lane], MPI_ERRORS_RETURN));
  }
  return FLR_OK;
}

/* ---- regions ---- */

/* Memory beyond what is there is a SIGBUS when it is touched. */
static int fits(size_t bytes) {
  struct statvfs space;
  return statvfs("/dev/shm", &space) != 0 || (uint64_t)space.f_bavail * space.f_frsize / 2 >= bytes;
}

static flr_status least(int64_t *value, MPI_Comm among) {
  FLR_MPI(MPI_Allreduce(MPI_IN_PLACE, value, 1, MPI_INT64_T, MPI_MIN, among));
  return FLR_OK;
}

static int allocate(flr_shared_region *r, MPI_Comm node) {
  MPI_Info info;
  void *base;
  if (MPI_Info_create(&info) != MPI_SUCCESS) return 0;
  /* each rank's part on pages of its own */
  (void)MPI_Info_set(info, "alloc_shared_noncontig", "true");
  const int code = MPI_Win_allocate_shared((MPI_Aint)(r->bytes + FLR_SHARED_LINE), 1, info, node, &base, &r->window);
  (void)MPI_Info_free(&info);
  if (code != MPI_SUCCESS) r->window = MPI_WIN_NULL;
  return code == MPI_SUCCESS && MPI_Win_set_errhandler(r->window, MPI_ERRORS_RETURN) == MPI_SUCCESS;
}

/* Open MPI gives places at no whole line; they lie alike in the pages of all ranks. */
static char *next_line(char *at) { return at + (FLR_SHARED_LINE - (uintptr_t)at % FLR_SHARED_LINE) % FLR_SHARED_LINE; }

/* Every rank touches its own, so that the pages are there and near it. */
static flr_status map(flr_shared_region *r, const flr_shared_window *w) {
  FLR_TRY(flr_alloc(&r->bases, w->size, sizeof *r->bases));
  for (int rank = 0; rank < w->size; rank++) {
    MPI_Aint bytes;
    int unit;
    FLR_MPI(MPI_Win_shared_query(r->window, rank, &bytes, &unit, &r->bases[rank]));
    r->bases[rank] = next_line(r->bases[rank]);
  }
  FLR_MPI(MPI_Win_lock_all(MPI_MODE_NOCHECK, r->window));
  memset(r->bases[w->rank], 0, r->bytes);
  FLR_MPI(MPI_Barrier(w->node)); /* nobody looks before it is zero */
  return FLR_OK;
}

static flr_status open_region(flr_shared_region *r, const flr_shared_window *w, int *there) {
  int64_t all = fits(r->bytes * (size_t)w->size);
  *there = 0;
  FLR_TRY(least(&all, w->node));
  if (!all) return FLR_OK;
  all = allocate(r, w->node);
  FLR_TRY(least(&all, w->node));
  *there = (int)all;
  return all ? map(r, w) : FLR_OK;
}

flr_status flr_shared_region_init(flr_shared_region *out, const flr_shared_window *w, size_t bytes, int *there) {
  *out = (flr_shared_region){.window = MPI_WIN_NULL, .bytes = bytes};
  const flr_status status = open_region(out, w, there);
  if (status != FLR_OK || !*there) flr_shared_region_clear(out);
  return status;
}

void flr_shared_region_clear(flr_shared_region *r) {
  if (r->bytes && r->window != MPI_WIN_NULL) {
    if (r->bases) (void)MPI_Win_unlock_all(r->window);
    (void)MPI_Win_free(&r->window);
  }
  flr_free(r->bases);
  *r = (flr_shared_region){0};
}

/* ---- the window ---- */

static flr_status find_alone(flr_shared_window *w) {
  int64_t most = -w->size;
  FLR_TRY(least(&most, MPI_COMM_WORLD));
  w->alone = most == -1;
  return FLR_OK;
}

/* As many slots as there is room for. */
static int64_t fitting_slots(flr_shared_window *w) {
  w->slots[1] = CONTROL_SLOTS;
  w->slot_bytes[0] = w->nodes > 1 ? JOINED_SLOT : DATA_SLOT;
  w->slot_bytes[1] = CONTROL_SLOT;
  for (w->slots[0] = w->nodes > 1 ? JOINED_SLOTS : DATA_SLOTS; w->slots[0] >= LEAST_SLOTS; w->slots[0] /= 2)
    if (fits(rank_bytes(w) * (size_t)w->size)) return w->slots[0];
  return 0;
}

static flr_status open_window(flr_shared_window *w, char *why, size_t why_bytes) {
  int there;
  FLR_TRY(find_alone(w));
  if (w->alone) return join_leads(w);
  int64_t slots = fitting_slots(w);
  FLR_TRY(least(&slots, MPI_COMM_WORLD));
  if (slots == 0) {
    (void)snprintf(why, why_bytes, "a node has too little free space in /dev/shm");
    return FLR_OK;
  }
  w->slots[0] = slots;
  FLR_TRY(flr_shared_region_init(&w->region, w, rank_bytes(w), &there));
  int64_t everywhere = there;
  FLR_TRY(least(&everywhere, MPI_COMM_WORLD));
  if (!everywhere) {
    (void)snprintf(why, why_bytes, "MPI gives a node no shared window");
    return FLR_OK;
  }
  return join_leads(w);
}

flr_status flr_shared_window_init(flr_shared_window *out, int ranks_per_node, char *why, size_t why_bytes) {
  *out = (flr_shared_window){.node = MPI_COMM_NULL, .leads = {MPI_COMM_NULL, MPI_COMM_NULL}};
  why[0] = '\0';
  FLR_TRY(split(out, ranks_per_node));
  const flr_status status = open_window(out, why, why_bytes);
  if (status != FLR_OK || why[0]) flr_shared_window_clear(out);
  return status;
}

void flr_shared_window_clear(flr_shared_window *w) {
  if (!w->size) return;
  flr_shared_region_clear(&w->region);
  for (int lane = 0; lane < FLR_SHARED_LANES; lane++)
    if (w->leads[lane] != MPI_COMM_NULL) (void)MPI_Comm_free(&w->leads[lane]);
  if (w->node != MPI_COMM_NULL) (void)MPI_Comm_free(&w->node);
  *w = (flr_shared_window){0};
}
