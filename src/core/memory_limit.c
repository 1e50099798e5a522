/* Asking the kernel. */
#include "core/memory_limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number that a file begins with; -1: none ("max", or no such file). */
static int64_t number_in(const char *path) {
  int64_t value = -1;
  FILE *file = fopen(path, "r");
  if (!file) return -1;
  if (fscanf(file, "%" SCNd64, &value) != 1) value = -1;
  (void)fclose(file);
  return value;
}

static int64_t system_free(void) {
  char line[256];
  int64_t kib = -1;
  FILE *file = fopen("/proc/meminfo", "r");
  if (!file) return INT64_MAX;
  while (kib < 0 && fgets(line, sizeof line, file))
    if (sscanf(line, "MemAvailable: %" SCNd64, &kib) != 1) kib = -1;
  (void)fclose(file);
  return kib < 0 ? INT64_MAX : kib * 1024;
}

/* Version 2 and version 1, as a process in its own group sees them. */
static int64_t group_left(void) {
  static const char *const files[][2] = {
      {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}};
  for (int i = 0; i < 2; i++) {
    const int64_t most = number_in(files[i][0]), used = number_in(files[i][1]);
    if (most >= 0 && used >= 0) return most > used ? most - used : 0;
  }
  return INT64_MAX;
}

static int64_t address_space_left(void) {
  struct rlimit limit;
  const int64_t pages = number_in("/proc/self/statm");
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || pages < 0) return INT64_MAX;
  const int64_t used = pages * sysconf(_SC_PAGESIZE), most = (int64_t)limit.rlim_cur;
  return most > used ? most - used : 0;
}

int64_t flr_memory_available(void) {
  const int64_t left[] = {system_free(), group_left(), address_space_left()};
  int64_t least = INT64_MAX;
  for (int i = 0; i < 3; i++)
    if (left[i] < least) least = left[i];
  return least;
}
