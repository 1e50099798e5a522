/* Views of images: places worked out by hand, what is random and how, what is refused; the loader's batches. */
#include "datasets/augment.h"

#include "core/hash.h"
#include "datasets/loader.h"
#include "harness/harness.h"

static flr_augment_options wish(const char *kind, int64_t crop_size, int64_t crop_pad) {
  return (flr_augment_options){.kind = kind, .crop_size = crop_size, .crop_pad = crop_pad, .random = 1};
}

/* Pixel p of an image of one-byte pixels is p; of three channels 3 p, 3 p + 1, 3 p + 2. */
static void apply(const flr_augment *a, const flr_augment_view *view, uint8_t *out) {
  uint8_t image[256];
  flr_augment_space space;
  for (int i = 0; i < 256; i++) image[i] = (uint8_t)i;
  CHECK_OK(flr_augment_space_init(&space, a));
  flr_augment_apply(a, &space, view, image, out);
  flr_augment_space_clear(&space);
}

static void check_bytes(const uint8_t *got, const uint8_t *wanted, int count) {
  for (int i = 0; i < count; i++)
    if (got[i] != wanted[i]) fail_msg("byte %d is %d, wanted %d", i, got[i], wanted[i]);
}

static flr_augment small(flr_augment_kind kind, int64_t channels, int64_t out_height, int64_t out_width) {
  return (flr_augment){.kind = kind,
                       .random = 1,
                       .height = 3,
                       .width = 4,
                       .channels = channels,
                       .out_height = out_height,
                       .out_width = out_width,
                       .dtype = FLR_U8};
}

static flr_augment_view window(int64_t top, int64_t left, int64_t height, int64_t width, int mirrored) {
  return (flr_augment_view){.mirrored = mirrored,
                            .top = top,
                            .left = left,
                            .height = height,
                            .width = width,
                            .scaled_height = height,
                            .scaled_width = width};
}

/* ---- by hand: the image is 0 1 2 3 / 4 5 6 7 / 8 9 10 11 ---- */

static void test_flip__swaps_columns(void **state) {
  (void)state;
  static const uint8_t grey[] = {3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8};
  static const uint8_t colour[] = {9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2};
  uint8_t out[36];
  flr_augment a = small(FLR_AUGMENT_FLIP, 1, 3, 4);
  flr_augment_view view = window(0, 0, 3, 4, 1);
  apply(&a, &view, out);
  check_bytes(out, grey, 12);
  a = small(FLR_AUGMENT_FLIP, 3, 3, 4);
  apply(&a, &view, out);
  check_bytes(out, colour, 12);
}

static void test_crop__reflects_without_the_edge(void **state) {
  (void)state;
  static const uint8_t above[] = {10, 9, 8, 9, 6, 5, 4, 5, 2, 1, 0, 1};
  static const uint8_t below[] = {7, 6, 5, 4, 11, 10, 9, 8, 7, 6, 5, 4};
  static const uint8_t corner[] = {6, 5, 4, 5, 10, 9, 8, 9, 6, 5, 4, 5};
  uint8_t out[12];
  const flr_augment a = small(FLR_AUGMENT_CROP_FLIP, 1, 3, 4);
  flr_augment_view view = window(-2, -2, 3, 4, 0);
  apply(&a, &view, out);
  check_bytes(out, above, 12);
  view = window(1, 0, 3, 4, 1);
  apply(&a, &view, out);
  check_bytes(out, below, 12);
  view = window(1, -2, 3, 4, 0);
  apply(&a, &view, out);
  check_bytes(out, corner, 12);
}

static void test_crop__to_the_right_mirrored(void **state) {
  (void)state;
  static const uint8_t plain[] = {2, 3, 2, 1, 6, 7, 6, 5, 10, 11, 10, 9}, mirrored[] = {1, 2, 3, 2, 5, 6, 7, 6, 9, 10, 11, 10};
  uint8_t out[12];
  const flr_augment a = small(FLR_AUGMENT_CROP_FLIP, 1, 3, 4);
  flr_augment_view view = window(0, 2, 3, 4, 0);
  apply(&a, &view, out);
  check_bytes(out, plain, 12);
  view.mirrored = 1;
  apply(&a, &view, out);
  check_bytes(out, mirrored, 12);
}

