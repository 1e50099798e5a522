/* Asking the kernel. */
#include "core/memory_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 };

/* The number behind `name` at the beginning of a line; -1: none. */
static int64_t number_after(const char *name, const char *line) {
  char *end;
  if (strncmp(line, name, strlen(name)) != 0) return -1;
  const long long value = strtoll(line + strlen(name), &end, 10);
  return end == line + strlen(name) || value < 0 ? -1 : value;
}

/* The number that a file begins with; -1: none ("max", or no such file). */
static int64_t number_in(const char *path) {
  char line[64] = "";
  FILE *file = fopen(path, "r");
  if (!file) return -1;
  const int64_t value = fgets(line, sizeof line, file) ? number_after("", line) : -1;
  (void)fclose(file);
  return value;
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
static int64_t files_cached(const char *folder) {
  char line[256], path[3 * LINE_BYTES];
  int64_t sum = 0;
  (void)snprintf(path, sizeof path, "%s/memory.stat", folder);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  while (fgets(line, sizeof line, file)) {
    const char *name = strncmp(line, "total_", 6) == 0 ? line + 6 : line; /* version 1: with the groups below */
    const int with_below = name != line || !strstr(folder, "/sys/fs/cgroup/memory");
    const int64_t inactive = number_after("inactive_file ", name), active = number_after("active_file ", name);
    if (with_below) sum += (inactive > 0 ? inactive : 0) + (active > 0 ? active : 0);
  }
  (void)fclose(file);
  return sum;
}

/* The least that is left in the group and in those above it, *least before. group: changed. */
static void climb(const char *root, const char *hierarchy, char *group, const char *limit_name, const char *usage_name,
                  int64_t *least) {
  char folder[2 * LINE_BYTES], path[3 * LINE_BYTES];
  for (;;) {
    (void)snprintf(folder, sizeof folder, "%s/sys/fs/cgroup%s%s", root, hierarchy, group);
    (void)snprintf(path, sizeof path, "%s/%s", folder, limit_name);
    const int64_t most = number_in(path);
    (void)snprintf(path, sizeof path, "%s/%s", folder, usage_name);
    const int64_t used = number_in(path), kept = used - files_cached(folder), left = most > kept ? most - kept : 0;
    if (most >= 0 && used >= 0 && left < *least) *least = left;
    char *slash = strrchr(group, '/');
    if (!slash) return;
    *slash = '\0';
  }
}

int64_t flr_memory_left_in_groups(const char *root) {
  char line[LINE_BYTES] = "", path[LINE_BYTES];
  int64_t least = INT64_MAX;
  climb(root, "", line, "memory.max", "memory.current", &least); /* as a process in its own group sees them */
  climb(root, "/memory", line, "memory.limit_in_bytes", "memory.usage_in_bytes", &least);
  (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  FILE *file = fopen(path, "r");
  if (!file) return least;
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *group++ = '\0';
    if (controllers[1] == '\0') climb(root, "", group, "memory.max", "memory.current", &least);
    if (strcmp(controllers + 1, "memory") == 0)
      climb(root, "/memory", group, "memory.limit_in_bytes", "memory.usage_in_bytes", &least);
  }
  (void)fclose(file);
  return least;
}

static int64_t address_space_left(void) {
  struct rlimit limit;
  const int64_t pages = number_in("/proc/self/statm");
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || pages < 0) return INT64_MAX;
  const int64_t used = pages * sysconf(_SC_PAGESIZE), most = (int64_t)limit.rlim_cur;
  return most > used ? most - used : 0;
}

int64_t flr_memory_available(void) {
  const int64_t left[] = {system_free(), flr_memory_left_in_groups(""), address_space_left()};
  int64_t least = INT64_MAX;
  for (int i = 0; i < 3; i++)
    if (left[i] < least) least = left[i];
  return least;
}
