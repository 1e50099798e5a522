/* The executor: whole-network gradients against finite differences, accumulation, several batch sizes, on the named backend.
 * usage: nn_executor BACKEND */
#include "small_net.h"

static const char *backend_name;

static net *open_frozen(const char *model, const flr_freezing *freezing) {
  static const flr_executor_plan plans[] = {{6, 1}, {4, 1}, {2, 1}, {6, 0}, {6, 1}, {0, 1}};
  return net_open(backend_name, model, freezing,
                  &(flr_executor_options){.plans = plans, .plan_count = 6, .input_dtype = FLR_U8});
}

static net *open_net(const char *model) { return open_frozen(model, &(flr_freezing){0}); }

static double loss_of(void *context) {
  net *n = context;
  const flr_executor_io io = net_io(n, 0, NET_SAMPLES, 0);
  n->result = (flr_loss_result){0};
  CHECK_OK(flr_executor_forward(n->executor, &io));
  return n->result.loss_sum / NET_SAMPLES;
}

static void check_model(const char *model) {
  net *n = open_net(model);
  const flr_params *p = flr_graph_params(n->graph);
  const flr_executor_io io = net_io(n, 0, NET_SAMPLES, 0);
  CHECK_OK(flr_executor_train(n->executor, &io, NULL, NULL));
  const int stride = p->param_count > 20 ? 5 : 1;
  /* losses are good to about 1e-7 (float storage between layers), so the slope is to 1e-7 / step; kinks of ReLU add some */
  for (int i = 0; i < p->param_count; i += stride)
    CHECK_NEAR(net_slope_along(n, i, loss_of, n), net_gradient_along(n, i), 0.05, 0.02);
  net_close(n);
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
  const flr_executor_io whole = net_io(n, 0, 6, 0);
  CHECK_OK(flr_executor_train(n->executor, &whole, NULL, NULL));
  float *wanted = malloc((size_t)p->elements * sizeof(float));
  memcpy(wanted, n->gradients, (size_t)p->elements * sizeof(float));
  flr_executor_io part = net_io(n, 0, 4, 0);
  CHECK_OK(flr_executor_train(n->executor, &part, NULL, NULL));
  part = net_io(n, 4, 2, 0);
  part.accumulate = 1;
  CHECK_OK(flr_executor_train(n->executor, &part, NULL, NULL));
  for (int64_t i = 0; i < p->elements; i++) CHECK_NEAR((double)n->gradients[i], (double)wanted[i], 1e-5, 1e-3);
  free(wanted);
  net_close(n);
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
  const flr_executor_io io = net_io(n, 0, 6, 0);
  CHECK_OK(flr_executor_train(n->executor, &io, note_range, &t));
  assert_int_equal(t.expected, 0);
  assert_true(t.calls > 20);
  net_close(n);
}

/* What still trains has the gradients that it has in the whole net, packed; the rest has none. */
static void check_frozen(const char *model, flr_freezing freezing) {
  net *whole = open_net(model), *frozen = open_frozen(model, &freezing);
  const flr_params *all = flr_graph_params(whole->graph), *some = flr_graph_params(frozen->graph);
  tiling t = {.expected = some->grad_elements};
  const flr_executor_io io = net_io(whole, 0, 6, 0), less = net_io(frozen, 0, 6, 0);
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
  net_close(whole);
  net_close(frozen);
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
  flr_executor_io io = net_io(n, 0, 6, 0);
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
  net_close(n);
}

static void test_executor__freezing_everything_is_refused(void **state) {
  (void)state;
  net *n = open_net("cnn");
  CHECK_FAILS(flr_graph_freeze(n->graph, &(flr_freezing){.groups = 3}), FLR_ERROR_USAGE,
              "3 layer groups and leave nothing to train: at most 2");
  net_close(n);
}

static void test_executor__evaluation_changes_no_statistics_and_gives_probabilities(void **state) {
  (void)state;
  net *n = open_net("cnn");
  const flr_params *p = flr_graph_params(n->graph);
  float *before = malloc((size_t)p->state_elements * sizeof(float)), probabilities[NET_SAMPLES * NET_CLASSES];
  memcpy(before, n->states, (size_t)p->state_elements * sizeof(float));
  flr_executor_io io = net_io(n, 0, 6, 0);
  io.probabilities = probabilities;
  CHECK_OK(flr_executor_evaluate(n->executor, &io));
  assert_memory_equal(before, n->states, (size_t)p->state_elements * sizeof(float));
  for (int i = 0; i < NET_SAMPLES; i++) {
    double sum = 0;
    for (int c = 0; c < NET_CLASSES; c++) sum += (double)probabilities[i * NET_CLASSES + c];
    CHECK_NEAR(sum, 1, 1e-6, 1);
  }
  CHECK_OK(flr_executor_train(n->executor, &io, NULL, NULL));
  assert_memory_not_equal(before, n->states, (size_t)p->state_elements * sizeof(float));
  free(before);
  net_close(n);
}

static void test_executor__a_batch_that_was_not_planned_is_refused(void **state) {
  (void)state;
  net *n = open_net("mlp");
  const flr_executor_io io = net_io(n, 0, 5, 0);
  CHECK_FAILS(flr_executor_train(n->executor, &io, NULL, NULL), FLR_ERROR_INTERNAL, "batch of 5");
  assert_true(flr_executor_arena_bytes(n->executor) > 0);
  net_close(n);
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