/* A window smaller than the pad can lie beside the image as a whole. */
static void test_crop__beside_the_image(void **state) {
  (void)state;
  static const uint8_t left[] = {3, 2, 7, 6}, right[] = {2, 1, 6, 5};
  uint8_t out[4];
  const flr_augment a = small(FLR_AUGMENT_CROP_FLIP, 1, 2, 2);
  flr_augment_view view = window(0, -3, 2, 2, 0);
  apply(&a, &view, out);
  check_bytes(out, left, 4);
  view = window(0, 4, 2, 2, 0);
  apply(&a, &view, out);
  check_bytes(out, right, 4);
}

static void test_center__is_torchvisions(void **state) {
  (void)state;
  /* stored height and width, crop, then scaled, and rows and columns left out */
  static const int64_t cases[][7] = {{256, 256, 224, 256, 256, 16, 16},  {240, 230, 224, 240, 230, 8, 3},
                                     {300, 500, 224, 256, 426, 16, 101}, {512, 512, 224, 256, 256, 16, 16},
                                     {224, 224, 224, 224, 224, 0, 0},    {257, 257, 224, 256, 256, 16, 16}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const int64_t *c = cases[i];
    const flr_augment a = {.kind = FLR_AUGMENT_RESIZED_CROP_FLIP,
                           .height = c[0],
                           .width = c[1],
                           .channels = 3,
                           .out_height = c[2],
                           .out_width = c[2],
                           .dtype = FLR_U8};
    flr_augment_view v;
    flr_augment_view_at(&v, &a, 7, 3);
    const int resized = c[3] != c[0] || c[4] != c[1];
    assert_int_equal(v.mirrored, 0);
    assert_int_equal(v.scaled_height, resized ? c[3] : c[2]);
    assert_int_equal(v.scaled_width, resized ? c[4] : c[2]);
    assert_int_equal(v.top + v.skip_y, c[5]);
    assert_int_equal(v.left + v.skip_x, c[6]);
  }
}

/* ---- random numbers ---- */

enum { DRAWS = 40000 };

static void test_views__flip_half_the_time_and_crop_everywhere(void **state) {
  (void)state;
  const flr_augment a = {.kind = FLR_AUGMENT_CROP_FLIP,
                         .random = 1,
                         .height = 32,
                         .width = 32,
                         .channels = 3,
                         .out_height = 32,
                         .out_width = 32,
                         .dtype = FLR_U8,
                         .pad = 4};
  int64_t mirrored = 0, rows[9] = {0}, columns[9] = {0}, both[9][9] = {{0}};
  for (int64_t i = 0; i < DRAWS; i++) {
    flr_augment_view v;
    flr_augment_view_at(&v, &a, flr_augment_key(5, FLR_STREAM_SHUFFLE, 2), i);
    assert_true(v.top >= -4 && v.top <= 4 && v.left >= -4 && v.left <= 4);
    mirrored += v.mirrored;
    rows[v.top + 4]++;
    columns[v.left + 4]++;
    both[v.top + 4][v.left + 4]++;
  }
  /* five standard deviations of a binomial count */
  CHECK_NEAR((double)mirrored, DRAWS / 2.0, 5 * sqrt(DRAWS * 0.25) / (DRAWS / 2.0), 0);
  for (int i = 0; i < 9; i++) {
    CHECK_NEAR((double)rows[i], DRAWS / 9.0, 5 * sqrt(DRAWS / 9.0) / (DRAWS / 9.0), 0);
    CHECK_NEAR((double)columns[i], DRAWS / 9.0, 5 * sqrt(DRAWS / 9.0) / (DRAWS / 9.0), 0);
    for (int k = 0; k < 9; k++) CHECK_NEAR((double)both[i][k], DRAWS / 81.0, 5 * sqrt(DRAWS / 81.0) / (DRAWS / 81.0), 0);
  }
}

