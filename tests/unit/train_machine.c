/* A rank's share of its host. */
#include "harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/cpu_limit.h"
#include "core/memory_limit.h"
#include "harness/temporary_folder.h"
#include "train/machine.h"

enum { MOST_RANKS = 8 };

typedef struct host_ranks {
  int64_t rows[MOST_RANKS][FLR_MACHINE_WORDS];
  int count;
} host_ranks;

/* One more rank, on that host, which may run on the CPUs first .. last. */
static void add_rank(host_ranks *ranks, int64_t host, int first, int last) {
  int64_t *row = ranks->rows[ranks->count++];
  memset(row, 0, sizeof ranks->rows[0]);
  row[0] = host;
  for (int cpu = first; cpu <= last; cpu++) row[1 + cpu / 64] |= (int64_t)(1ull << (cpu % 64));
}

static int share(const host_ranks *ranks, int rank) { return flr_machine_share(ranks->rows[0], ranks->count, rank); }

static void test_share__ranks_bound_to_cores_of_their_own_have_all_of_them(void **state) {
  (void)state;
  host_ranks ranks = {.count = 0};
  for (int r = 0; r < 4; r++) add_rank(&ranks, 7, 8 * r, 8 * r + 7);
  for (int r = 0; r < 4; r++) assert_int_equal(share(&ranks, r), 8);
}

static void test_share__ranks_that_are_not_bound_divide_the_host(void **state) {
  (void)state;
  host_ranks ranks = {.count = 0};
  for (int r = 0; r < 3; r++) add_rank(&ranks, 7, 0, 31);
  for (int r = 0; r < 3; r++) assert_int_equal(share(&ranks, r), 10);
  add_rank(&ranks, 8, 0, 31); /* alone on another host */
  assert_int_equal(share(&ranks, 0), 10);
  assert_int_equal(share(&ranks, 3), 32);
}

static void test_share__overlaps_count_for_all_who_share_them(void **state) {
  (void)state;
  host_ranks ranks = {.count = 0};
  add_rank(&ranks, 7, 0, 127);
  add_rank(&ranks, 7, 64, 127);
  assert_int_equal(share(&ranks, 0), 96);
  assert_int_equal(share(&ranks, 1), 32);
}

static void test_share__is_a_thread_at_least_and_0_where_nothing_is_known(void **state) {
  (void)state;
  host_ranks ranks = {.count = 0};
  for (int r = 0; r < 4; r++) add_rank(&ranks, 7, 0, 1);
  assert_int_equal(share(&ranks, 0), 1);
  add_rank(&ranks, 0, 1, 0);
  assert_int_equal(share(&ranks, 4), 0);
}

/* root/path with a line in it; its folders are made. */
static void put(const char *root, const char *path, const char *line) {
  char full[1024];
  (void)snprintf(full, sizeof full, "%s/%s", root, path);
  for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
    *slash = '\0';
    (void)mkdir(full, 0777);
    *slash = '/';
  }
  FILE *file = fopen(full, "w");
  assert_non_null(file);
  (void)fprintf(file, "%s\n", line);
  assert_int_equal(fclose(file), 0);
}

static void test_memory__least_limit_of_all_groups_above(void **state) {
  (void)state;
  char root[512], command[600];
  assert_non_null(temporary_folder(root, sizeof root, "flr_machine"));
  assert_true(flr_memory_left_in_groups(root) == INT64_MAX); /* no control groups */
  put(root, "proc/self/cgroup", "0::/slurm/job_7/step_0");
  put(root, "sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max");
  put(root, "sys/fs/cgroup/slurm/job_7/step_0/memory.current", "10");
  assert_true(flr_memory_left_in_groups(root) == INT64_MAX);
  put(root, "sys/fs/cgroup/slurm/job_7/memory.max", "4000000");
  put(root, "sys/fs/cgroup/slurm/job_7/memory.current", "1000000");
  put(root, "sys/fs/cgroup/slurm/memory.max", "8000000");
  put(root, "sys/fs/cgroup/slurm/memory.current", "1000000");
  assert_int_equal(flr_memory_left_in_groups(root), 3000000);
  put(root, "sys/fs/cgroup/slurm/job_7/memory.stat", "anon 1\ninactive_file 200000\nactive_file 300000");
  assert_int_equal(flr_memory_left_in_groups(root), 3500000);
  put(root, "proc/self/cgroup", "0::/\n9:name=systemd:/x\n4:memory:/slurm/job_7");
  put(root, "sys/fs/cgroup/memory/slurm/memory.limit_in_bytes", "3000000");
  put(root, "sys/fs/cgroup/memory/slurm/memory.usage_in_bytes", "500000");
  assert_int_equal(flr_memory_left_in_groups(root), 2500000);
  put(root, "sys/fs/cgroup/memory/slurm/memory.stat", "inactive_file 7\ntotal_inactive_file 50000\ntotal_active_file 50000");
  assert_int_equal(flr_memory_left_in_groups(root), 2600000);
  put(root, "sys/fs/cgroup/memory/slurm/memory.usage_in_bytes", "3500000");
  assert_int_equal(flr_memory_left_in_groups(root), 0);
  (void)snprintf(command, sizeof command, "rm -r '%s'", root);
  assert_int_equal(system(command), 0);
}

