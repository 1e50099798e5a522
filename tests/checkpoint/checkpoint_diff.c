/* What differs between two checkpoints is named, counted and placed; what does not is not. */
#include "harness/harness.h"

#include <math.h>

#include "checkpoint/checkpoint_fixture.h"
#include "checkpoint/diff.h"
#include "harness/scratch_dir.h"

enum { PATH_ROOM = SCRATCH_PATH + 64 };

typedef struct pair {
  flr_graph *graph;
  flr_checkpoint a, b;
  char path_a[PATH_ROOM], path_b[PATH_ROOM];
} pair;

static pair pair_make(void **state, int sweeps) {
  pair p = {.graph = fixture_graph("cnn")};
  p.a = fixture_make(p.graph, sweeps);
  p.b = fixture_make(p.graph, sweeps);
  scratch_path(p.path_a, state, "a.h5");
  scratch_path(p.path_b, state, "b.h5");
  return p;
}

static flr_diff pair_compare(pair *p) {
  flr_diff diff;
  CHECK_OK(flr_checkpoint_write(p->path_a, &p->a));
  CHECK_OK(flr_checkpoint_write(p->path_b, &p->b));
  CHECK_OK(flr_diff_files(&diff, (const char *const[]){p->path_a, p->path_b}, NULL));
  assert_true(diff.file[0].whole && diff.file[1].whole);
  return diff;
}

static void pair_free(pair *p, flr_diff *diff) {
  flr_diff_clear(diff);
  flr_checkpoint_clear(&p->a);
  flr_checkpoint_clear(&p->b);
  flr_graph_destroy(p->graph);
}

static const flr_diff_set *only_set(const flr_diff *diff, const char *name) {
  assert_int_equal(diff->set_count, 1);
  const flr_diff_set *set = &diff->sets[0];
  assert_string_equal((set->in[0] ? set->in[0] : set->in[1])->name, name);
  return set;
}

static void expect_both(const flr_diff *diff, flr_diff_kind kind, const char *name, const char *a, const char *b) {
  for (int64_t i = 0; i < diff->value_count; i++) {
    const flr_diff_value *value = &diff->values[i];
    if (value->kind != kind || strcmp(value->name, name) != 0) continue;
    assert_int_equal(!value->value[0], !a);
    assert_int_equal(!value->value[1], !b);
    if (a) assert_string_equal(value->value[0], a);
    if (b) assert_string_equal(value->value[1], b);
    return;
  }
  fail_msg("%s is not among the %lld that differ", name, (long long)diff->value_count);
}

static void test_same__has_no_difference(void **state) {
  for (int sweeps = 0; sweeps < 2; sweeps++) {
    pair p = pair_make(state, sweeps);
    flr_diff diff = pair_compare(&p);
    assert_int_equal(diff.set_count, 0);
    assert_int_equal(diff.value_count, 0);
    pair_free(&p, &diff);
  }
}

static const flr_param *param_of(const pair *p, const char *name) {
  const flr_params *params = flr_graph_params(p->graph);
  for (int i = 0; i < params->param_count; i++)
    if (strcmp(params->params[i].name, name) == 0) return &params->params[i];
  fail_msg("no parameter %s", name);
  return NULL;
}

/* fc.bias has 3 elements, stored as they lie in memory. */
static void test_values__are_counted_and_placed(void **state) {
  pair p = pair_make(state, 0);
  float *a = p.a.train.params + param_of(&p, "fc.bias")->offset, *b = p.b.train.params + param_of(&p, "fc.bias")->offset;
  a[0] = b[0] = 5;
  a[1] = 100;
  b[1] = 101;
  a[2] = 0.25f;
  b[2] = -0.25f;
  flr_diff diff = pair_compare(&p);
  const flr_diff_set *set = only_set(&diff, "/params/fc.bias");
  assert_int_equal(set->comparable, 1);
  assert_int_equal(set->elements, 3);
  assert_int_equal(set->differing, 2);
  CHECK_NEAR(set->absolute, 1, 0, 1);
  assert_int_equal(set->absolute_at[0], 1);
  CHECK_NEAR(set->relative, 2, 0, 1);
  assert_int_equal(set->relative_at[0], 2);
  assert_int_equal(diff.value_count, 0);
  pair_free(&p, &diff);
}

/* The last element of shards/norms, which has rows: its place is a pair. */
static void test_index__has_every_axis(void **state) {
  pair p = pair_make(state, 0);
  const int64_t width = p.a.layout->state_elements;
  p.b.train.norms[1 * width + 2] += 4;
  flr_diff diff = pair_compare(&p);
  const flr_diff_set *set = only_set(&diff, "/shards/norms");
  assert_int_equal(set->differing, 1);
  assert_int_equal(set->absolute_at[0], 1);
  assert_int_equal(set->absolute_at[1], 2);
  pair_free(&p, &diff);
}

