/* How many threads, and the parallel loop. */
#include <omp.h>
#include <sched.h>

#include "backend/cpu/cpu_impl.h"
#include "core/cpu_limit.h"

void flr_cpu_parallel(const flr_cpu *cpu, int64_t n, int64_t grain, flr_cpu_body body, void *context) {
  const int64_t pieces = (n + grain - 1) / grain;
  const int threads = pieces < cpu->head.threads ? (int)pieces : cpu->head.threads;
  if (threads <= 1) {
    if (n > 0) body(context, 0, n);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    const int64_t me = omp_get_thread_num(), all = omp_get_num_threads();
    const int64_t begin = pieces * me / all * grain, end = pieces * (me + 1) / all * grain;
    if (begin < end) body(context, begin, end < n ? end : n);
  }
}

static int affinity_cpus(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return omp_get_num_procs();
  return CPU_COUNT(&set);
}

int flr_cpu_share(int cpus, int local_size) {
  const int quota = flr_cpus_in_groups("");
  int share = cpus > 0 ? cpus : affinity_cpus() / local_size;
  if (quota > 0 && quota / local_size < share) share = quota / local_size;
  return share > 0 ? share : 1;
}
