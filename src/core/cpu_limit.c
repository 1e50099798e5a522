/* Quotas of CPU time. */
#include "core/cpu_limit.h"

#include <limits.h>
#include <stddef.h>

#include "core/control_group.h"

static void note_quota(void *context, const char *folder, int version) {
  int *least = context;
  int64_t period = -1, quota = -1;
  if (version == 2) {
    quota = flr_control_group_number(folder, "cpu.max", &period);
  } else {
    quota = flr_control_group_number(folder, "cpu.cfs_quota_us", NULL);
    period = flr_control_group_number(folder, "cpu.cfs_period_us", NULL);
  }
  if (quota <= 0 || period <= 0) return;
  const int64_t cpus = (quota + period - 1) / period;
  if (cpus < *least) *least = (int)cpus;
}

int flr_cpus_in_groups(const char *root) {
  int least = INT_MAX;
  flr_control_groups_visit(root, "cpu", note_quota, &least);
  return least == INT_MAX ? 0 : least;
}
