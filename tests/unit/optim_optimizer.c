/* The optimizer's ranges, moments and settings, on a backend that only remembers what it was asked. */
#include "harness/harness.h"

#include "optim/optimizer.h"

/* A backend of host memory whose update keeps its arguments. */
typedef struct recorder {
  flr_backend base;
  flr_update last;
  int updates, failing;
} recorder;

static flr_status record_alloc(flr_backend *backend, flr_buffer *out, size_t bytes) {
  (void)backend;
  return flr_buffer_init_host(out, bytes);
}

static flr_status record_upload(flr_backend *backend, void *dst, const void *src, size_t bytes) {
  (void)backend;
  memcpy(dst, src, bytes);
  return FLR_OK;
}

static flr_status record_fill(flr_backend *backend, void *dst, int byte, size_t bytes) {
  (void)backend;
  memset(dst, byte, bytes);
  return FLR_OK;
}

static flr_status record_update(flr_backend *backend, const flr_update *update) {
  recorder *self = (recorder *)backend;
  if (self->failing) return flr_fail(FLR_ERROR_INTERNAL, "as asked");
  self->last = *update;
  ++self->updates;
  return FLR_OK;
}

static const flr_backend_ops record_ops = {
    .name = "recorder", .alloc = record_alloc, .upload = record_upload, .fill = record_fill, .update = record_update};

/* conv, norm and their like in two groups: 0 conv, 1 scale, 2 shift, 3 conv | 4 linear, 5 bias. Offsets are multiples of 16. */
static flr_param layout[] = {
    {.name = "conv1.weight", .kind = FLR_PARAM_CONV_WEIGHT, .offset = 0, .count = 20, .group = 0},
    {.name = "bn1.weight", .kind = FLR_PARAM_NORM_SCALE, .offset = 32, .count = 4, .group = 0},
    {.name = "bn1.bias", .kind = FLR_PARAM_NORM_SHIFT, .offset = 48, .count = 4, .group = 0},
    {.name = "conv2.weight", .kind = FLR_PARAM_CONV_WEIGHT, .offset = 64, .count = 16, .group = 0},
    {.name = "fc.weight", .kind = FLR_PARAM_LINEAR_WEIGHT, .offset = 80, .count = 10, .group = 1},
    {.name = "fc.bias", .kind = FLR_PARAM_BIAS, .offset = 96, .count = 3, .group = 1},
};
static const flr_params params = {.params = layout, .param_count = 6, .elements = 112, .groups = 2};

static flr_optimizer *create(recorder *backend, const flr_optimizer_settings *settings) {
  *backend = (recorder){.base = {.ops = &record_ops}};
  flr_optimizer *optimizer = NULL;
  CHECK_OK(flr_optimizer_create(&optimizer, &params, &backend->base, settings));
  return optimizer;
}

static void check_range(const flr_update_range *range, int64_t offset, int64_t count, int group, double decay) {
  assert_int_equal(range->offset, offset);
  assert_int_equal(range->count, count);
  assert_int_equal(range->group, group);
  assert_true(range->decay == decay);
}

static void test_ranges__neighbours_of_a_group_are_one(void **state) {
  (void)state;
  recorder backend;
  const flr_optimizer_settings settings = flr_optimizer_settings_defaults();
  flr_optimizer *optimizer = create(&backend, &settings);
  int count = 0;
  const flr_update_range *ranges = flr_optimizer_ranges(optimizer, &count);
  assert_int_equal(count, 2);
  check_range(&ranges[0], 0, 80, 0, 1e-2);
  check_range(&ranges[1], 80, 19, 1, 1e-2);
  flr_optimizer_destroy(optimizer);
}

static void test_ranges__norms_and_biases_can_be_spared(void **state) {
  (void)state;
  recorder backend;
  flr_optimizer_settings settings = flr_optimizer_settings_defaults();
  settings.bn_wd = 0;
  settings.wd = 0.1;
  flr_optimizer *optimizer = create(&backend, &settings);
  int count = 0;
  const flr_update_range *ranges = flr_optimizer_ranges(optimizer, &count);
  assert_int_equal(count, 5);
  check_range(&ranges[0], 0, 20, 0, 0.1);
  check_range(&ranges[1], 32, 20, 0, 0);
  check_range(&ranges[2], 64, 16, 0, 0.1);
  check_range(&ranges[3], 80, 10, 1, 0.1);
  check_range(&ranges[4], 96, 3, 1, 0);
  flr_optimizer_destroy(optimizer);
}