static void test_views__resized_crops_have_the_shares_and_shapes_that_are_asked_for(void **state) {
  (void)state;
  const flr_augment a = {.kind = FLR_AUGMENT_RESIZED_CROP_FLIP,
                         .random = 1,
                         .height = 1000,
                         .width = 1000,
                         .channels = 3,
                         .out_height = 224,
                         .out_width = 224,
                         .dtype = FLR_U8,
                         .least_share = 0.1,
                         .most_share = 0.5};
  double share = 0, share_squared = 0, ratio = 0, ratio_squared = 0, place = 0;
  for (int64_t i = 0; i < DRAWS; i++) {
    flr_augment_view v;
    flr_augment_view_at(&v, &a, flr_augment_key(5, FLR_STREAM_SHUFFLE, 2), i);
    const double s = (double)(v.height * v.width) / 1e6, r = log((double)v.width / (double)v.height);
    assert_true(v.top >= 0 && v.left >= 0 && v.top + v.height <= 1000 && v.left + v.width <= 1000);
    assert_true(s > 0.098 && s < 0.502 && fabs(r) < log(4.0 / 3) + 0.01);
    assert_true(v.scaled_height == 224 && v.scaled_width == 224 && v.skip_y == 0 && v.skip_x == 0);
    share += s / DRAWS;
    share_squared += s * s / DRAWS;
    ratio += r / DRAWS;
    ratio_squared += r * r / DRAWS;
    place += (double)v.top / (double)(1000 - v.height) / DRAWS;
  }
  /* Means and variances of uniform numbers; 0.5 and a ratio of 4/3 still fit, so that none is drawn again. */
  const double width = 2 * log(4.0 / 3);
  CHECK_NEAR(share, 0.3, 5 * 0.4 / sqrt(12.0 * DRAWS) / 0.3, 0);
  CHECK_NEAR(share_squared - share * share, 0.4 * 0.4 / 12, 0.05, 0);
  CHECK_NEAR(ratio, 0, 1, 5 * width / sqrt(12.0 * DRAWS));
  CHECK_NEAR(ratio_squared - ratio * ratio, width * width / 12, 0.05, 0);
  CHECK_NEAR(place, 0.5, 5 / sqrt(12.0 * DRAWS) / 0.5, 0);
}

/* Of a long image no window of its whole area has an allowed shape: the middle is taken, as wide as is allowed. */
static void test_views__fall_back_to_the_middle(void **state) {
  (void)state;
  flr_augment a = {.kind = FLR_AUGMENT_RESIZED_CROP_FLIP,
                   .random = 1,
                   .height = 30,
                   .width = 100,
                   .channels = 3,
                   .out_height = 30,
                   .out_width = 30,
                   .dtype = FLR_U8,
                   .least_share = 1,
                   .most_share = 1};
  flr_augment_view v;
  flr_augment_view_at(&v, &a, 1, 1);
  assert_true(v.height == 30 && v.width == 40 && v.top == 0 && v.left == 30);
  a.height = 100;
  a.width = 30;
  flr_augment_view_at(&v, &a, 1, 1);
  assert_true(v.height == 40 && v.width == 30 && v.top == 30 && v.left == 0);
}

static int same_view(const flr_augment *a, uint64_t key_a, int64_t row_a, uint64_t key_b, int64_t row_b) {
  flr_augment_view x, y;
  flr_augment_view_at(&x, a, key_a, row_a);
  flr_augment_view_at(&y, a, key_b, row_b);
  return x.mirrored == y.mirrored && x.top == y.top && x.left == y.left && x.height == y.height && x.width == y.width;
}

static void test_views__depend_on_seed_stream_epoch_and_row(void **state) {
  (void)state;
  const flr_augment a = {.kind = FLR_AUGMENT_RESIZED_CROP_FLIP,
                         .random = 1,
                         .height = 500,
                         .width = 500,
                         .out_height = 224,
                         .out_width = 224,
                         .least_share = 0.08,
                         .most_share = 1};
  const uint64_t key = flr_augment_key(1, FLR_STREAM_SHUFFLE, 3);
  const uint64_t others[] = {flr_augment_key(2, FLR_STREAM_SHUFFLE, 3), flr_augment_key(1, FLR_STREAM_SWEEP, 3),
                             flr_augment_key(1, FLR_STREAM_SHUFFLE, 4)};
  int same = 0;
  for (int64_t row = 0; row < 200; row++) {
    assert_true(same_view(&a, key, row, key, row));
    for (int i = 0; i < 3; i++) same += same_view(&a, key, row, others[i], row);
    same += same_view(&a, key, row, key, row + 1);
  }
  assert_int_equal(same, 0);
}

/* ---- choosing ---- */

static flr_dataset images(int64_t height, int64_t width, int64_t channels) {
  return (flr_dataset){.source = "food.h5",
                       .height = height,
                       .width = width,
                       .channels = channels,
                       .dtype = FLR_U8,
                       .sample_bytes = (size_t)(height * width * channels)};
}

