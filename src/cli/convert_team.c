/* The conversation of ranks that convert together. */
#include "cli/convert_team.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"

enum { MESSAGE_BYTES = 1024, PIECE_BYTES = 1 << 30, WORD = 4 };

/* "rank 2 (host): text" becomes text. */
static void take_off_rank(void) {
  char message[MESSAGE_BYTES];
  (void)snprintf(message, sizeof message, "%s", flr_status_message());
  const char *text = strncmp(message, "rank ", 5) == 0 ? strstr(message, "): ") : NULL;
  if (text) flr_status_set_message(text + 3);
}

static flr_status agree(void *context, flr_status local) {
  flr_comm *comm = context;
  char message[MESSAGE_BYTES];
  (void)snprintf(message, sizeof message, "%s", flr_status_message());
  const flr_status status = flr_comm_agree(comm, local);
  if (comm->rank == 0 && local != FLR_OK && status == local)
    flr_status_set_message(message);
  else if (status == FLR_ERROR_DATA)
    take_off_rank();
  return status;
}

static flr_status sum(void *context, int64_t *values, int64_t n) {
  return flr_comm_all_reduce(context, values, n, FLR_COMM_I64);
}

static flr_status broadcast(void *context, void *data, int64_t bytes) {
  for (int64_t done = 0; done < bytes; done += PIECE_BYTES) {
    const int64_t part = bytes - done < PIECE_BYTES ? bytes - done : PIECE_BYTES;
    FLR_TRY(flr_comm_broadcast(context, (char *)data + done, (size_t)part, 0));
  }
  return FLR_OK;
}

/* counts and offsets: [4, size]. */
static flr_status collect_by(flr_comm *comm, const void *mine, void *all, const int64_t *bytes_of, int64_t *counts) {
  int64_t *send = counts, *send_at = counts + comm->size, *take = counts + 2 * comm->size, *take_at = counts + 3 * comm->size;
  int64_t at = 0;
  send[0] = bytes_of[comm->rank] / WORD;
  for (int rank = 0; rank < comm->size && comm->rank == 0; rank++) {
    take[rank] = bytes_of[rank] / WORD;
    take_at[rank] = at;
    at += take[rank];
  }
  return flr_comm_exchange(comm, mine, send, send_at, all, take, take_at);
}

static flr_status collect(void *context, const void *mine, void *all, const int64_t *bytes_of) {
  flr_comm *comm = context;
  int64_t *counts;
  FLR_TRY(flr_comm_agree(comm, flr_alloc(&counts, 4 * (int64_t)comm->size, sizeof *counts)));
  const flr_status status = collect_by(comm, mine, all, bytes_of, counts);
  flr_free(counts);
  return status;
}

flr_convert_team flr_convert_team_of(flr_comm *comm) {
  return (flr_convert_team){.context = comm,
                            .rank = comm->rank,
                            .size = comm->size,
                            .agree = agree,
                            .sum = sum,
                            .broadcast = broadcast,
                            .collect = collect};
}
