/* How many threads, and the parallel loop. */
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"

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

/* The first number of a file, *second the one after it; -1 when there is none ("max"). */
static int64_t read_number(const char *path, int64_t *second) {
  FILE *file = fopen(path, "r");
  char line[64] = "", *rest;
  if (!file) return -1;
  if (!fgets(line, sizeof line, file)) line[0] = 0;
  (void)fclose(file);
  const int64_t first = strtoll(line, &rest, 10);
  if (rest == line) return -1;
  if (second) *second = strtoll(rest, NULL, 10);
  return first;
}

/* CPUs of the control group's quota, version 2 then 1; 0: no quota. */
static int quota_cpus(void) {
  int64_t period = 0, quota = read_number("/sys/fs/cgroup/cpu.max", &period);
  if (quota <= 0) {
    quota = read_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", NULL);
    period = read_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us", NULL);
  }
  return quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

int flr_cpu_share(int cpus, int local_size) {
  const int quota = quota_cpus() / local_size;
  int share = cpus > 0 ? cpus : affinity_cpus() / local_size;
  if (quota_cpus() > 0 && quota < share) share = quota;
  return share > 0 ? share : 1;
}