static void test_auto__goes_by_size_and_channels(void **state) {
  (void)state;
  static const struct {
    int64_t height, width, channels;
    flr_augment_kind kind;
    int64_t pad;
  } cases[] = {{28, 28, 1, FLR_AUGMENT_NONE, 0},      {32, 32, 3, FLR_AUGMENT_CROP_FLIP, 4},
               {64, 64, 3, FLR_AUGMENT_CROP_FLIP, 4}, {64, 65, 3, FLR_AUGMENT_RESIZED_CROP_FLIP, 0},
               {5, 5, 3, FLR_AUGMENT_CROP_FLIP, 4},   {4, 9, 3, FLR_AUGMENT_FLIP, 0},
               {32, 32, 4, FLR_AUGMENT_NONE, 0},      {224, 224, 3, FLR_AUGMENT_RESIZED_CROP_FLIP, 0}};
  const flr_augment_options options = wish("auto", -1, -1);
  flr_augment a;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const flr_dataset d = images(cases[i].height, cases[i].width, cases[i].channels);
    CHECK_OK(flr_augment_init(&a, &d, &options));
    assert_int_equal(a.kind, cases[i].kind);
    assert_int_equal(a.pad, cases[i].pad);
    assert_true(a.out_height == d.height && a.out_width == d.width);
  }
  flr_dataset features = images(1, 1, 3);
  features.features = 1;
  features.dtype = FLR_F32;
  CHECK_OK(flr_augment_init(&a, &features, &options));
  assert_int_equal(a.kind, FLR_AUGMENT_NONE);
  assert_true(flr_augment_is_identity(&a));
}

static void test_init__crop_size_and_pad(void **state) {
  (void)state;
  const flr_dataset d = images(40, 50, 3);
  flr_augment a;
  flr_augment_options o = wish("crop-flip", 32, -1);
  CHECK_OK(flr_augment_init(&a, &d, &o));
  assert_true(a.out_height == 32 && a.out_width == 32 && a.pad == 0);
  assert_int_equal(flr_augment_out_bytes(&a), 32 * 32 * 3);
  o = wish("crop-flip", 40, 6);
  CHECK_OK(flr_augment_init(&a, &d, &o));
  assert_int_equal(a.pad, 6);
  const flr_augment still = flr_augment_at_test_time(&a);
  flr_augment_view v;
  flr_augment_view_at(&v, &still, 1, 1);
  assert_true(v.top == 0 && v.left == 5 && v.height == 40 && v.width == 40 && !v.mirrored);
}

static void test_init__refuses(void **state) {
  (void)state;
  const flr_dataset d = images(40, 50, 3);
  flr_dataset features = images(1, 1, 9);
  features.features = 1;
  flr_augment a;
  flr_augment_options o = wish("auto", 41, -1);
  CHECK_FAILS(flr_augment_init(&a, &d, &o), FLR_ERROR_USAGE,
              "--crop-size: 41 is larger than the images of food.h5, 40x50: at most 40");
  o = wish("crop-flip", -1, 40);
  CHECK_FAILS(flr_augment_init(&a, &d, &o), FLR_ERROR_USAGE, "--crop-pad: 40 is not allowed for images of 40x50");
  o = wish("flip", -1, 2);
  CHECK_FAILS(flr_augment_init(&a, &d, &o), FLR_ERROR_USAGE, "--crop-pad: 2 is for --augment crop-flip, not for flip");
  o = wish("flip", -1, -1);
  CHECK_FAILS(flr_augment_init(&a, &features, &o), FLR_ERROR_USAGE, "--augment: flip is for images, food.h5 has features");
  o = wish("auto", 1, -1);
  CHECK_FAILS(flr_augment_init(&a, &features, &o), FLR_ERROR_USAGE, "--crop-size: 1 is for images");
  o = wish("crop-flip", -1, -1);
  o.scale = "0.2,1";
  CHECK_FAILS(flr_augment_init(&a, &d, &o), FLR_ERROR_USAGE, "--crop-scale: 0.2,1 is for --augment resized-crop-flip");
  static const char *const bad[] = {"",    "0.5",    "0.5,", "0,1",   "0.5,0.4", "0.5,1.1",
                                    "a,b", "0.5,1x", "-1,1", "nan,1", "0.1,nan"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    double least, most;
    CHECK_FAILS(flr_augment_parse_scale(bad[i], &least, &most), FLR_ERROR_USAGE, "--crop-scale");
  }
}

