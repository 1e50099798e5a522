/* What every comm must do, at any rank count: exact sums, broadcasts, gathers, exchanges, agreement. */
#include <signal.h>
#include <unistd.h>

#include "core/memory.h"
#include "harness/harness.h"
#include "mpi/launch.h"

static flr_comm *comm;
static const char *current = "start";

static void on_alarm(int signal_number) {
  (void)signal_number;
  fprintf(stderr, "rank %d hangs in %s\n", comm->rank, current);
  _exit(1);
}

#define CASE(name) (current = (name), alarm(20))

static int64_t value_of(int rank, int64_t i) { return (rank + 1) * 3 + i % 17; }

static int64_t sum_of(int64_t i) {
  int64_t sum = 0;
  for (int rank = 0; rank < comm->size; rank++) sum += value_of(rank, i);
  return sum;
}

static void fill(void *buffer, int64_t count, flr_comm_type type) {
  for (int64_t i = 0; i < count; i++) {
    const int64_t value = value_of(comm->rank, i);
    if (type == FLR_COMM_F32) ((float *)buffer)[i] = (float)value;
    if (type == FLR_COMM_F64) ((double *)buffer)[i] = (double)value;
    if (type == FLR_COMM_I64) ((int64_t *)buffer)[i] = value;
  }
}

static void check_sums(const void *buffer, int64_t count, flr_comm_type type) {
  for (int64_t i = 0; i < count; i++) {
    const double got = type == FLR_COMM_F32   ? (double)((const float *)buffer)[i]
                       : type == FLR_COMM_F64 ? ((const double *)buffer)[i]
                                              : (double)((const int64_t *)buffer)[i];
    if (!(got == (double)sum_of(i)))
      fail_msg("rank %d, element %lld is %g, wanted %g", comm->rank, (long long)i, got, (double)sum_of(i));
  }
}

static void test_comm__sums_exactly(void **state) {
  (void)state;
  CASE("sums");
  static const int64_t counts[] = {0, 1, 7, 1000, 1000003};
  for (int type = FLR_COMM_F32; type <= FLR_COMM_I64; type++)
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
      for (int lane = FLR_LANE_DATA; lane <= FLR_LANE_CONTROL; lane++) {
        void *buffer;
        flr_comm_request request = {0};
        CHECK_OK(flr_alloc(&buffer, counts[c], 8));
        fill(buffer, counts[c], (flr_comm_type)type);
        CHECK_OK(flr_comm_all_reduce_begin(comm, (flr_comm_lane)lane, buffer, counts[c], (flr_comm_type)type, &request));
        CHECK_OK(flr_comm_wait(comm, &request));
        assert_int_equal(request.active, 0);
        check_sums(buffer, counts[c], (flr_comm_type)type);
        flr_free(buffer);
      }
}

enum { FLIGHTS = 12, FLIGHT = 50000 };

static void test_comm__several_are_under_way_on_both_lanes(void **state) {
  (void)state;
  CASE("several");
  flr_comm_request requests[FLIGHTS] = {{{0}, 0}};
  float *buffers[FLIGHTS];
  for (int i = 0; i < FLIGHTS; i++) {
    CHECK_OK(flr_alloc(&buffers[i], FLIGHT, sizeof(float)));
    fill(buffers[i], FLIGHT, FLR_COMM_F32);
    CHECK_OK(flr_comm_all_reduce_begin(comm, i % 3 ? FLR_LANE_DATA : FLR_LANE_CONTROL, buffers[i], FLIGHT, FLR_COMM_F32,
                                       &requests[i]));
  }
  for (int i = FLIGHTS - 1; i >= 0; i--) {
    int done = 0;
    while (!done) CHECK_OK(flr_comm_test(comm, &requests[i], &done));
    check_sums(buffers[i], FLIGHT, FLR_COMM_F32);
    flr_free(buffers[i]);
  }
}

static void test_comm__broadcasts_from_every_rank(void **state) {
  (void)state;
  CASE("broadcast");
  for (int root = 0; root < comm->size; root++) {
    char text[100] = "";
    if (comm->rank == root) (void)snprintf(text, sizeof text, "from rank %d", root);
    CHECK_OK(flr_comm_broadcast(comm, text, sizeof text, root));
    char wanted[100];
    (void)snprintf(wanted, sizeof wanted, "from rank %d", root);
    assert_string_equal(text, wanted);
  }
  flr_comm_request request = {0};
  CHECK_FAILS(flr_comm_broadcast_begin(comm, FLR_LANE_CONTROL, &request, 1, comm->size, &request), FLR_ERROR_INTERNAL,
              "broadcast");
}