/* A recorded step keeps their number while the decay changes under it. */
static void test_ranges__are_cut_alike_at_every_decay(void **state) {
  (void)state;
  recorder backend;
  flr_optimizer_settings settings = flr_optimizer_settings_defaults();
  settings.bn_wd = 0;
  settings.name = "sgd"; /* whose own decay is 0 */
  flr_optimizer *optimizer = create(&backend, &settings);
  for (int i = 0; i < 3; i++) {
    const double wd = i == 1 ? 0.25 : 0;
    if (i > 0) CHECK_OK(flr_optimizer_set_wd(optimizer, &params, wd));
    int count = 0;
    const flr_update_range *ranges = flr_optimizer_ranges(optimizer, &count);
    assert_int_equal(count, 5);
    check_range(&ranges[0], 0, 20, 0, wd);
    check_range(&ranges[1], 32, 20, 0, 0);
    check_range(&ranges[2], 64, 16, 0, wd);
    check_range(&ranges[3], 80, 10, 1, wd);
    check_range(&ranges[4], 96, 3, 1, 0);
    float values[112] = {0}, grad[112] = {0};
    const flr_step_values step = {.momentum = 0.9, .loss_scale = 1};
    CHECK_OK(flr_optimizer_step(optimizer, &(flr_optimizer_io){.params = values, .grad = grad, .values = &step}));
    assert_int_equal(backend.last.range_count, 5);
    assert_true(backend.last.ranges[3].decay == wd); /* what the device has */
  }
  flr_optimizer_destroy(optimizer);
}

static void test_ranges__lamb_has_one_for_each_parameter(void **state) {
  (void)state;
  recorder backend;
  flr_optimizer_settings settings = flr_optimizer_settings_defaults();
  settings.name = "lamb";
  flr_optimizer *optimizer = create(&backend, &settings);
  int count = 0;
  const flr_update_range *ranges = flr_optimizer_ranges(optimizer, &count);
  assert_int_equal(count, params.param_count);
  for (int i = 0; i < count; i++) check_range(&ranges[i], layout[i].offset, layout[i].count, layout[i].group, 1e-2);
  float values[112] = {0}, grad[112] = {0};
  const flr_step_values step = {.momentum = 0.9, .loss_scale = 1};
  CHECK_OK(flr_optimizer_step(optimizer, &(flr_optimizer_io){.params = values, .grad = grad, .values = &step}));
  assert_int_equal(backend.last.kind, FLR_UPDATE_LAMB);
  for (int i = 0; i < 3 * count; i++) assert_true(backend.last.sums[i] == 0); /* q, and one block of two sums each */
  flr_optimizer_destroy(optimizer);
}

static void test_step__hands_the_backend_everything(void **state) {
  (void)state;
  recorder backend;
  flr_optimizer_settings settings = flr_optimizer_settings_defaults();
  settings.wd_mode = "l2";
  flr_optimizer *optimizer = create(&backend, &settings);
  float values[112] = {0}, grad[112] = {0};
  double sumsq = 0;
  const flr_step_values step = {.lr = {1e-3, 1e-2}, .momentum = 0.9, .loss_scale = 1, .update_count = 1};
  CHECK_OK(flr_optimizer_step(optimizer,
                              &(flr_optimizer_io){.params = values, .grad = grad, .values = &step, .grad_sumsq = &sumsq}));
  const flr_update *last = &backend.last;
  assert_int_equal(last->kind, FLR_UPDATE_ADAM);
  assert_true(last->param == values && last->grad == grad && last->values == &step && last->grad_sumsq == &sumsq);
  assert_ptr_equal(last->slot0, flr_optimizer_slot(optimizer, 0));
  assert_ptr_equal(last->slot1, flr_optimizer_slot(optimizer, 1));
  assert_int_equal(last->range_count, 2);
  assert_int_equal(last->decoupled, 0);
  assert_true(last->sqr_mom == 0.99 && last->eps == 1e-5);
  flr_optimizer_destroy(optimizer);
}

static void test_step__only_a_done_update_counts(void **state) {
  (void)state;
  recorder backend;
  const flr_optimizer_settings settings = flr_optimizer_settings_defaults();
  flr_optimizer *optimizer = create(&backend, &settings);
  float values[112] = {0}, grad[112] = {0};
  const flr_step_values step = {.momentum = 0.9, .loss_scale = 1};
  CHECK_OK(flr_optimizer_step(optimizer, &(flr_optimizer_io){.params = values, .grad = grad, .values = &step}));
  CHECK_OK(flr_optimizer_step(optimizer, &(flr_optimizer_io){.params = values, .grad = grad, .values = &step}));
  backend.failing = 1;
  CHECK_FAILS(flr_optimizer_step(optimizer, &(flr_optimizer_io){.params = values, .grad = grad, .values = &step}),
              FLR_ERROR_INTERNAL, "as asked");
  assert_int_equal(flr_optimizer_updates(optimizer), 2);
  flr_optimizer_set_updates(optimizer, 77);
  assert_int_equal(flr_optimizer_updates(optimizer), 77);
  flr_optimizer_destroy(optimizer);
}

