/* Lists of hosts, and what they disagree about. */
#include "mpi/hosts.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { MOST_CAUSES = 4, LIST_BYTES = 256, RANKS_BYTES = 48 };

/* ---- lists ---- */

/* A host's name around its last number; of "node07.site2" 07, as what follows the first dot is where it is. */
typedef struct host_name {
  const char *text;
  int prefix, digits; /* lengths */
  long number;        /* -1: none */
} host_name;

static host_name parse(const char *text) {
  const int label = (int)strcspn(text, ".");
  int end = label, start;
  while (end > 0 && !isdigit((unsigned char)text[end - 1])) end--;
  for (start = end; start > 0 && end - start < 9 && isdigit((unsigned char)text[start - 1]);) start--;
  if (start == end) return (host_name){.text = text, .prefix = (int)strlen(text), .number = -1};
  return (host_name){.text = text, .prefix = start, .digits = end - start, .number = strtol(text + start, NULL, 10)};
}

static int same_kind(const host_name *a, const host_name *b) {
  return a->number >= 0 && b->number >= 0 && a->prefix == b->prefix && a->digits == b->digits &&
         strncmp(a->text, b->text, (size_t)a->prefix) == 0 &&
         strcmp(a->text + a->prefix + a->digits, b->text + b->prefix + b->digits) == 0;
}

static int compare_hosts(const void *a, const void *b) {
  const host_name x = parse(a), y = parse(b);
  const int prefixes = strncmp(x.text, y.text, (size_t)(x.prefix < y.prefix ? x.prefix : y.prefix));
  if (prefixes != 0) return prefixes;
  if (x.prefix != y.prefix) return x.prefix - y.prefix;
  if (x.digits != y.digits) return x.digits - y.digits;
  return x.number != y.number ? (x.number > y.number) - (x.number < y.number) : strcmp(x.text, y.text);
}

static int drop_doubles(char (*hosts)[FLR_HOST_BYTES], int count) {
  int kept = 0;
  for (int i = 0; i < count; i++) {
    if (kept > 0 && strcmp(hosts[kept - 1], hosts[i]) == 0) continue;
    if (kept != i) memcpy(hosts[kept], hosts[i], FLR_HOST_BYTES);
    kept++;
  }
  return kept;
}

static void add(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(char *text, size_t size, const char *format, ...) {
  const size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  const int wanted = vsnprintf(text + used, size - used, format, arguments);
  va_end(arguments);
  if (wanted >= (int)(size - used) && size > 3) memcpy(text + size - 3, "..", 3);
}

/* hosts[first .. last] have the same name but for the number: "node[01-04,07]". */
static void add_numbers(char *text, size_t size, char (*hosts)[FLR_HOST_BYTES], int first, int last) {
  const host_name name = parse(hosts[first]);
  add(text, size, "%.*s[", name.prefix, name.text);
  for (int i = first; i <= last;) {
    int end = i;
    while (end < last && parse(hosts[end + 1]).number == parse(hosts[end]).number + 1) end++;
    add(text, size, i == first ? "%0*ld" : ",%0*ld", name.digits, parse(hosts[i]).number);
    if (end > i) add(text, size, "-%0*ld", name.digits, parse(hosts[end]).number);
    i = end + 1;
  }
  add(text, size, "]%s", name.text + name.prefix + name.digits);
}

int flr_hosts_text(char *text, size_t size, char (*hosts)[FLR_HOST_BYTES], int count) {
  qsort(hosts, (size_t)count, sizeof *hosts, compare_hosts);
  count = drop_doubles(hosts, count);
  text[0] = '\0';
  for (int first = 0; first < count;) {
    const host_name name = parse(hosts[first]);
    int last = first;
    for (; last + 1 < count; last++) {
      const host_name next = parse(hosts[last + 1]);
      if (!same_kind(&name, &next)) break;
    }
    if (first > 0) add(text, size, ", ");
    if (last == first)
      add(text, size, "%s", hosts[first]);
    else
      add_numbers(text, size, hosts, first, last);
    first = last + 1;
  }
  return count;
}

/* ---- agreement ---- */

typedef struct host_note {
  int status, first_of_node;
  char host[FLR_HOST_BYTES];
  char message[640];
} host_note;

static int same_cause(const host_note *a, const host_note *b) {
  return a->status == b->status && strcmp(a->message, b->message) == 0;
}

/* 1: no rank before it failed in the same way. */
static int is_new_cause(const host_note *notes, int rank) {
  if (notes[rank].status == FLR_OK) return 0;
  for (int before = 0; before < rank; before++)
    if (same_cause(&notes[before], &notes[rank])) return 0;
  return 1;
}

static int is_one_of(const char *host, char (*hosts)[FLR_HOST_BYTES], int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(hosts[i], host) == 0) return 1;
  return 0;
}

/* Which ranks of these hosts met the cause, where some did not. */
static void add_ranks(char *text, size_t bytes, const host_note *notes, int size, int rank, char (*hosts)[FLR_HOST_BYTES],
                      int count) {
  int others = 0, told = 0;
  for (int other = 0; other < size; other++)
    others += !same_cause(&notes[other], &notes[rank]) && is_one_of(notes[other].host, hosts, count);
  for (int other = rank; other < size && others > 0; other++)
    if (same_cause(&notes[other], &notes[rank])) add(text, bytes, told++ ? ",%d" : "; rank %d", other);
}