static void test_comm__gathers_in_rank_order(void **state) {
  (void)state;
  CASE("gather");
  int32_t own[3] = {comm->rank, comm->rank * comm->rank, 5}, *all;
  CHECK_OK(flr_alloc(&all, 3 * comm->size, sizeof *all));
  CHECK_OK(flr_comm_all_gather(comm, own, all, sizeof own));
  for (int rank = 0; rank < comm->size; rank++) assert_true(all[3 * rank] == rank && all[3 * rank + 1] == rank * rank);
  flr_free(all);
}

/* Rank r sends (r + j) % 3 numbers to rank j. */
static void test_comm__exchanges_uneven_parts(void **state) {
  (void)state;
  CASE("exchange");
  const int size = comm->size;
  float send[64], recv[64];
  int64_t counts[4][16], sent = 0, received = 0;
  for (int j = 0; j < size; j++) {
    counts[0][j] = counts[2][j] = (comm->rank + j) % 3;
    counts[1][j] = sent;
    counts[3][j] = received;
    for (int64_t i = 0; i < counts[0][j]; i++) send[sent++] = (float)(100 * comm->rank + 10 * j + i);
    received += counts[2][j];
  }
  CHECK_OK(flr_comm_exchange(comm, send, counts[0], counts[1], recv, counts[2], counts[3]));
  for (int j = 0; j < size; j++)
    for (int64_t i = 0; i < counts[2][j]; i++)
      assert_int_equal((int)recv[counts[3][j] + i], (int)(100 * j + 10 * comm->rank + i));
}

/* Every pattern of failing ranks gives the lowest one's status everywhere. */
static void test_comm__agrees_on_the_lowest_failure(void **state) {
  (void)state;
  CASE("agree");
  for (int pattern = 0; pattern < 1 << comm->size; pattern++) {
    int lowest = 0;
    while (lowest < comm->size && !(pattern >> lowest & 1)) lowest++;
    const int fails = pattern >> comm->rank & 1;
    flr_status_set_message(NULL);
    const flr_status local = fails ? flr_fail(FLR_ERROR_DATA, "row %d is bad", comm->rank) : FLR_OK;
    const flr_status agreed = flr_comm_agree(comm, local);
    if (pattern == 0) {
      assert_int_equal(agreed, FLR_OK);
      continue;
    }
    char wanted[32];
    (void)snprintf(wanted, sizeof wanted, "row %d is bad", lowest);
    assert_int_equal(agreed, FLR_ERROR_DATA);
    if (!strstr(flr_status_message(), wanted)) fail_msg("message \"%s\" lacks \"%s\"", flr_status_message(), wanted);
    if (comm->size > 1) assert_non_null(strstr(flr_status_message(), "rank "));
  }
  const flr_status same = flr_comm_agree(comm, flr_fail(FLR_ERROR_USAGE, "the same words"));
  assert_int_equal(same, FLR_ERROR_USAGE);
  assert_string_equal(flr_status_message(), "the same words");
}

static void test_comm__knows_its_place(void **state) {
  (void)state;
  CASE("place");
  assert_true(comm->rank >= 0 && comm->rank < comm->size);
  assert_true(comm->local_rank >= 0 && comm->local_rank < comm->local_size && comm->local_size <= comm->size);
  assert_true(strlen(comm->host) > 0);
  CHECK_OK(flr_comm_barrier(comm));
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_comm__sums_exactly),
      cmocka_unit_test(test_comm__several_are_under_way_on_both_lanes),
      cmocka_unit_test(test_comm__broadcasts_from_every_rank),
      cmocka_unit_test(test_comm__gathers_in_rank_order),
      cmocka_unit_test(test_comm__exchanges_uneven_parts),
      cmocka_unit_test(test_comm__agrees_on_the_lowest_failure),
      cmocka_unit_test(test_comm__knows_its_place),
  };
  flr_comm *unknown;
  if (argc != 2 || flr_launch_start(&unknown, "bogus") != FLR_ERROR_USAGE || flr_launch_start(&comm, argv[1]) != FLR_OK) {
    fprintf(stderr, "cannot start: %s\n", flr_status_message());
    return 1;
  }
  signal(SIGALRM, on_alarm);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  flr_launch_finish(comm);
  return failed;
}
