/* The executor: whole-network gradients against finite differences, accumulation, several batch sizes, on the named backend.
 * usage: nn_executor BACKEND */
#include "nn/executor.h"

#include "core/rng.h"
#include "harness/harness.h"

enum { CLASSES = 5, SIDE = 8, MAX_BATCH = 6 };

static const char *backend_name;

typedef struct net {
  flr_graph *graph;
  flr_backend *backend;
  flr_executor *executor;
  float *params, *states, *gradients;
  uint8_t input[MAX_BATCH * SIDE * SIDE * 3];
  int32_t labels[MAX_BATCH];
  flr_step_values values;
  flr_loss_result result;
} net;

static net *open_frozen(const char *model, const flr_freezing *freezing) {
  static const flr_executor_plan plans[] = {{6, 1}, {4, 1}, {2, 1}, {6, 0}, {6, 1}, {0, 1}};
  net *n = calloc(1, sizeof *n);
  const flr_model_options options = {.name = model,
                                     .height = SIDE,
                                     .width = SIDE,
                                     .channels = 3,
                                     .classes = CLASSES,
                                     .hidden = "12,9",
                                     .stem = "auto",
                                     .seed = 3};
  const flr_backend_options backend = {.threads = 1, .local_size = 1};
  const flr_executor_options executor = {.plans = plans, .plan_count = 6, .input_dtype = FLR_U8};
  CHECK_OK(flr_model_create(&n->graph, &options));
  CHECK_OK(flr_graph_freeze(n->graph, freezing));
  CHECK_OK(flr_backend_create(&n->backend, backend_name, &backend));
  CHECK_OK(flr_executor_create(&n->executor, n->graph, n->backend, &executor));
  const flr_params *p = flr_graph_params(n->graph);
  n->params = calloc((size_t)p->elements, sizeof(float));
  n->gradients = calloc((size_t)p->elements, sizeof(float));
  n->states = calloc((size_t)p->state_elements + 1, sizeof(float));
  flr_params_init(p, 5, n->params, n->states);
  for (size_t i = 0; i < sizeof n->input; i++) n->input[i] = (uint8_t)(flr_rng_uniform(9, i) * 255.0f);
  for (int i = 0; i < MAX_BATCH; i++) n->labels[i] = i % CLASSES;
  n->values = (flr_step_values){.grad_scale = 1.0 / MAX_BATCH, .loss_scale = 1};
  return n;
}

static net *open_net(const char *model) { return open_frozen(model, &(flr_freezing){0}); }

static void close_net(net *n) {
  flr_executor_destroy(n->executor);
  flr_backend_destroy(n->backend);
  flr_graph_destroy(n->graph);
  free(n->params);
  free(n->gradients);
  free(n->states);
  free(n);
}

static flr_executor_io io_of(net *n, int64_t first, int64_t batch) {
  return (flr_executor_io){.batch = batch,
                           .input = n->input + first * SIDE * SIDE * 3,
                           .labels = n->labels + first,
                           .params = n->params,
                           .states = n->states,
                           .gradients = n->gradients,
                           .values = &n->values,
                           .result = &n->result};
}

static double loss_of(net *n) {
  const flr_executor_io io = io_of(n, 0, MAX_BATCH);
  n->result = (flr_loss_result){0};
  CHECK_OK(flr_executor_forward(n->executor, &io));
  return n->result.loss_sum / MAX_BATCH;
}

/* Along a random direction d: (L(p + e d) - L(p - e d)) / 2e against gradient . d, per parameter. */
static void check_gradient(net *n, const flr_param *param, int index) {
  const double step = 4e-4; /* small enough to cross few kinks */
  float *values = n->params + param->offset, *kept = malloc((size_t)param->count * sizeof(float));
  double slope = 0, norm = 0;
  memcpy(kept, values, (size_t)param->count * sizeof(float));
  for (int64_t i = 0; i < param->count; i++) {
    const double d = flr_rng_normal((uint64_t)index + 100, (uint64_t)i);
    slope += d * (double)n->gradients[param->offset + i];
    norm += d * d;
  }
  double difference = 0;
  for (int sign = 1; sign >= -1; sign -= 2) {
    for (int64_t i = 0; i < param->count; i++)
      values[i] = (float)((double)kept[i] + sign * step / sqrt(norm) * flr_rng_normal((uint64_t)index + 100, (uint64_t)i));
    difference += sign * loss_of(n);
  }
  memcpy(values, kept, (size_t)param->count * sizeof(float));
  free(kept);
  /* losses are good to about 1e-7 (float storage between layers), so the slope is to 1e-7 / step; kinks of ReLU add some */
  CHECK_NEAR(difference / (2 * step), slope / sqrt(norm), 0.05, 0.02);
}