/* hosts: room for [size]. */
static void add_cause(char *text, size_t bytes, const host_note *notes, int size, int rank, char (*hosts)[FLR_HOST_BYTES]) {
  char list[LIST_BYTES], ranks[RANKS_BYTES] = "";
  int count = 0, nodes = 0;
  for (int other = 0; other < size; other++) {
    nodes += notes[other].first_of_node;
    if (same_cause(&notes[other], &notes[rank])) memcpy(hosts[count++], notes[other].host, FLR_HOST_BYTES);
  }
  const int distinct = flr_hosts_text(list, sizeof list, hosts, count);
  add_ranks(ranks, sizeof ranks, notes, size, rank, hosts, distinct);
  add(text, bytes, "%son %s (%d of %d nodes%s): %s", text[0] ? "; " : "", list, distinct, nodes, ranks, notes[rank].message);
}

static flr_status tell(const host_note *notes, int size, char (*hosts)[FLR_HOST_BYTES]) {
  char text[1000] = "";
  int first = -1, causes = 0, failed = 0, alike = 0;
  for (int rank = 0; rank < size; rank++) {
    failed += notes[rank].status != FLR_OK;
    if (first < 0 && notes[rank].status != FLR_OK) first = rank;
    alike += first >= 0 && same_cause(&notes[rank], &notes[first]);
  }
  if (failed == 0) return FLR_OK;
  if (alike == size) return flr_fail((flr_status)notes[first].status, "%s", notes[first].message);
  for (int rank = first; rank < size; rank++) {
    if (!is_new_cause(notes, rank)) continue;
    if (causes++ < MOST_CAUSES) add_cause(text, sizeof text, notes, size, rank, hosts);
  }
  if (causes > MOST_CAUSES) add(text, sizeof text, "; and %d more causes", causes - MOST_CAUSES);
  return flr_fail((flr_status)notes[first].status, "%s", text);
}

static flr_status gather_and_tell(flr_comm *comm, flr_status local) {
  host_note own = {.status = (int)local, .first_of_node = comm->local_rank == 0}, *notes = NULL;
  char(*hosts)[FLR_HOST_BYTES] = NULL;
  flr_status status;
  (void)snprintf(own.host, sizeof own.host, "%s", comm->host);
  (void)snprintf(own.message, sizeof own.message, "%s", local == FLR_OK ? "" : flr_status_message());
  FLR_TRY_GOTO(status, flr_alloc(&notes, comm->size, sizeof *notes), done);
  FLR_TRY_GOTO(status, flr_alloc(&hosts, comm->size, sizeof *hosts), done);
  FLR_TRY_GOTO(status, flr_comm_all_gather(comm, &own, notes, sizeof own), done);
  status = tell(notes, comm->size, hosts);
done:
  flr_free(notes);
  flr_free(hosts);
  return status;
}

flr_status flr_comm_agree_by_host(flr_comm *comm, flr_status local) {
  int64_t failures = local != FLR_OK;
  if (comm->local_size == comm->size) return flr_comm_agree(comm, local);
  FLR_TRY(flr_comm_all_reduce(comm, &failures, 1, FLR_COMM_I64));
  return failures == 0 ? FLR_OK : gather_and_tell(comm, local);
}

/* ---- comparison ---- */

typedef struct node_key {
  uint64_t key;
  int first_of_node;
  char host[FLR_HOST_BYTES];
} node_key;

static void name_hosts(char *text, size_t bytes, const node_key *keys, int size, int as_first, char (*hosts)[FLR_HOST_BYTES]) {
  int count = 0;
  for (int rank = 0; rank < size; rank++)
    if (keys[rank].first_of_node && (keys[rank].key == keys[0].key) == as_first)
      memcpy(hosts[count++], keys[rank].host, FLR_HOST_BYTES);
  (void)flr_hosts_text(text, bytes, hosts, count);
}

flr_status flr_comm_compare_nodes(flr_comm *comm, uint64_t key, int *rank, char *as_first, char *other, size_t bytes) {
  node_key own = {.key = key, .first_of_node = comm->local_rank == 0}, *keys = NULL;
  char(*hosts)[FLR_HOST_BYTES] = NULL;
  flr_status status;
  *rank = -1;
  (void)snprintf(own.host, sizeof own.host, "%s", comm->host);
  FLR_TRY_GOTO(status, flr_alloc(&keys, comm->size, sizeof *keys), done);
  FLR_TRY_GOTO(status, flr_alloc(&hosts, comm->size, sizeof *hosts), done);
  FLR_TRY_GOTO(status, flr_comm_all_gather(comm, &own, keys, sizeof own), done);
  for (int i = comm->size - 1; i > 0; i--)
    if (keys[i].first_of_node && keys[i].key != keys[0].key) *rank = i;
  name_hosts(as_first, bytes, keys, comm->size, 1, hosts);
  name_hosts(other, bytes, keys, comm->size, 0, hosts);
done:
  flr_free(keys);
  flr_free(hosts);
  return status;
}