static void test_bits__count_also_of_zeros_and_nan(void **state) {
  pair p = pair_make(state, 0);
  float *a = p.a.train.params + param_of(&p, "fc.bias")->offset, *b = p.b.train.params + param_of(&p, "fc.bias")->offset;
  a[0] = 0;
  b[0] = -0.0f;
  a[1] = b[1] = NAN;
  flr_diff diff = pair_compare(&p);
  assert_int_equal(only_set(&diff, "/params/fc.bias")->differing, 1);
  CHECK_NEAR(diff.sets[0].absolute, 0, 0, 1);
  pair_free(&p, &diff);
  p = pair_make(state, 0);
  p.b.train.params[param_of(&p, "fc.bias")->offset + 2] = NAN;
  diff = pair_compare(&p);
  assert_true(isinf(only_set(&diff, "/params/fc.bias")->absolute) && isinf(diff.sets[0].relative));
  assert_int_equal(diff.sets[0].relative_at[0], 2);
  pair_free(&p, &diff);
}

static void test_values__of_progress_config_and_data(void **state) {
  pair p = pair_make(state, 0);
  p.b.progress.step = 121;
  p.b.progress.valid_loss = 0.5;
  p.b.train.update_count += 1;
  p.b.lr[1] = 2e-3;
  flr_free(p.b.config);
  CHECK_OK(flr_strdup(&p.b.config, "batch = 32\nmodel = cnn\nseed = 2\n"));
  flr_free(p.b.dataset);
  CHECK_OK(flr_strdup(&p.b.dataset, "source = digits\nclasses = 4\n"));
  flr_diff diff = pair_compare(&p);
  expect_both(&diff, FLR_DIFF_PROGRESS, "step", "120", "121");
  expect_both(&diff, FLR_DIFF_PROGRESS, "valid_loss", "nan", "0.5");
  expect_both(&diff, FLR_DIFF_ATTRIBUTE, "optimizer/update_count", "8", "9");
  expect_both(&diff, FLR_DIFF_ATTRIBUTE, "steps", "120", "121");
  expect_both(&diff, FLR_DIFF_CONFIG, "batch", "64", "32");
  expect_both(&diff, FLR_DIFF_CONFIG, "seed", NULL, "2");
  expect_both(&diff, FLR_DIFF_DATA, "classes", "3", "4");
  assert_int_equal(diff.value_count, 7);
  assert_int_equal(only_set(&diff, "/schedule/lr")->absolute_at[0], 1);
  pair_free(&p, &diff);
}

static void test_names_and_shapes__are_told(void **state) {
  pair p = pair_make(state, 0);
  flr_checkpoint_clear(&p.b);
  flr_graph *other = fixture_graph("mlp");
  p.b = fixture_make(other, 0);
  p.b.progress.shards = FIXTURE_SHARDS;
  p.b.groups = 1;
  flr_diff diff = pair_compare(&p);
  int only_a = 0, only_b = 0, shapes = 0;
  for (int64_t i = 0; i < diff.set_count; i++) {
    const flr_diff_set *set = &diff.sets[i];
    only_a += set->in[0] && !set->in[1] && strcmp(set->in[0]->name, "/params/conv1.weight") == 0;
    only_b += !set->in[0] && set->in[1] && strcmp(set->in[1]->name, "/params/fc1.weight") == 0;
    shapes += set->in[0] && set->in[1] && !set->comparable && strcmp(set->in[0]->name, "/schedule/lr") == 0;
  }
  assert_int_equal(only_a, 1);
  assert_int_equal(only_b, 1);
  assert_int_equal(shapes, 1);
  pair_free(&p, &diff);
  flr_graph_destroy(other);
}

static void test_damage__is_not_compared(void **state) {
  pair p = pair_make(state, 0);
  flr_diff diff = pair_compare(&p);
  flr_diff_clear(&diff);
  assert_int_equal(truncate(p.path_b, 2000), 0);
  CHECK_OK(flr_diff_files(&diff, (const char *const[]){p.path_a, p.path_b}, NULL));
  assert_true(diff.file[0].whole && !diff.file[1].whole);
  assert_int_equal(diff.set_count + diff.value_count, 0);
  pair_free(&p, &diff);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same__has_no_difference),
      cmocka_unit_test(test_values__are_counted_and_placed),
      cmocka_unit_test(test_index__has_every_axis),
      cmocka_unit_test(test_bits__count_also_of_zeros_and_nan),
      cmocka_unit_test(test_values__of_progress_config_and_data),
      cmocka_unit_test(test_names_and_shapes__are_told),
      cmocka_unit_test(test_damage__is_not_compared),
  };
  return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
