/* Batch norm over a batch in parts: lanes of one executor, and ranks (threads here) with any number of samples, compute what
 * the whole batch at once does. usage: nn_sync BACKEND */
#include <pthread.h>

#include "small_net.h"

enum { MAX_RANKS = 3, MOST_NUMBERS = 8192 };

static const char *backend_name;

/* Sums over ranks that are threads. */
typedef struct team {
  int size;
  pthread_barrier_t barrier;
  double numbers[MAX_RANKS][MOST_NUMBERS];
  int64_t calls[MAX_RANKS];
} team;

typedef struct member {
  team *team;
  int rank;
} member;

static flr_status sum(void *context, double *numbers, int64_t count) {
  const member *m = context;
  team *t = m->team;
  assert_true(count <= MOST_NUMBERS);
  memcpy(t->numbers[m->rank], numbers, (size_t)count * sizeof *numbers);
  t->calls[m->rank]++;
  (void)pthread_barrier_wait(&t->barrier);
  for (int64_t i = 0; i < count; i++) {
    numbers[i] = 0;
    for (int rank = 0; rank < t->size; rank++) numbers[i] += t->numbers[rank][i];
  }
  (void)pthread_barrier_wait(&t->barrier);
  return FLR_OK;
}

/* Samples of each lane of each rank. */
typedef struct split {
  int ranks, lanes, ordered;
  int64_t samples[MAX_RANKS][NET_LANES];
} split;

static net *open_net(const char *model, const flr_executor_sync *sync, const flr_freezing *freezing) {
  static const flr_executor_plan plans[] = {{6, 1}, {5, 1}, {4, 1}, {3, 1}, {2, 1}, {1, 1}};
  return net_open(backend_name, model, freezing,
                  &(flr_executor_options){.plans = plans, .plan_count = 6, .input_dtype = FLR_U8, .sync = sync});
}

/* Gradients are the sum of the rank's lanes. */
static flr_executor_io io_of(net *n, int64_t first, int64_t batch, int lane) {
  flr_executor_io io = net_io(n, first, batch, lane);
  io.accumulate = 1;
  return io;
}

typedef struct work {
  const split *split;
  const char *model;
  flr_freezing freezing;
  net *net;
  member member;
  int64_t ranges; /* seen by `ready` */
  int slopes;     /* 1: also compares gradients with differences of the loss */
  double error;   /* the largest found by that */
} work;

static flr_status note_range(void *context, int64_t offset, int64_t count) {
  (void)offset;
  *(int64_t *)context += count;
  return FLR_OK;
}

static int64_t lanes_of(const work *w, flr_executor_io ios[NET_LANES]) {
  int64_t first = 0;
  for (int rank = 0; rank < w->member.rank; rank++)
    for (int lane = 0; lane < w->split->lanes; lane++) first += w->split->samples[rank][lane];
  for (int lane = 0; lane < w->split->lanes; lane++) {
    const int64_t samples = w->split->samples[w->member.rank][lane];
    ios[lane] = io_of(w->net, first, samples, lane);
    first += samples;
  }
  return w->split->lanes;
}

/* Of the whole batch, the same on every rank. */
static double loss_of(void *context) {
  work *w = context;
  flr_executor_io ios[NET_LANES];
  const int64_t count = lanes_of(w, ios);
  w->net->result = (flr_loss_result){0};
  CHECK_OK(flr_executor_forward_lanes(w->net->executor, ios, count));
  double loss = w->net->result.loss_sum / NET_SAMPLES;
  CHECK_OK(sum(&w->member, &loss, 1));
  return loss;
}

static void compare_slope(work *w, int index) {
  double slope = net_gradient_along(w->net, index);
  CHECK_OK(sum(&w->member, &slope, 1));
  const double truth = net_slope_along(w->net, index, loss_of, w), error = fabs(slope - truth) / (fabs(truth) + 0.4);
  w->error = fmax(w->error, error);
}

