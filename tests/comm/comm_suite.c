/* What every comm must do, at any rank count: exact sums, broadcasts, gathers, exchanges, agreement.
   comm_suite KIND [ALGORITHM [RANKS OF A HOST THAT COUNT AS A NODE]] */
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "core/memory.h"
#include "harness/harness.h"
#include "mpi/launch.h"

static flr_comm *comm;
static flr_comm_mpi_options options;
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
  static const int64_t counts[] = {0, 1, 7, 1000, 2049, 5003, 32769, 1000003};
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

/* In memory that the comm lends, at places that are no multiple of anything; what was given back can be lent again. */
static void test_comm__sums_in_memory_that_it_lends(void **state) {
  (void)state;
  CASE("lent");
  enum { COUNT = 200003, TURNS = 3 };
  static const int64_t starts[] = {1, 5, 77, 5000, COUNT};
  for (int turn = 0; turn < TURNS; turn++) {
    flr_buffer lent = {0};
    flr_comm_request requests[4] = {{{0}, 0}};
    CHECK_OK(flr_comm_lend(comm, &lent, COUNT * sizeof(float)));
    if (!lent.data) skip();
    float *numbers = lent.data;
    for (int64_t i = 0; i < COUNT; i++) assert_true(numbers[i] == 0);
    for (int part = 0; part < 4; part++) {
      const int64_t count = starts[part + 1] - starts[part];
      fill(numbers + starts[part], count, FLR_COMM_F32);
      CHECK_OK(flr_comm_all_reduce_begin(comm, FLR_LANE_DATA, numbers + starts[part], count, FLR_COMM_F32, &requests[part]));
    }
    for (int part = 0; part < 4; part++) {
      CHECK_OK(flr_comm_wait(comm, &requests[part]));
      check_sums(numbers + starts[part], starts[part + 1] - starts[part], FLR_COMM_F32);
    }
    assert_true(numbers[0] == 0);
    flr_buffer_clear(&lent);
    assert_null(lent.data);
  }
}