/* ---- any shape ---- */

/* A word from 0 to below `most` that follows from i and place. */
static int64_t word(int i, int place, int64_t most) {
  uint32_t words[4];
  flr_philox(words, 77, (uint64_t)(i * 16 + place));
  return (int64_t)(words[0] % (uint64_t)most);
}

/* Case i: a batch of equal pixels stays one, whatever its shape and what is made of it. Returns 0 for options that are refused.
 */
static int keeps_a_constant(int i) {
  static const char *const kinds[] = {"auto", "none", "flip", "crop-flip", "resized-crop-flip"};
  const int64_t rows[] = {word(i, 0, 1000), 1, 2}, height = 1 + word(i, 1, 60), width = 1 + word(i, 2, 60);
  flr_dataset d = images(height, width, 1 + word(i, 3, 5));
  const int64_t side = height < width ? height : width;
  const flr_augment_options o = {.kind = kinds[word(i, 4, 5)],
                                 .crop_size = word(i, 5, 2) ? -1 : 1 + word(i, 6, side),
                                 .crop_pad = word(i, 7, 2) ? -1 : word(i, 8, side),
                                 .random = word(i, 9, 4) > 0};
  flr_augment a;
  flr_augment_space space;
  if (flr_augment_init(&a, &d, &o) != FLR_OK) return 0;
  CHECK_OK(flr_augment_space_init(&space, &a));
  uint8_t *batch = malloc(3 * d.sample_bytes); /* (exactly: a sanitizer sees what lies beside it) */
  assert_non_null(batch);
  memset(batch, 201, 3 * d.sample_bytes);
  flr_augment_batch(&a, &space, flr_augment_key(1, FLR_STREAM_SHUFFLE, i), rows, 3, batch);
  for (size_t k = 0; k < 3 * flr_augment_out_bytes(&a); k++)
    if (batch[k] != 201) fail_msg("case %d, %s: byte %d is %d", i, flr_augment_name(a.kind), (int)k, batch[k]);
  free(batch);
  flr_augment_space_clear(&space);
  return 1;
}

static void test_augment__equal_pixels_stay_equal_in_any_shape(void **state) {
  (void)state;
  int done = 0;
  for (int i = 0; i < 2000; i++) done += keeps_a_constant(i);
  assert_true(done > 1000);
}

/* ---- the loader ---- */

typedef struct stream_case {
  const char *kind;
  int64_t crop_size;
  flr_rng_stream stream;
  int random;
} stream_case;

/* A hash of every sample, in the order of the global batches, whoever loads it: [steps * batch]. */
static void run(flr_dataset *d, const stream_case *c, int ranks, int workers, int64_t first_step, int64_t steps,
                uint64_t *out) {
  enum { BATCH = 24, SHARDS = 4 };
  const flr_augment_options wanted = {.kind = c->kind, .crop_size = c->crop_size, .crop_pad = -1, .random = c->random};
  for (int rank = 0; rank < ranks; rank++) {
    flr_loader_options o = {.split = FLR_SPLIT_TRAIN,
                            .sampler = {.seed = 3,
                                        .stream = c->stream,
                                        .samples = d->samples[FLR_SPLIT_TRAIN],
                                        .batch = BATCH,
                                        .shuffled = 1,
                                        .drop_last = 1},
                            .shards = SHARDS,
                            .first_step = first_step,
                            .steps = steps,
                            .workers = workers,
                            .prefetch = 2};
    flr_partition(SHARDS, ranks, rank, &o.first_shard, &o.shard_count);
    CHECK_OK(flr_augment_init(&o.augment, d, &wanted));
    const size_t bytes = flr_augment_out_bytes(&o.augment);
    flr_loader *loader;
    CHECK_OK(flr_loader_create(&loader, d, &o));
    for (int64_t step = 0; step < steps; step++) {
      flr_batch b;
      CHECK_OK(flr_loader_next(loader, &b));
      for (int64_t k = 0; k < o.shard_count; k++)
        for (int64_t i = b.shard_first[k]; i < b.shard_first[k + 1]; i++)
          out[step * BATCH + b.shard_position[k] + i - b.shard_first[k]] =
              flr_hash(FLR_HASH_START, (const char *)b.samples + (size_t)i * bytes, bytes);
    }
    flr_loader_destroy(loader);
  }
}