static void *run_rank(void *context) {
  work *w = context;
  const split *s = w->split;
  const flr_executor_sync sync = {.sum = sum,
                                  .context = &w->member,
                                  .lanes = s->lanes,
                                  .parts = s->ordered ? s->ranks * s->lanes : 1,
                                  .first_part = s->ordered ? w->member.rank * s->lanes : 0};
  flr_executor_io ios[NET_LANES];
  w->net = open_net(w->model, &sync, &w->freezing);
  const int64_t count = lanes_of(w, ios);
  CHECK_OK(flr_executor_forward_lanes(w->net->executor, ios, count));
  CHECK_OK(flr_executor_backward_lanes(w->net->executor, ios, count, note_range, &w->ranges));
  const flr_params *p = flr_graph_params(w->net->graph);
  for (int i = 0; w->slopes && i < p->param_count; i++) compare_slope(w, i);
  return NULL;
}

static void run_ranks(const split *s, work works[MAX_RANKS], const work *like) {
  team t = {.size = s->ranks};
  pthread_t threads[MAX_RANKS];
  assert_int_equal(pthread_barrier_init(&t.barrier, NULL, (unsigned)s->ranks), 0);
  for (int rank = 0; rank < s->ranks; rank++) {
    works[rank] = *like;
    works[rank].split = s;
    works[rank].member = (member){&t, rank};
    assert_int_equal(pthread_create(&threads[rank], NULL, run_rank, &works[rank]), 0);
  }
  for (int rank = 0; rank < s->ranks; rank++) assert_int_equal(pthread_join(threads[rank], NULL), 0);
  for (int rank = 1; rank < s->ranks; rank++) assert_int_equal(t.calls[rank], t.calls[0]);
  assert_true(t.calls[0] > 0);
  pthread_barrier_destroy(&t.barrier);
}

static int is_ref(void) { return strcmp(backend_name, "ref") == 0; }

/* Of f32 between layers; the library's convolutions (Winograd among them) differ with the size of a part. */
static double tolerance(void) { return is_ref() ? 2e-6 : 1e-3; }

static void compare(const char *what, const float *got, const float *truth, int64_t count) {
  double largest = 1e-3;
  for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)truth[i]));
  for (int64_t i = 0; i < count; i++)
    if (!(fabs((double)got[i] - (double)truth[i]) <= tolerance() * largest))
      fail_msg("%s %lld: %.9g, the whole batch gives %.9g", what, (long long)i, (double)got[i], (double)truth[i]);
}

/* The sum of the ranks' gradients, losses and counts, and every lane's statistics, against the whole batch. */
static void compare_with_whole(const split *s, work works[MAX_RANKS], const net *whole) {
  const flr_params *p = flr_graph_params(whole->graph);
  double loss = 0;
  int64_t count = 0;
  for (int rank = 0; rank < s->ranks; rank++) {
    const net *n = works[rank].net;
    loss += n->result.loss_sum;
    count += n->result.count;
    assert_int_equal(works[rank].ranges, p->grad_elements);
    for (int lane = 0; lane < s->lanes; lane++)
      compare("statistic", n->states + lane * p->state_elements, whole->states, p->state_elements);
    for (int64_t i = 0; rank > 0 && i < p->grad_elements; i++) works[0].net->gradients[i] += n->gradients[i];
  }
  assert_int_equal(count, NET_SAMPLES);
  CHECK_NEAR(loss, whole->result.loss_sum, tolerance(), 1);
  for (int i = 0; i < p->param_count; i++) {
    const int64_t at = p->params[i].offset + p->params[i].grad_shift;
    if (!p->params[i].frozen)
      compare(p->params[i].name, works[0].net->gradients + at, whole->gradients + at, p->params[i].count);
  }
}

