/* CPUs by affinity, batches by memory. */
#include "train/machine.h"

#include <sched.h>
#include <string.h>

#include "core/cpu_limit.h"
#include "core/hash.h"
#include "core/memory.h"

enum { MEMORY_SHARE = 4 };

static int has_cpu(const int64_t *row, int cpu) { return (int)((uint64_t)row[1 + cpu / 64] >> (cpu % 64) & 1); }

int flr_machine_share(const int64_t *rows, int ranks, int rank) {
  const int64_t *own = rows + (int64_t)rank * FLR_MACHINE_WORDS;
  double share = 0;
  for (int cpu = 0; cpu < FLR_MACHINE_CPUS; cpu++) {
    int sharers = 0;
    if (!has_cpu(own, cpu)) continue;
    for (int r = 0; r < ranks; r++) {
      const int64_t *row = rows + (int64_t)r * FLR_MACHINE_WORDS;
      sharers += row[0] == own[0] && has_cpu(row, cpu);
    }
    share += 1.0 / sharers;
  }
  if (share <= 0) return 0;
  return share < 1 ? 1 : (int)(share + 1e-6);
}

int flr_machine_within_quota(int share, int quota, int local_ranks) {
  const int part = quota / local_ranks;
  if (quota <= 0 || (share > 0 && share <= part)) return share;
  return part < 1 ? 1 : part;
}

static void fill_row(int64_t *row, const char *host) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return;
  row[0] = (int64_t)flr_hash(FLR_HASH_START, host, strlen(host));
  for (int cpu = 0; cpu < FLR_MACHINE_CPUS && cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET((size_t)cpu, &set)) row[1 + cpu / 64] |= (int64_t)(1ull << (cpu % 64));
}

flr_status flr_machine_cpus(int *out, flr_comm *comm) {
  int64_t *rows;
  const int64_t words = (int64_t)comm->size * FLR_MACHINE_WORDS;
  *out = 0;
  FLR_TRY(flr_comm_agree(comm, flr_alloc(&rows, words, sizeof *rows)));
  fill_row(rows + (int64_t)comm->rank * FLR_MACHINE_WORDS, comm->host);
  const flr_status status = flr_comm_all_reduce(comm, rows, words, FLR_COMM_I64);
  if (status == FLR_OK)
    *out = flr_machine_within_quota(flr_machine_share(rows, comm->size, comm->rank), flr_cpus_in_groups(""), comm->local_size);
  flr_free(rows);
  return status;
}

int flr_machine_cpus_alone(void) {
  int64_t row[FLR_MACHINE_WORDS] = {0};
  fill_row(row, "");
  return flr_machine_within_quota(flr_machine_share(row, 1, 0), flr_cpus_in_groups(""), 1);
}

int flr_machine_prefetch(int wanted, int64_t memory, int local_ranks, int64_t batch_bytes) {
  if (batch_bytes <= 0) return wanted;
  const int64_t most = memory / local_ranks / MEMORY_SHARE / batch_bytes - 1;
  return most < 1 ? 1 : most < wanted ? (int)most : wanted;
}
