/* Resized windows and the test-time form against Pillow's figures (tests/vectors/resample.py). */
#include "datasets/augment.h"
#include "harness/vectors.h"

enum { MOST_ELEMENTS = 6000 };

/* Pillow's own byte arithmetic rounds after each axis; ours once. */
static const double float_tolerance = 2e-3, byte_tolerance = 1;

static int32_t element(int64_t i) { return (int32_t)((i * 131 + i * i / 7) % 256); }

static void read_integers(const cJSON *entry, const char *name, int64_t *out, int count) {
  const cJSON *array = cJSON_GetObjectItem(entry, name);
  assert_int_equal(cJSON_GetArraySize(array), count);
  for (int i = 0; i < count; i++) out[i] = (int64_t)cJSON_GetNumberValue(cJSON_GetArrayItem(array, i));
}

/* The view that an entry asks for: a window given, or the test-time form of a crop. */
static void read_view(const cJSON *entry, flr_dtype dtype, flr_augment *a, flr_augment_view *view) {
  int64_t stored[3], window[4], out[2];
  const cJSON *crop = cJSON_GetObjectItem(entry, "crop");
  read_integers(entry, "stored", stored, 3);
  *a = (flr_augment){
      .kind = FLR_AUGMENT_RESIZED_CROP_FLIP, .height = stored[0], .width = stored[1], .channels = stored[2], .dtype = dtype};
  if (crop) {
    a->out_height = a->out_width = (int64_t)cJSON_GetNumberValue(crop);
    flr_augment_view_at(view, a, 0, 0);
    return;
  }
  read_integers(entry, "window", window, 4);
  read_integers(entry, "out", out, 2);
  a->out_height = out[0];
  a->out_width = out[1];
  *view = (flr_augment_view){.top = window[0],
                             .left = window[1],
                             .height = window[2],
                             .width = window[3],
                             .scaled_height = out[0],
                             .scaled_width = out[1]};
}

/* What we make of the entry, as numbers. */
static void make(const cJSON *entry, flr_dtype dtype, int mirrored, double *out, int64_t *shape) {
  static float floats[MOST_ELEMENTS], made_floats[MOST_ELEMENTS];
  static uint8_t bytes[MOST_ELEMENTS], made_bytes[MOST_ELEMENTS];
  flr_augment a;
  flr_augment_view view;
  flr_augment_space space;
  read_view(entry, dtype, &a, &view);
  view.mirrored = mirrored;
  assert_true(a.height * a.width * a.channels <= MOST_ELEMENTS);
  for (int64_t i = 0; i < a.height * a.width * a.channels; i++) {
    floats[i] = (float)element(i);
    bytes[i] = (uint8_t)element(i);
  }
  CHECK_OK(flr_augment_space_init(&space, &a));
  flr_augment_apply(&a, &space, &view, dtype == FLR_U8 ? (void *)bytes : floats,
                    dtype == FLR_U8 ? (void *)made_bytes : made_floats);
  flr_augment_space_clear(&space);
  for (int64_t i = 0; i < a.out_height * a.out_width * a.channels; i++)
    out[i] = dtype == FLR_U8 ? made_bytes[i] : (double)made_floats[i];
  shape[0] = a.out_height;
  shape[1] = a.out_width;
  shape[2] = a.channels;
}

static void compare(const cJSON *entry, flr_dtype dtype, int mirrored) {
  static double made[MOST_ELEMENTS];
  int64_t shape[3];
  const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(entry, "name"));
  const cJSON *truth = cJSON_GetObjectItem(entry, dtype == FLR_U8 ? "bytes" : "values");
  const double tolerance = dtype == FLR_U8 ? byte_tolerance : float_tolerance;
  make(entry, dtype, mirrored, made, shape);
  assert_int_equal(cJSON_GetArraySize(truth), shape[0] * shape[1] * shape[2]);
  const cJSON *item = truth->child;
  for (int64_t y = 0; y < shape[0]; y++)
    for (int64_t x = 0; x < shape[1]; x++)
      for (int64_t c = 0; c < shape[2]; c++, item = item->next) {
        const double got = made[(y * shape[1] + (mirrored ? shape[1] - 1 - x : x)) * shape[2] + c];
        if (!(fabs(got - cJSON_GetNumberValue(item)) <= tolerance))
          fail_msg("%s, %s, row %d column %d channel %d: %g, Pillow has %g", name, flr_dtype_name(dtype), (int)y, (int)x,
                   (int)c, got, cJSON_GetNumberValue(item));
      }
}

static void compare_all(flr_dtype dtype, int mirrored) {
  cJSON *vectors = vectors_read("resample.json");
  const cJSON *cases = cJSON_GetObjectItem(vectors, "cases"), *entry;
  assert_true(cJSON_GetArraySize(cases) >= 10);
  cJSON_ArrayForEach(entry, cases) compare(entry, dtype, mirrored);
  cJSON_Delete(vectors);
}

static void test_resample__floats_are_pillows(void **state) {
  (void)state;
  compare_all(FLR_F32, 0);
  compare_all(FLR_F32, 1);
}

static void test_resample__bytes_are_pillows(void **state) {
  (void)state;
  compare_all(FLR_U8, 0);
  compare_all(FLR_U8, 1);
}

/* Bytes are what float32 gives, rounded to the nearest. */
static void test_resample__bytes_are_rounded_once(void **state) {
  (void)state;
  static double bytes[MOST_ELEMENTS], floats[MOST_ELEMENTS];
  cJSON *vectors = vectors_read("resample.json");
  const cJSON *entry;
  cJSON_ArrayForEach(entry, cJSON_GetObjectItem(vectors, "cases")) {
    int64_t shape[3];
    make(entry, FLR_U8, 0, bytes, shape);
    make(entry, FLR_F32, 0, floats, shape);
    for (int64_t i = 0; i < shape[0] * shape[1] * shape[2]; i++) CHECK_NEAR(bytes[i], floor(floats[i] + 0.5), 0, 1);
  }
  cJSON_Delete(vectors);
}

/* A constant image stays one, the largest byte too. */
static void test_resample__keeps_a_constant(void **state) {
  (void)state;
  enum { SIDE = 45, STEPS = 44 };
  uint8_t image[SIDE * SIDE * 3], out[SIDE * SIDE * 3];
  memset(image, 255, sizeof image);
  for (int64_t side = 1; side <= STEPS; side++) {
    const flr_augment a = {.kind = FLR_AUGMENT_RESIZED_CROP_FLIP,
                           .height = SIDE,
                           .width = SIDE,
                           .channels = 3,
                           .out_height = side,
                           .out_width = SIDE,
                           .dtype = FLR_U8};
    const flr_augment_view view = {
        .top = 1, .left = 1, .height = SIDE - 1, .width = side, .scaled_height = side, .scaled_width = SIDE};
    flr_augment_space space;
    CHECK_OK(flr_augment_space_init(&space, &a));
    memset(out, 0, sizeof out);
    flr_augment_apply(&a, &space, &view, image, out);
    for (int64_t i = 0; i < side * SIDE * 3; i++) assert_int_equal(out[i], 255);
    flr_augment_space_clear(&space);
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_resample__floats_are_pillows),
      cmocka_unit_test(test_resample__bytes_are_pillows),
      cmocka_unit_test(test_resample__bytes_are_rounded_once),
      cmocka_unit_test(test_resample__keeps_a_constant),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