static void test_share__quota_of_the_groups_is_divided_too(void **state) {
  (void)state;
  assert_int_equal(flr_machine_within_quota(8, 0, 4), 8); /* none */
  assert_int_equal(flr_machine_within_quota(8, 64, 4), 8);
  assert_int_equal(flr_machine_within_quota(8, 6, 2), 3);
  assert_int_equal(flr_machine_within_quota(8, 2, 4), 1);
  assert_int_equal(flr_machine_within_quota(0, 6, 2), 3); /* no affinity is known */
  assert_int_equal(flr_machine_within_quota(0, 0, 2), 0);
  const int alone = flr_machine_cpus_alone(), quota = flr_cpus_in_groups("");
  if (alone < 1 || (quota > 0 && alone > quota)) fail_msg("alone: %d CPUs of a quota of %d", alone, quota);
}

static void test_quota__least_of_all_groups_above(void **state) {
  (void)state;
  char root[512], command[600];
  assert_non_null(temporary_folder(root, sizeof root, "flr_machine"));
  assert_int_equal(flr_cpus_in_groups(root), 0); /* no control groups */
  put(root, "proc/self/cgroup", "0::/slurm/job_7/step_0");
  put(root, "sys/fs/cgroup/slurm/job_7/step_0/cpu.max", "max 100000");
  assert_int_equal(flr_cpus_in_groups(root), 0);
  put(root, "sys/fs/cgroup/slurm/cpu.max", "800000 100000");
  assert_int_equal(flr_cpus_in_groups(root), 8);
  put(root, "sys/fs/cgroup/slurm/job_7/cpu.max", "350000 100000");
  assert_int_equal(flr_cpus_in_groups(root), 4);
  put(root, "proc/self/cgroup", "0::/\n3:cpu,cpuacct:/slurm/job_7\n4:cpuset:/");
  assert_int_equal(flr_cpus_in_groups(root), 0);
  put(root, "sys/fs/cgroup/cpu/slurm/job_7/cpu.cfs_quota_us", "-1");
  put(root, "sys/fs/cgroup/cpu/slurm/job_7/cpu.cfs_period_us", "100000");
  assert_int_equal(flr_cpus_in_groups(root), 0);
  put(root, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000");
  put(root, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  assert_int_equal(flr_cpus_in_groups(root), 2);
  (void)snprintf(command, sizeof command, "rm -r '%s'", root);
  assert_int_equal(system(command), 0);
}

static void test_prefetch__fits_a_quarter_of_a_ranks_part(void **state) {
  (void)state;
  assert_int_equal(flr_machine_prefetch(4, 1000000, 2, 1000), 4);
  assert_int_equal(flr_machine_prefetch(4, 32000, 2, 1000), 3); /* 4000 for three ahead and the one in use */
  assert_int_equal(flr_machine_prefetch(4, 1000, 2, 1000), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_share__ranks_bound_to_cores_of_their_own_have_all_of_them),
      cmocka_unit_test(test_share__ranks_that_are_not_bound_divide_the_host),
      cmocka_unit_test(test_share__overlaps_count_for_all_who_share_them),
      cmocka_unit_test(test_share__is_a_thread_at_least_and_0_where_nothing_is_known),
      cmocka_unit_test(test_share__quota_of_the_groups_is_divided_too),
      cmocka_unit_test(test_quota__least_of_all_groups_above),
      cmocka_unit_test(test_memory__least_limit_of_all_groups_above),
      cmocka_unit_test(test_prefetch__fits_a_quarter_of_a_ranks_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
