/* Lists of hosts, and failures told by host: of nodes of one rank each, as a comm that is told so. */
#include "harness/harness.h"
#include "mpi/hosts.h"
#include "mpi/launch.h"

static flr_comm *comm;

static void check_list(const char *const *names, const char *wanted, int distinct) {
  char hosts[16][FLR_HOST_BYTES], text[256];
  int count = 0;
  for (; names[count]; count++) (void)snprintf(hosts[count], FLR_HOST_BYTES, "%s", names[count]);
  assert_int_equal(flr_hosts_text(text, sizeof text, hosts, count), distinct);
  assert_string_equal(text, wanted);
}

static void test_hosts__numbers_that_follow_each_other_are_one(void **state) {
  (void)state;
  check_list((const char *const[]){"node7", NULL}, "node7", 1);
  check_list((const char *const[]){"node04", "node01", "node02", "node03", "node01", NULL}, "node[01-04]", 4);
  check_list((const char *const[]){"node9", "node10", "node11", "gpu", "node7", NULL}, "gpu, node[7,9], node[10-11]", 5);
  check_list((const char *const[]){"n1.site2", "n2.site2", "n2.site3", NULL}, "n[1-2].site2, n2.site3", 3);
  check_list((const char *const[]){"a", "b", "a", NULL}, "a, b", 2);
  check_list((const char *const[]){NULL}, "", 0);
}

static void test_hosts__a_list_that_is_too_long_is_cut(void **state) {
  (void)state;
  char hosts[3][FLR_HOST_BYTES] = {"alpha", "beta", "gamma"}, text[12];
  assert_int_equal(flr_hosts_text(text, sizeof text, hosts, 3), 3);
  assert_string_equal(text, "alpha, be..");
}

/* Two ranks fail for one cause, the last for another. */
static void test_hosts__each_cause_is_told_once(void **state) {
  (void)state;
  flr_status local = FLR_OK;
  if (comm->size != 4) skip();
  if (comm->rank == 1 || comm->rank == 2) local = flr_fail(FLR_ERROR_NO_INPUT, "a.h5: no such file");
  if (comm->rank == 3) local = flr_fail(FLR_ERROR_DATA, "a.h5: torn");
  assert_int_equal(flr_comm_agree_by_host(comm, local), FLR_ERROR_NO_INPUT);
  assert_string_equal(flr_status_message(),
                      "on node[02-03] (2 of 4 nodes): a.h5: no such file; on node04 (1 of 4 nodes): a.h5: torn");
  assert_int_equal(flr_comm_agree_by_host(comm, flr_fail(FLR_ERROR_DATA, "all the same")), FLR_ERROR_DATA);
  assert_string_equal(flr_status_message(), "all the same");
  assert_int_equal(flr_comm_agree_by_host(comm, FLR_OK), FLR_OK);
}

/* Two hosts of two ranks. */
static void test_hosts__ranks_that_fail_alone_are_named(void **state) {
  (void)state;
  char own[FLR_HOST_BYTES];
  flr_status local = FLR_OK;
  if (comm->size != 4) skip();
  memcpy(own, comm->host, sizeof own);
  (void)snprintf(comm->host, sizeof comm->host, "node%02d", comm->rank / 2);
  comm->local_rank = comm->rank % 2;
  if (comm->rank < 3) local = flr_fail(FLR_ERROR_DATA, "a.h5: torn");
  assert_int_equal(flr_comm_agree_by_host(comm, local), FLR_ERROR_DATA);
  assert_string_equal(flr_status_message(), "on node[00-01] (2 of 2 nodes; rank 0,1,2): a.h5: torn");
  if (comm->rank < 3) local = flr_fail(FLR_ERROR_DATA, "a.h5: torn");
  if (comm->rank == 3) local = flr_fail(FLR_ERROR_NO_INPUT, "b.h5: no such file");
  assert_int_equal(flr_comm_agree_by_host(comm, local), FLR_ERROR_DATA);
  assert_string_equal(flr_status_message(),
                      "on node[00-01] (2 of 2 nodes; rank 0,1,2): a.h5: torn; "
                      "on node01 (1 of 2 nodes; rank 3): b.h5: no such file");
  comm->local_rank = 0;
  memcpy(comm->host, own, sizeof own);
}

static void test_hosts__another_key_names_both_sides(void **state) {
  (void)state;
  char as_first[64], other[64];
  int rank;
  if (comm->size != 4) skip();
  CHECK_OK(flr_comm_compare_nodes(comm, 5, &rank, as_first, other, sizeof other));
  assert_int_equal(rank, -1);
  CHECK_OK(flr_comm_compare_nodes(comm, comm->rank >= 2 ? 6 : 5, &rank, as_first, other, sizeof other));
  assert_int_equal(rank, 2);
  assert_string_equal(as_first, "node[01-02]");
  assert_string_equal(other, "node[03-04]");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_hosts__numbers_that_follow_each_other_are_one),
      cmocka_unit_test(test_hosts__a_list_that_is_too_long_is_cut),
      cmocka_unit_test(test_hosts__each_cause_is_told_once),
      cmocka_unit_test(test_hosts__ranks_that_fail_alone_are_named),
      cmocka_unit_test(test_hosts__another_key_names_both_sides),
  };
  if (flr_launch_start(&comm, "auto", NULL) != FLR_OK) return 1;
  comm->local_rank = 0;
  if (comm->size > 1) comm->local_size = 1;
  (void)snprintf(comm->host, sizeof comm->host, "node%02d", comm->rank + 1);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  flr_launch_finish(comm);
  return failed;
}