enum { STEPS = 12, SAMPLES = STEPS * 24 };

static flr_dataset *open_set(const char *source) {
  const flr_dataset_options options = {.source = source, .valid_fraction = NAN, .seed = 1};
  flr_dataset *dataset;
  CHECK_OK(flr_dataset_open(&dataset, &options));
  return dataset;
}

static void test_loader__augments_alike_for_any_ranks_threads_and_beginning(void **state) {
  (void)state;
  static const stream_case cases[] = {{"flip", -1, FLR_STREAM_SHUFFLE, 1},
                                      {"crop-flip", -1, FLR_STREAM_SHUFFLE, 1},
                                      {"crop-flip", 7, FLR_STREAM_SWEEP, 1},
                                      {"resized-crop-flip", -1, FLR_STREAM_SHUFFLE, 1},
                                      {"resized-crop-flip", 6, FLR_STREAM_SWEEP, 1},
                                      {"none", 6, FLR_STREAM_SHUFFLE, 1},
                                      {"resized-crop-flip", 6, FLR_STREAM_SHUFFLE, 0}};
  static uint64_t one[SAMPLES], other[SAMPLES];
  flr_dataset *d = open_set("synthetic:150,9,11,3,4"); /* five steps an epoch */
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    run(d, &cases[i], 1, 1, 0, STEPS, one);
    for (int ranks = 1; ranks <= 4; ranks++) {
      memset(other, 0, sizeof other);
      run(d, &cases[i], ranks, 4, 0, STEPS, other);
      assert_memory_equal(one, other, sizeof one);
    }
    memset(other, 0, sizeof other);
    run(d, &cases[i], 3, 2, 7, STEPS - 7, other); /* in mid-epoch */
    assert_memory_equal(one + 7 * 24, other, (STEPS - 7) * 24 * sizeof *one);
  }
  flr_dataset_destroy(d);
}

static int count_equal(const uint64_t *a, const uint64_t *b) {
  int equal = 0;
  for (int i = 0; i < SAMPLES; i++) equal += a[i] == b[i];
  return equal;
}

/* Samples of flip alone: about half are as they are stored, the others are not. */
static void test_loader__flips_about_half_of_the_samples(void **state) {
  (void)state;
  static uint64_t stored[SAMPLES], flipped[SAMPLES], still[SAMPLES];
  flr_dataset *d = open_set("synthetic:150,9,11,3,4");
  const stream_case none = {"none", -1, FLR_STREAM_SHUFFLE, 1}, flip = {"flip", -1, FLR_STREAM_SHUFFLE, 1},
                    test_time = {"crop-flip", -1, FLR_STREAM_SHUFFLE, 0};
  run(d, &none, 2, 1, 0, STEPS, stored);
  run(d, &flip, 2, 1, 0, STEPS, flipped);
  run(d, &test_time, 2, 1, 0, STEPS, still);
  CHECK_NEAR(count_equal(stored, flipped), SAMPLES / 2.0, 5 * sqrt(SAMPLES * 0.25) / (SAMPLES / 2.0), 0);
  assert_memory_equal(stored, still, sizeof stored);
  flr_dataset_destroy(d);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_flip__swaps_columns),
      cmocka_unit_test(test_crop__reflects_without_the_edge),
      cmocka_unit_test(test_crop__to_the_right_mirrored),
      cmocka_unit_test(test_crop__beside_the_image),
      cmocka_unit_test(test_center__is_torchvisions),
      cmocka_unit_test(test_views__flip_half_the_time_and_crop_everywhere),
      cmocka_unit_test(test_views__resized_crops_have_the_shares_and_shapes_that_are_asked_for),
      cmocka_unit_test(test_views__fall_back_to_the_middle),
      cmocka_unit_test(test_views__depend_on_seed_stream_epoch_and_row),
      cmocka_unit_test(test_auto__goes_by_size_and_channels),
      cmocka_unit_test(test_init__crop_size_and_pad),
      cmocka_unit_test(test_init__refuses),
      cmocka_unit_test(test_augment__equal_pixels_stay_equal_in_any_shape),
      cmocka_unit_test(test_loader__augments_alike_for_any_ranks_threads_and_beginning),
      cmocka_unit_test(test_loader__flips_about_half_of_the_samples),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
