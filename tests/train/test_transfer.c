/* Transfer: a body trained on some classes, a new head on others, then all of it. */
#include "checkpoint/weights.h"
#include "train/train_harness.h"

enum { PATH = 1200, IMAGENETS = 3 };

static flr_weights_info info_of(const char *directory) {
  char path[PATH + 16];
  flr_weights_info info;
  (void)snprintf(path, sizeof path, "%s/final.h5", directory);
  CHECK_OK(flr_weights_info_load(path, &info));
  return info;
}

/* The first run's normalisation goes with its weights: the second data set's own would not fit them. */
static void check_kept(const char *body, const char *next) {
  flr_weights_info a = info_of(body), b = info_of(next);
  assert_string_equal(b.head, "fastai");
  assert_int_equal(b.head_classes, 3);
  assert_int_equal(a.head_classes, 5);
  assert_non_null(strstr(b.config, "head = fastai"));
  assert_memory_equal(a.mean, b.mean, 3 * sizeof(float));
  assert_memory_equal(a.std, b.std, 3 * sizeof(float));
  flr_weights_info_clear(&a);
  flr_weights_info_clear(&b);
}

static void test_transfer__to_other_classes_and_on(void **state) {
  (void)state;
  char body[PATH], head[PATH], all[PATH], from_body[PATH + 16], from_head[PATH + 16];
  train_directory(body, sizeof body, "body");
  train_directory(head, sizeof head, "head");
  train_directory(all, sizeof all, "all");
  (void)snprintf(from_body, sizeof from_body, "%s/final.h5", body);
  (void)snprintf(from_head, sizeof from_head, "%s/final.h5", head);
  const char *const first[] = {"model", "cnn", "data", "synthetic:320,8,8,3,5", "steps", "5", "lr", "1e-2", NULL};
  const char *const second[] = {
      "model", "cnn",      "data", "synthetic:200,8,8,3,3", "seed",    "7", "steps", "5", "lr", "1e-2", "freeze",
      "on",    "train-bn", "off",  "init-weights",          from_body, NULL};
  const char *const third[] = {"model", "cnn", "data", "synthetic:200,8,8,3,3", "seed",    "9", "steps",
                               "2",     "lr",  "0",    "init-weights",          from_head, NULL};
  train_fit(body, first);
  train_fit(head, second);
  train_fit(all, third);
  if (train_rank() == 0) {
    check_kept(body, head);
    check_kept(body, all);
    assert_true(train_same_tensor(body, head, "conv4.weight") && train_same_tensor(body, head, "bn1.bias"));
    assert_false(train_same_tensor(body, head, "bn1.running_mean"));
    assert_true(train_same_tensor(head, all, "head.8.weight") && train_same_tensor(head, all, "head.2.bias") &&
                train_same_tensor(head, all, "conv1.weight"));
  }
  train_barrier();
  train_remove(body);
  train_remove(head);
  train_remove(all);
}

/* A ResNet's weights that say nothing of their inputs are taken for torchvision's. */
static void test_transfer__of_torchvisions_weights_takes_imagenets_colours(void **state) {
  (void)state;
  char body[PATH], head[PATH], from_h5[PATH + 16], weights[PATH + 32];
  static const float mean[IMAGENETS] = {0.485F, 0.456F, 0.406F}, std[IMAGENETS] = {0.229F, 0.224F, 0.225F};
  train_directory(body, sizeof body, "resnet");
  train_directory(head, sizeof head, "resnet-head");
  (void)snprintf(from_h5, sizeof from_h5, "%s/final.h5", body);
  (void)snprintf(weights, sizeof weights, "%s/resnet18.safetensors", body);
  const char *const first[] = {"model", "resnet18", "data", "synthetic:40,8,8,3,5", "batch", "8", "steps", "1",
                               "lr",    "0",        NULL};
  const char *const second[] = {"model", "resnet18", "data", "synthetic:40,8,8,3,3", "batch", "8", "steps", "1", "lr",
                                "0",     "freeze",   "on",   "init-weights",         weights, NULL};
  train_fit(body, first);
  if (train_rank() == 0) CHECK_OK(flr_weights_export(from_h5, weights));
  train_barrier();
  train_fit(head, second);
  if (train_rank() == 0) {
    flr_weights_info info = info_of(head);
    assert_memory_equal(info.mean, mean, sizeof mean);
    assert_memory_equal(info.std, std, sizeof std);
    assert_string_equal(info.head, "fastai");
    flr_weights_info_clear(&info);
    assert_true(train_same_tensor(body, head, "layer4.1.conv2.weight"));
  }
  train_barrier();
  train_remove(body);
  train_remove(head);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_transfer__to_other_classes_and_on),
      cmocka_unit_test(test_transfer__of_torchvisions_weights_takes_imagenets_colours),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