static void test_comm__lends_where_all_ranks_share_memory(void **state) {
  (void)state;
  CASE("lends");
  flr_buffer lent = {0};
  const int shared = comm->size > 1 && options.algorithm && strcmp(options.algorithm, "shared") == 0;
  CHECK_OK(flr_comm_lend(comm, &lent, 1000));
  assert_int_equal(lent.data != NULL, shared && (options.ranks_per_node == 0 || options.ranks_per_node >= comm->size));
  flr_buffer_clear(&lent);
  CHECK_OK(flr_comm_lend(comm, &lent, (size_t)1 << 50)); /* more than there is */
  assert_null(lent.data);
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

/* Some wait for the bulk first, others for the small things that come after it. */
static void test_comm__lanes_do_not_wait_for_each_other(void **state) {
  (void)state;
  CASE("lanes");
  enum { COUNT = 3000000 };
  float *buffer;
  int32_t ranks[16];
  CHECK_OK(flr_alloc(&buffer, COUNT, sizeof(float)));
  for (int turn = 0; turn < 2; turn++) {
    const int bulk_first = comm->rank % 2 == turn;
    int64_t one = 1;
    flr_comm_request request = {0};
    fill(buffer, COUNT, FLR_COMM_F32);
    CHECK_OK(flr_comm_all_reduce_begin(comm, FLR_LANE_DATA, buffer, COUNT, FLR_COMM_F32, &request));
    if (bulk_first) CHECK_OK(flr_comm_wait(comm, &request));
    CHECK_OK(flr_comm_barrier(comm));
    CHECK_OK(flr_comm_all_gather(comm, &comm->rank, ranks, sizeof(int32_t)));
    CHECK_OK(flr_comm_broadcast(comm, &one, sizeof one, comm->size - 1));
    CHECK_OK(flr_comm_all_reduce(comm, &one, 1, FLR_COMM_I64));
    assert_int_equal(one, comm->size);
    if (!bulk_first) CHECK_OK(flr_comm_wait(comm, &request));
    check_sums(buffer, COUNT, FLR_COMM_F32);
  }
  flr_free(buffer);
}

/* How many ranks found a sum complete at their first look, all having slept since they began it. */
static int64_t complete_at_first_look(float *buffer, int64_t count) {
  static const struct timespec asleep = {.tv_nsec = 400000000};
  flr_comm_request request = {0};
  int done;
  fill(buffer, count, FLR_COMM_F32);
  CHECK_OK(flr_comm_all_reduce_begin(comm, FLR_LANE_DATA, buffer, count, FLR_COMM_F32, &request));
  (void)nanosleep(&asleep, NULL);
  CHECK_OK(flr_comm_test(comm, &request, &done));
  int64_t complete = done;
  CHECK_OK(flr_comm_wait(comm, &request));
  check_sums(buffer, count, FLR_COMM_F32);
  CHECK_OK(flr_comm_all_reduce(comm, &complete, 1, FLR_COMM_I64));
  return complete;
}

/* A loaded machine may need several tries; without a thread that moves sums along no number of them helps. */
static void test_comm__moves_sums_between_nodes_while_nobody_asks(void **state) {
  (void)state;
  CASE("moves");
  enum { COUNT = 1000003, TRIES = 20 };
  float *buffer;
  int64_t complete = 0;
  if (options.ranks_per_node == 0 || options.ranks_per_node >= comm->size) skip();
  CHECK_OK(flr_alloc(&buffer, COUNT, sizeof(float)));
  for (int i = 0; i < TRIES && complete < comm->size; i++) complete = complete_at_first_look(buffer, COUNT);
  assert_int_equal(complete, comm->size);
  flr_free(buffer);
}

/* Rounding tells the order: any other gives another sum. */
static void test_comm__adds_the_ranks_of_a_node_in_order(void **state) {
  (void)state;
  CASE("order");
  static const float numbers[] = {1e8f, 3, -1e8f, 5};
  static const int64_t counts[] = {3, 40000};
  if (!options.algorithm || strcmp(options.algorithm, "shared") != 0 || options.ranks_per_node > 0 || comm->size > 4) skip();
  volatile float wanted = 0;
  for (int rank = 0; rank < comm->size; rank++) wanted += numbers[rank];
  for (int c = 0; c < 2; c++) {
    float *buffer;
    CHECK_OK(flr_alloc(&buffer, counts[c], sizeof(float)));
    for (int64_t i = 0; i < counts[c]; i++) buffer[i] = numbers[comm->rank];
    CHECK_OK(flr_comm_all_reduce(comm, buffer, counts[c], FLR_COMM_F32));
    for (int64_t i = 0; i < counts[c]; i++)
      if (!(buffer[i] == wanted)) fail_msg("element %lld is %g, wanted %g", (long long)i, (double)buffer[i], (double)wanted);
    flr_free(buffer);
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

static void test_comm__broadcasts_of_more_than_an_int_are_refused(void **state) {
  (void)state;
  CASE("long broadcast");
  char one = 1;
  if (comm->size == 1) skip();
  CHECK_FAILS(flr_comm_broadcast(comm, &one, (size_t)INT32_MAX + 1, 0), FLR_ERROR_USAGE, "the byte count of a broadcast");
}

/* More than a piece; and nothing. */
static void test_comm__broadcasts_within_a_node(void **state) {
  (void)state;
  CASE("node broadcast");
  static const size_t sizes[] = {0, 1, 4097, (64 << 20) + 5};
  const int leader = comm->rank - comm->local_rank;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    unsigned char *buffer;
    CHECK_OK(flr_alloc(&buffer, (int64_t)sizes[i], 1));
    for (size_t at = 0; comm->local_rank == 0 && at < sizes[i]; at++) buffer[at] = (unsigned char)(at * 7 + (size_t)leader);
    CHECK_OK(flr_comm_node_broadcast(comm, buffer, sizes[i]));
    for (size_t at = 0; at < sizes[i]; at++)
      if (buffer[at] != (unsigned char)(at * 7 + (size_t)leader)) fail_msg("rank %d, byte %zu", comm->rank, at);
    flr_free(buffer);
  }
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

/* From any ways to any others and back; the note says that nothing was measured. */
static void test_comm__keeps_the_ways_of_an_earlier_run(void **state) {
  (void)state;
  CASE("ways");
  enum { COUNT = 300000 };
  static const int64_t earlier[] = {1, 8, 3, 1, 5};
  const int64_t own = comm->ways;
  double *buffer;
  if (comm->size == 1 || options.ranks_per_node > 0) skip(); /* (a node of tests is none after that) */
  CHECK_OK(flr_alloc(&buffer, COUNT, sizeof *buffer));
  for (size_t i = 0; i < sizeof earlier / sizeof earlier[0]; i++) {
    CHECK_OK(flr_comm_keep_ways(comm, earlier[i]));
    assert_int_equal(comm->ways, earlier[i]);
    const char *wanted = earlier[i] == 1 ? "mpi" : earlier[i] == 8 ? "shared" : "mixed";
    assert_string_equal(comm->algorithm, wanted);
    fill(buffer, COUNT, FLR_COMM_F64);
    CHECK_OK(flr_comm_all_reduce(comm, buffer, COUNT, FLR_COMM_F64));
    check_sums(buffer, COUNT, FLR_COMM_F64);
    fill(buffer, 3, FLR_COMM_F64);
    CHECK_OK(flr_comm_all_reduce(comm, buffer, 3, FLR_COMM_F64));
    check_sums(buffer, 3, FLR_COMM_F64);
  }
  CHECK_OK(flr_comm_keep_ways(comm, own));
  flr_free(buffer);
}

static void test_comm__knows_its_place(void **state) {
  (void)state;
  CASE("place");
  assert_true(comm->rank >= 0 && comm->rank < comm->size);
  assert_true(comm->local_rank >= 0 && comm->local_rank < comm->local_size && comm->local_size <= comm->size);
  assert_true(strlen(comm->host) > 0);
  if (options.ranks_per_node > 0) assert_int_equal(comm->local_rank, comm->rank % options.ranks_per_node);
  CHECK_OK(flr_comm_barrier(comm));
  const char *wanted = options.ranks_per_node == 1 ? "ring" : options.algorithm;
  if (wanted && comm->size > 1 && strcmp(comm->algorithm, wanted) != 0)
    fail_msg("sums go by %s: %s", comm->algorithm, comm->algorithm_note);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_comm__sums_exactly),
      cmocka_unit_test(test_comm__sums_in_memory_that_it_lends),
      cmocka_unit_test(test_comm__lends_where_all_ranks_share_memory),
      cmocka_unit_test(test_comm__several_are_under_way_on_both_lanes),
      cmocka_unit_test(test_comm__lanes_do_not_wait_for_each_other),
      cmocka_unit_test(test_comm__moves_sums_between_nodes_while_nobody_asks),
      cmocka_unit_test(test_comm__adds_the_ranks_of_a_node_in_order),
      cmocka_unit_test(test_comm__broadcasts_from_every_rank),
      cmocka_unit_test(test_comm__broadcasts_of_more_than_an_int_are_refused),
      cmocka_unit_test(test_comm__broadcasts_within_a_node),
      cmocka_unit_test(test_comm__gathers_in_rank_order),
      cmocka_unit_test(test_comm__exchanges_uneven_parts),
      cmocka_unit_test(test_comm__agrees_on_the_lowest_failure),
      cmocka_unit_test(test_comm__keeps_the_ways_of_an_earlier_run),
      cmocka_unit_test(test_comm__knows_its_place),
  };
  flr_comm *unknown;
  options.algorithm = argc > 2 ? argv[2] : NULL;
  options.ranks_per_node = argc > 3 ? atoi(argv[3]) : 0;
  if (argc < 2 || flr_launch_start(&unknown, "bogus", NULL) != FLR_ERROR_USAGE ||
      flr_launch_start(&comm, argv[1], options.algorithm ? &options : NULL) != FLR_OK) {
    fprintf(stderr, "cannot start: %s\n", flr_status_message());
    return 1;
  }
  signal(SIGALRM, on_alarm);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  flr_launch_finish(comm);
  return failed;
}