static const split splits[] = {
    {1, 1, 0, {{6}}},           {1, 2, 0, {{4, 2}}},
    {1, 3, 1, {{3, 0, 3}}},     {2, 1, 0, {{3}, {3}}},
    {2, 1, 1, {{4}, {2}}},      {2, 2, 0, {{0, 0}, {5, 1}}},
    {3, 1, 0, {{2}, {2}, {2}}}, {3, 1, 0, {{3}, {2}, {1}}},
    {3, 1, 1, {{6}, {0}, {0}}}, {3, 2, 1, {{1, 1}, {1, 1}, {2, 0}}},
};

static void check_model(const char *model, flr_freezing freezing) {
  net *whole = open_net(model, NULL, &freezing);
  const flr_executor_io io = io_of(whole, 0, NET_SAMPLES, 0);
  CHECK_OK(flr_executor_train(whole->executor, &io, NULL, NULL));
  for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
    work works[MAX_RANKS];
    run_ranks(&splits[i], works, &(work){.model = model, .freezing = freezing});
    compare_with_whole(&splits[i], works, whole);
    for (int rank = 0; rank < splits[i].ranks; rank++) net_close(works[rank].net);
  }
  net_close(whole);
}

static void test_sync__any_split_computes_the_whole_batch(void **state) {
  (void)state;
  check_model("cnn", (flr_freezing){0});
  check_model("resnet20", (flr_freezing){0});
}

static void test_sync__frozen_groups(void **state) {
  (void)state;
  check_model("cnn", (flr_freezing){.groups = 2, .train_norms = 1});
  check_model("cnn", (flr_freezing){.groups = 1});
  check_model("resnet20", (flr_freezing){.groups = 1, .hold_norms = 1});
}

static void test_sync__gradients_are_the_slopes_of_the_loss(void **state) {
  (void)state;
  if (!is_ref()) return; /* sums in single precision are too coarse */
  for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
    work works[MAX_RANKS];
    run_ranks(&splits[i], works, &(work){.model = "cnn", .slopes = 1});
    for (int rank = 0; rank < splits[i].ranks; rank++) {
      if (!(works[rank].error < 0.05)) fail_msg("split %d: slopes are off by %g", (int)i, works[rank].error);
      net_close(works[rank].net);
    }
  }
}

/* Held statistics compute with running averages: nothing is summed for them. */
static void test_sync__held_norms_share_nothing(void **state) {
  (void)state;
  team t = {.size = 1};
  member m = {&t, 0};
  const flr_executor_sync sync = {.sum = sum, .context = &m, .lanes = 1, .parts = 1};
  assert_int_equal(pthread_barrier_init(&t.barrier, NULL, 1), 0);
  net *all = open_net("cnn", &sync, &(flr_freezing){0}),
      *held = open_net("cnn", &sync, &(flr_freezing){.groups = 2, .hold_norms = 1});
  const flr_executor_io io = io_of(all, 0, NET_SAMPLES, 0), less = io_of(held, 0, NET_SAMPLES, 0);
  CHECK_OK(flr_executor_train(all->executor, &io, NULL, NULL));
  const int64_t whole = t.calls[0];
  CHECK_OK(flr_executor_train(held->executor, &less, NULL, NULL));
  assert_int_equal(whole, 8); /* four layers, forward and backward */
  assert_int_equal(t.calls[0] - whole, 0);
  CHECK_FAILS(flr_executor_forward_lanes(all->executor, &io, 2), FLR_ERROR_INTERNAL, "2 lanes where there are 1");
  net_close(all);
  net_close(held);
  pthread_barrier_destroy(&t.barrier);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sync__any_split_computes_the_whole_batch),
      cmocka_unit_test(test_sync__frozen_groups),
      cmocka_unit_test(test_sync__gradients_are_the_slopes_of_the_loss),
      cmocka_unit_test(test_sync__held_norms_share_nothing),
  };
  backend_name = argc > 1 ? argv[1] : "ref";
  return cmocka_run_group_tests(tests, NULL, NULL);
}
