/* Asking the kernel. */
#include "core/memory_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/control_group.h"

enum { LINE_BYTES = 4096 };

/* The number behind `name` at the beginning of a line; -1: none. */
static int64_t number_after(const char *name, const char *line) {
  char *end;
  if (strncmp(line, name, strlen(name)) != 0) return -1;
  const long long value = strtoll(line + strlen(name), &end, 10);
  return end == line + strlen(name) || value < 0 ? -1 : value;
}

static int64_t system_free(void) {
  char line[256];
  int64_t kib = -1;
  FILE *file = fopen("/proc/meminfo", "r");
  if (!file) return INT64_MAX;
  while (kib < 0 && fgets(line, sizeof line, file)) kib = number_after("MemAvailable:", line);
  (void)fclose(file);
  return kib < 0 ? INT64_MAX : kib * 1024;
}

/* Pages of files that a group holds, which it gives up when it needs the room. */
static int64_t files_cached(const char *folder, int version) {
  char line[256], path[3 * LINE_BYTES];
  int64_t sum = 0;
  (void)snprintf(path, sizeof path, "%s/memory.stat", folder);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  while (fgets(line, sizeof line, file)) {
    const char *name = strncmp(line, "total_", 6) == 0 ? line + 6 : line; /* version 1: with the groups below */
    const int with_below = name != line || version == 2;
    const int64_t inactive = number_after("inactive_file ", name), active = number_after("active_file ", name);
    if (with_below) sum += (inactive > 0 ? inactive : 0) + (active > 0 ? active : 0);
  }
  (void)fclose(file);
  return sum;
}

static void note_left(void *context, const char *folder, int version) {
  int64_t *least = context;
  const int64_t most = flr_control_group_number(folder, version == 2 ? "memory.max" : "memory.limit_in_bytes", NULL);
  const int64_t used = flr_control_group_number(folder, version == 2 ? "memory.current" : "memory.usage_in_bytes", NULL);
  if (most < 0 || used < 0) return;
  const int64_t kept = used - files_cached(folder, version), left = most > kept ? most - kept : 0;
  if (left < *least) *least = left;
}

int64_t flr_memory_left_in_groups(const char *root) {
  int64_t least = INT64_MAX;
  flr_control_groups_visit(root, "memory", note_left, &least);
  return least;
}

static int64_t address_space_left(void) {
  struct rlimit limit;
  const int64_t pages = flr_control_group_number("/proc/self", "statm", NULL);
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || pages < 0) return INT64_MAX;
  const int64_t used = pages * sysconf(_SC_PAGESIZE), most = (int64_t)limit.rlim_cur;
  return most > used ? most - used : 0;
}

/* The number of KiB behind `name` in /proc/self/status, as bytes; -1: none. */
static int64_t own_status(const char *name) {
  char line[256];
  int64_t kib = -1;
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) return -1;
  while (kib < 0 && fgets(line, sizeof line, file)) kib = number_after(name, line);
  (void)fclose(file);
  return kib < 0 ? -1 : kib * 1024;
}

static int64_t data_left(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return INT64_MAX;
  const int64_t used = own_status("VmData:"), most = (int64_t)limit.rlim_cur;
  if (used < 0) return INT64_MAX;
  return most > used ? most - used : 0;
}

int64_t flr_memory_available(void) {
  const int64_t left[] = {system_free(), flr_memory_left_in_groups(""), address_space_left(), data_left()};
  int64_t least = INT64_MAX;
  for (int i = 0; i < 4; i++)
    if (left[i] < least) least = left[i];
  return least;
}
