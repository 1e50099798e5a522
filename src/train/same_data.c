/* Fingerprints of the nodes' data, compared. */
#include "train/same_data.h"

#include <string.h>

#include "core/hash.h"
#include "core/memory.h"
#include "mpi/hosts.h"
#include "train/fingerprint.h"

enum { HOSTS_BYTES = 160 };

/* text and first: [FLR_FINGERPRINT_BYTES], this rank's and room for rank 0's. */
static flr_status compare(flr_session *s, char *text, char *first) {
  char as_first[HOSTS_BYTES], other[HOSTS_BYTES], differences[400];
  int rank;
  FLR_TRY(flr_comm_compare_nodes(s->comm, flr_hash(FLR_HASH_START, text, strlen(text)), &rank, as_first, other, HOSTS_BYTES));
  if (rank < 0) return FLR_OK;
  memcpy(first, text, FLR_FINGERPRINT_BYTES);
  FLR_TRY(flr_comm_broadcast(s->comm, first, FLR_FINGERPRINT_BYTES, 0));
  FLR_TRY(flr_comm_broadcast(s->comm, text, FLR_FINGERPRINT_BYTES, rank));
  flr_fingerprint_differences(differences, sizeof differences, first, text, "there");
  return flr_fail(FLR_ERROR_DATA, "%s: on %s it is another version than on %s (%s): give all nodes the same file",
                  s->dataset->source, other, as_first, differences);
}

static flr_status take(flr_session *s, char *text) {
  char *taken;
  if (s->comm->local_rank != 0) return FLR_OK;
  FLR_TRY(flr_fingerprint_take(&taken, s->dataset));
  memcpy(text, taken, strlen(taken) + 1);
  flr_free(taken);
  return FLR_OK;
}

flr_status flr_same_data_check(flr_session *s) {
  char *texts;
  if (s->comm->local_size == s->comm->size) return FLR_OK;
  FLR_TRY(flr_alloc(&texts, 2, FLR_FINGERPRINT_BYTES));
  flr_session_storage(s, "reading", s->dataset->source);
  const flr_status taken = take(s, texts);
  flr_session_storage_done(s);
  flr_status status = flr_comm_agree_by_host(s->comm, taken);
  if (status == FLR_OK) status = compare(s, texts, texts + FLR_FINGERPRINT_BYTES);
  flr_free(texts);
  return status;
}
