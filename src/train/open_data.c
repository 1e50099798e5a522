/* One look at the files on each host, then the same data everywhere. */
#include "train/open_data.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/memory.h"
#include "mpi/hosts.h"
#include "train/plan.h"

/* What the first rank of a host tells before all else. */
typedef struct first_word {
  int64_t bytes; /* of the description; 0: there is none, each rank opens the data itself */
  int status;
  char message[1024];
} first_word;

/* What was told of the data. */
typedef struct told {
  unsigned char *bytes; /* [count] */
  size_t count;
} told;

static int leads(const flr_session *s) { return s->comm->local_rank == 0; }

static flr_status open_itself(flr_session *s) {
  flr_session_storage(s, "reading", s->config->data);
  const flr_status status = flr_plan_open_data(s);
  flr_session_storage_done(s);
  return status;
}

static flr_status open_described(flr_session *s, const told *t) {
  const flr_dataset_options options = flr_plan_dataset(s->config, s->config->data);
  flr_session_storage(s, "reading", s->config->data);
  const flr_status status = flr_dataset_open_described(&s->dataset, &options, t->bytes, t->count);
  flr_session_storage_done(s);
  return status;
}

static flr_status look(flr_session *s, told *t) {
  FLR_TRY(open_itself(s));
  return s->comm->local_size > 1 ? flr_dataset_describe(s->dataset, &t->bytes, &t->count) : FLR_OK;
}

/* Where the first rank failed the others fail in its words, so that the cause is told once. Room for what comes next is taken
   here, as a rank that has none must say so before the others wait for it. */
static flr_status begin(flr_session *s, told *t) {
  first_word word = {0};
  if (leads(s)) {
    word.status = (int)look(s, t);
    word.bytes = (int64_t)t->count;
    (void)snprintf(word.message, sizeof word.message, "%s", word.status == FLR_OK ? "" : flr_status_message());
  }
  FLR_TRY(flr_comm_node_broadcast(s->comm, &word, sizeof word));
  if (word.status != FLR_OK) return flr_fail((flr_status)word.status, "%s", word.message);
  if (leads(s) || word.bytes == 0) return FLR_OK;
  t->count = (size_t)word.bytes;
  return flr_alloc(&t->bytes, word.bytes, 1);
}

static flr_status follow(flr_session *s, const told *t) {
  if (t->count > 0) FLR_TRY(flr_comm_node_broadcast(s->comm, t->bytes, t->count));
  if (leads(s)) return FLR_OK;
  return t->count > 0 ? open_described(s, t) : open_itself(s);
}

static void tell(const flr_session *s, const told *t, double seconds) {
  if (t->count == 0)
    flr_log_write(s->log, FLR_LOG_VERBOSE, "data opened in %.3f s", seconds);
  else
    flr_log_write(s->log, FLR_LOG_VERBOSE, "data opened in %.3f s, by one rank of a node, which told the others %.1f KiB",
                  seconds, (double)t->count / 1024);
}

flr_status flr_open_data(flr_session *s) {
  const double start = flr_clock_seconds();
  told t = {0};
  flr_status status = flr_comm_agree_by_host(s->comm, begin(s, &t));
  if (status == FLR_OK) status = flr_comm_agree_by_host(s->comm, follow(s, &t));
  if (status == FLR_OK) tell(s, &t, flr_clock_seconds() - start);
  flr_free(t.bytes);
  return status;
}