static void check_model(const char *model) {
  net *n = open_net(model);
  const flr_params *p = flr_graph_params(n->graph);
  const flr_executor_io io = io_of(n, 0, MAX_BATCH);
  CHECK_OK(flr_executor_train(n->executor, &io, NULL, NULL));
  const int stride = p->param_count > 20 ? 5 : 1;
  for (int i = 0; i < p->param_count; i += stride) check_gradient(n, &p->params[i], i);
  close_net(n);
}

static void test_executor__gradients_are_the_slopes_of_the_loss(void **state) {
  (void)state;
  check_model("mlp");
  if (strcmp(backend_name, "ref") != 0) return; /* sums in single precision are too coarse for the deeper ones */
  check_model("cnn");
  check_model("resnet20");
}

static void test_executor__two_halves_add_up_to_the_whole(void **state) {
  (void)state;
  net *n = open_net("mlp");
  const flr_params *p = flr_graph_params(n->graph);
  const flr_executor_io whole = io_of(n, 0, 6);
  CHECK_OK(flr_executor_train(n->executor, &whole, NULL, NULL));
  float *wanted = malloc((size_t)p->elements * sizeof(float));
  memcpy(wanted, n->gradients, (size_t)p->elements * sizeof(float));
  flr_executor_io part = io_of(n, 0, 4);
  CHECK_OK(flr_executor_train(n->executor, &part, NULL, NULL));
  part = io_of(n, 4, 2);
  part.accumulate = 1;
  CHECK_OK(flr_executor_train(n->executor, &part, NULL, NULL));
  for (int64_t i = 0; i < p->elements; i++) CHECK_NEAR((double)n->gradients[i], (double)wanted[i], 1e-5, 1e-3);
  free(wanted);
  close_net(n);
}

typedef struct tiling {
  int64_t expected, calls;
} tiling;

static flr_status note_range(void *context, int64_t offset, int64_t count) {
  tiling *t = context;
  t->calls++;
  if (offset + count != t->expected)
    fail_msg("range ends at %lld, wanted %lld", (long long)(offset + count), (long long)t->expected);
  t->expected = offset;
  return FLR_OK;
}

static void test_executor__ranges_tile_the_buffer_from_its_end(void **state) {
  (void)state;
  net *n = open_net("resnet20");
  tiling t = {.expected = flr_graph_params(n->graph)->elements};
  const flr_executor_io io = io_of(n, 0, 6);
  CHECK_OK(flr_executor_train(n->executor, &io, note_range, &t));
  assert_int_equal(t.expected, 0);
  assert_true(t.calls > 20);
  close_net(n);
}

/* What still trains has the gradients that it has in the whole net, packed; the rest has none. */
static void check_frozen(const char *model, flr_freezing freezing) {
  net *whole = open_net(model), *frozen = open_frozen(model, &freezing);
  const flr_params *all = flr_graph_params(whole->graph), *some = flr_graph_params(frozen->graph);
  tiling t = {.expected = some->grad_elements};
  const flr_executor_io io = io_of(whole, 0, 6), less = io_of(frozen, 0, 6);
  int64_t end = 0, trained = 0;
  for (int64_t i = 0; i < all->elements; i++) frozen->gradients[i] = NAN;
  CHECK_OK(flr_executor_train(whole->executor, &io, NULL, NULL));
  CHECK_OK(flr_executor_train(frozen->executor, &less, note_range, &t));
  assert_int_equal(t.expected, 0);
  assert_true(whole->result.loss_sum == frozen->result.loss_sum);
  assert_memory_equal(whole->states, frozen->states, (size_t)all->state_elements * sizeof(float));
  for (int i = 0; i < all->param_count; i++) {
    const flr_param *p = &some->params[i];
    const int norm = p->kind == FLR_PARAM_NORM_SCALE || p->kind == FLR_PARAM_NORM_SHIFT;
    assert_int_equal(p->frozen, p->group < freezing.groups && !(norm && freezing.train_norms));
    if (p->frozen) continue;
    assert_int_equal(p->offset + p->grad_shift, end);
    for (int64_t e = 0; e < p->count; e++)
      CHECK_NEAR((double)frozen->gradients[end + e], (double)whole->gradients[p->offset + e], 1e-5, 1e-3);
    end += (p->count + 15) / 16 * 16;
    trained += p->count;
  }
  assert_int_equal(end, some->grad_elements);
  assert_int_equal(trained, some->trained);
  for (int64_t i = end; i < all->elements; i++) assert_true(isnan(frozen->gradients[i]));
  assert_true(flr_executor_arena_bytes(frozen->executor) <= flr_executor_arena_bytes(whole->executor));
  close_net(whole);
  close_net(frozen);
}