static void check_slots(const char *name, int count, const char *first, const char *second) {
  recorder backend;
  flr_optimizer_settings settings = flr_optimizer_settings_defaults();
  settings.name = name;
  flr_optimizer *optimizer = create(&backend, &settings);
  assert_int_equal(flr_optimizer_slot_count(optimizer), count);
  assert_string_equal(flr_optimizer_slot_name(optimizer, 0), first);
  if (second) assert_string_equal(flr_optimizer_slot_name(optimizer, 1), second);
  assert_null(flr_optimizer_slot_name(optimizer, count));
  assert_null(flr_optimizer_slot(optimizer, count));
  assert_null(flr_optimizer_slot(optimizer, -1));
  for (int i = 0; i < count; ++i)
    for (int64_t e = 0; e < params.elements; ++e) assert_true(flr_optimizer_slot(optimizer, i)[e] == 0);
  flr_optimizer_slot(optimizer, 0)[111] = 3;
  flr_optimizer_set_updates(optimizer, 5);
  CHECK_OK(flr_optimizer_reset(optimizer));
  assert_true(flr_optimizer_slot(optimizer, 0)[111] == 0);
  assert_int_equal(flr_optimizer_updates(optimizer), 0);
  flr_optimizer_destroy(optimizer);
}

static void test_slots__are_named_and_start_at_zero(void **state) {
  (void)state;
  check_slots("sgd", 1, "momentum", NULL);
  check_slots("adam", 2, "exp_avg", "exp_avg_sq");
  check_slots("adamw", 2, "exp_avg", "exp_avg_sq");
  check_slots("lamb", 2, "exp_avg", "exp_avg_sq");
}

static void test_create__refuses_wrong_settings(void **state) {
  (void)state;
  recorder backend = {.base = {.ops = &record_ops}};
  flr_optimizer *optimizer = NULL;
  const flr_optimizer_settings good = flr_optimizer_settings_defaults();
  flr_optimizer_settings settings = good;
  settings.name = "sgdm";
  CHECK_FAILS(flr_optimizer_create(&optimizer, &params, &backend.base, &settings), FLR_ERROR_USAGE, "--optimizer sgdm");
  settings = good;
  settings.wd_mode = "soft";
  CHECK_FAILS(flr_optimizer_create(&optimizer, &params, &backend.base, &settings), FLR_ERROR_USAGE, "--wd-mode soft");
  settings = good;
  settings.name = "adamw";
  settings.wd_mode = "l2";
  CHECK_FAILS(flr_optimizer_create(&optimizer, &params, &backend.base, &settings), FLR_ERROR_USAGE, "--optimizer adamw");
  settings = good;
  settings.wd = -1;
  CHECK_FAILS(flr_optimizer_create(&optimizer, &params, &backend.base, &settings), FLR_ERROR_USAGE, "--wd -1");
  settings = good;
  settings.sqr_mom = 1;
  CHECK_FAILS(flr_optimizer_create(&optimizer, &params, &backend.base, &settings), FLR_ERROR_USAGE, "--sqr-mom 1");
  settings = good;
  settings.eps = 0;
  CHECK_FAILS(flr_optimizer_create(&optimizer, &params, &backend.base, &settings), FLR_ERROR_USAGE, "--eps 0");
  assert_null(optimizer);
  flr_optimizer_destroy(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ranges__neighbours_of_a_group_are_one),
      cmocka_unit_test(test_ranges__norms_and_biases_can_be_spared),
      cmocka_unit_test(test_ranges__are_cut_alike_at_every_decay),
      cmocka_unit_test(test_ranges__lamb_has_one_for_each_parameter),
      cmocka_unit_test(test_step__hands_the_backend_everything),
      cmocka_unit_test(test_step__only_a_done_update_counts),
      cmocka_unit_test(test_slots__are_named_and_start_at_zero),
      cmocka_unit_test(test_create__refuses_wrong_settings),
  };
  return cmocka_run_group_tests_name("optim.optimizer", tests, NULL, NULL);
}