static void test_executor__frozen_groups_have_no_gradients(void **state) {
  (void)state;
  static const char *const models[] = {"mlp", "cnn", "resnet9", "resnet20", "resnet18"};
  for (size_t i = 0; i < (strcmp(backend_name, "ref") == 0 ? 4 : 5); i++)
    for (int groups = 1; groups < (i == 0 ? 2 : 3); groups++)
      for (int norms = 0; norms < 2; norms++) check_frozen(models[i], (flr_freezing){.groups = groups, .train_norms = norms});
}

static void test_executor__held_statistics_stay(void **state) {
  (void)state;
  net *n = open_frozen("cnn", &(flr_freezing){.groups = 1, .train_norms = 1, .hold_norms = 1});
  const flr_params *p = flr_graph_params(n->graph);
  float *before = malloc((size_t)p->state_elements * sizeof(float));
  memcpy(before, n->states, (size_t)p->state_elements * sizeof(float));
  flr_executor_io io = io_of(n, 0, 6);
  CHECK_OK(flr_executor_train(n->executor, &io, NULL, NULL));
  for (int i = 0; i < p->state_count; i++) {
    const flr_state *s = &p->states[i];
    const int changed = memcmp(before + s->offset, n->states + s->offset, (size_t)s->count * sizeof(float)) != 0;
    assert_int_equal(changed, s->name[2] > '2'); /* bn1 and bn2 are held, bn3 and bn4 are not */
  }
  assert_true(p->params[flr_params_find(p, "bn1.weight")].frozen);
  memcpy(before, n->states, (size_t)p->state_elements * sizeof(float));
  io.hold_states = 1;
  CHECK_OK(flr_executor_train(n->executor, &io, NULL, NULL));
  assert_memory_equal(before, n->states, (size_t)p->state_elements * sizeof(float));
  free(before);
  close_net(n);
}

static void test_executor__freezing_everything_is_refused(void **state) {
  (void)state;
  net *n = open_net("cnn");
  CHECK_FAILS(flr_graph_freeze(n->graph, &(flr_freezing){.groups = 3}), FLR_ERROR_USAGE,
              "3 layer groups and leave nothing to train: at most 2");
  close_net(n);
}

static void test_executor__evaluation_changes_no_statistics_and_gives_probabilities(void **state) {
  (void)state;
  net *n = open_net("cnn");
  const flr_params *p = flr_graph_params(n->graph);
  float *before = malloc((size_t)p->state_elements * sizeof(float)), probabilities[MAX_BATCH * CLASSES];
  memcpy(before, n->states, (size_t)p->state_elements * sizeof(float));
  flr_executor_io io = io_of(n, 0, 6);
  io.probabilities = probabilities;
  CHECK_OK(flr_executor_evaluate(n->executor, &io));
  assert_memory_equal(before, n->states, (size_t)p->state_elements * sizeof(float));
  for (int i = 0; i < MAX_BATCH; i++) {
    double sum = 0;
    for (int c = 0; c < CLASSES; c++) sum += (double)probabilities[i * CLASSES + c];
    CHECK_NEAR(sum, 1, 1e-6, 1);
  }
  CHECK_OK(flr_executor_train(n->executor, &io, NULL, NULL));
  assert_memory_not_equal(before, n->states, (size_t)p->state_elements * sizeof(float));
  free(before);
  close_net(n);
}

static void test_executor__a_batch_that_was_not_planned_is_refused(void **state) {
  (void)state;
  net *n = open_net("mlp");
  const flr_executor_io io = io_of(n, 0, 5);
  CHECK_FAILS(flr_executor_train(n->executor, &io, NULL, NULL), FLR_ERROR_INTERNAL, "batch of 5");
  assert_true(flr_executor_arena_bytes(n->executor) > 0);
  close_net(n);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_executor__gradients_are_the_slopes_of_the_loss),
      cmocka_unit_test(test_executor__two_halves_add_up_to_the_whole),
      cmocka_unit_test(test_executor__ranges_tile_the_buffer_from_its_end),
      cmocka_unit_test(test_executor__frozen_groups_have_no_gradients),
      cmocka_unit_test(test_executor__held_statistics_stay),
      cmocka_unit_test(test_executor__freezing_everything_is_refused),
      cmocka_unit_test(test_executor__evaluation_changes_no_statistics_and_gives_probabilities),
      cmocka_unit_test(test_executor__a_batch_that_was_not_planned_is_refused),
  };
  backend_name = argc > 1 ? argv[1] : "ref";
  return cmocka_run_group_tests(tests, NULL, NULL);
}
