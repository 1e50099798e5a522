/* Weights out and in again: final.h5, .safetensors, state dicts in HDF5; conversions; the head. */
#include "harness/harness.h"

#include <float.h>

#include "harness/scratch_dir.h"
#include "unit/weights_files.h"

static flr_final_info final_info(void) {
  static const float mean[] = {0.25f}, std[] = {0.5f};
  return (flr_final_info){.model = "cnn",
                          .config = "data = digits\nbatch = 64\n",
                          .classes = 3,
                          .steps = 77,
                          .mean = mean,
                          .std = std,
                          .channels = 1,
                          .height = 4,
                          .width = 4};
}

static const char *write_final(const weights_model *m, char *path, void **state) {
  const flr_final_info info = final_info();
  scratch_path(path, state, "final.h5");
  CHECK_OK(flr_weights_write_final(path, m->params, m->values, m->states, &info));
  return path;
}

static void test_weights__final_h5_comes_back_to_the_bit(void **state) {
  char path[SCRATCH_PATH + 64];
  weights_model m = weights_model_make("cnn", "", 4, 3);
  flr_weights_info info;
  const flr_weights_options options = {.load_head = 1};
  write_final(&m, path, state);
  assert_int_equal(scratch_files(state, 0), 1); /* no temporary file stays */
  CHECK_OK(flr_weights_load(path, m.params, &options, m.read_values, m.read_states, &info));
  weights_model_check_read(&m);
  assert_string_equal(info.model, "cnn");
  assert_string_equal(info.config, "data = digits\nbatch = 64\n");
  assert_true(info.classes == 3 && info.channels == 1 && info.height == 4 && info.width == 4);
  assert_true(info.mean[0] == 0.25f && info.std[0] == 0.5f && !info.head_skipped);
  flr_weights_info_clear(&info);
  weights_model_free(&m);
}

static void test_weights__export_to_safetensors_comes_back_to_the_bit(void **state) {
  char from[SCRATCH_PATH + 64], to[SCRATCH_PATH + 64], again[SCRATCH_PATH + 64];
  weights_model m = weights_model_make("cnn", "", 4, 3);
  size_t first_bytes = 0, second_bytes = 0;
  write_final(&m, from, state);
  CHECK_OK(flr_weights_export(from, scratch_path(to, state, "a.safetensors")));
  CHECK_OK(weights_model_load(&m, to));
  weights_model_check_read(&m);
  CHECK_OK(flr_weights_export(to, scratch_path(again, state, "b.safetensors")));
  char *first = scratch_read(to, &first_bytes), *second = scratch_read(again, &second_bytes);
  assert_int_equal(first_bytes, second_bytes);
  assert_memory_equal(first, second, first_bytes);
  assert_int_equal(scratch_files(state, 0), 3);
  free(first);
  free(second);
  weights_model_free(&m);
}

/* Data sets whose names hold dots, the same names as groups, and this program's own /params and /buffers. */
static void test_weights__state_dicts_in_hdf5_are_read_in_each_form(void **state) {
  static const struct {
    const char *params, *states;
    char dot;
  } forms[] = {{"/", "/", '.'}, {"/", "/", '/'}, {"/params/", "/buffers/", '.'}, {"/params/", "/buffers/", '/'}};
  static const int64_t one = 1;
  char path[SCRATCH_PATH + 64];
  weights_model m = weights_model_make("cnn", "", 4, 3);
  scratch_path(path, state, "dict.h5");
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    char counter[64];
    const hid_t file = h5_create(path);
    h5_add_model(file, &m, H5T_IEEE_F32LE, forms[i].params, forms[i].states, forms[i].dot);
    (void)snprintf(counter, sizeof counter, "%sbn1%cnum_batches_tracked", forms[i].states, forms[i].dot);
    h5_add(file, counter, H5T_STD_I64LE, 1, &one, NULL);
    H5Fclose(file);
    weights_model_reset(&m);
    CHECK_OK(weights_model_load(&m, path));
    weights_model_check_read(&m);
  }
  weights_model_free(&m);
}

/* ---- conversion ---- */

/* One number in a type of 16 or 64 bits, and what it is as f32. */
typedef struct conversion {
  uint64_t bits;
  float value;
} conversion;

static const conversion halves[] = {
    {0x0000, 0},        {0x8000, -0.0f},        {0x3c00, 1},        {0xc000, -2},        {0x7bff, 65504},
    {0x0400, 0x1p-14f}, {0x03ff, 0x1.ff8p-15f}, {0x0001, 0x1p-24f}, {0x8001, -0x1p-24f}, {0x3555, 0x1.554p-2f},
    {0x7c00, INFINITY}, {0xfc00, -INFINITY}};
static const conversion brains[] = {{0x0000, 0},           {0x8000, -0.0f},    {0x3f80, 1},         {0xc000, -2},
                                    {0x7f7f, 0x1.fep127f}, {0x0080, FLT_MIN},  {0x0001, 0x1p-133f}, {0x8001, -0x1p-133f},
                                    {0x3eab, 0x1.56p-2f},  {0x7f80, INFINITY}, {0xff80, -INFINITY}, {0x0040, 0x1p-127f}};
static const conversion doubles[] = {
    {0x0000000000000000, 0},         {0x8000000000000000, -0.0f},    {0x3ff0000000000000, 1},
    {0xc000000000000000, -2},        {0x47efffffe0000000, FLT_MAX},  {0x3810000000000000, FLT_MIN},
    {0x36a0000000000000, 0x1p-149f}, {0x3fb999999999999a, 0.1f},     {0x7fefffffffffffff, INFINITY},
    {0x0000000000000001, 0},         {0x7ff0000000000000, INFINITY}, {0xfff0000000000000, -INFINITY}};
enum { CONVERSIONS = 12 };

static void pack(unsigned char *out, const conversion *cases, size_t size) {
  for (int i = 0; i < CONVERSIONS; i++) {
    const uint64_t bits = htole64(cases[i].bits);
    memcpy(out + (size_t)i * size, &bits, size); /* little-endian: the low bytes come first */
  }
}

static void check_conversion(const char *what, weights_model *m, const conversion *cases) {
  const flr_param *weight = &m->params->params[flr_params_find(m->params, "fc1.weight")];
  for (int i = 0; i < CONVERSIONS; i++) {
    const float found = m->read_values[weight->offset + i];
    if (memcmp(&found, &cases[i].value, sizeof found) != 0)
      fail_msg("%s %llx became %a, wanted %a", what, (unsigned long long)cases[i].bits, (double)found, (double)cases[i].value);
  }
}

/* fc1: 12 weights, 3 biases. */
static weights_model conversion_model(void) { return weights_model_make("mlp", "", 2, 3); }

static void test_weights__f16_bf16_and_f64_in_safetensors_become_the_nearest_f32(void **state) {
  static const struct {
    const char *dtype;
    size_t size;
    const conversion *cases;
  } types[] = {{"F16", 2, halves}, {"BF16", 2, brains}, {"F64", 8, doubles}};
  char path[SCRATCH_PATH + 64], header[512];
  weights_model m = conversion_model();
  scratch_path(path, state, "narrow.safetensors");
  for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
    unsigned char data[CONVERSIONS * 8 + 12] = {0};
    const size_t weight_bytes = CONVERSIONS * types[t].size;
    pack(data, types[t].cases, types[t].size);
    (void)snprintf(header, sizeof header,
                   "{\"fc1.weight\":{\"dtype\":\"%s\",\"shape\":[3,4],\"data_offsets\":[0,%zu]},"
                   "\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[%zu,%zu]}}  ",
                   types[t].dtype, weight_bytes, weight_bytes, weight_bytes + 12);
    safetensors_write(path, -1, header, data, weight_bytes + 12);
    CHECK_OK(weights_model_load(&m, path));
    check_conversion(types[t].dtype, &m, types[t].cases);
  }
  weights_model_free(&m);
}

static void test_weights__f16_bf16_and_f64_in_hdf5_become_the_nearest_f32(void **state) {
  static const int64_t weight_dims[] = {3, 4}, bias_dims[] = {3};
  static const float bias[] = {1, 2, 3};
  const hid_t half = h5_narrow_float(5), brain = h5_narrow_float(8);
  const struct {
    const char *what;
    hid_t type;
    size_t size;
    const conversion *cases;
  } types[] = {{"F16", half, 2, halves}, {"BF16", brain, 2, brains}, {"F64", H5T_IEEE_F64LE, 8, doubles}};
  char path[SCRATCH_PATH + 64];
  weights_model m = conversion_model();
  scratch_path(path, state, "narrow.h5");
  for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
    unsigned char data[CONVERSIONS * 8] = {0};
    const hid_t file = h5_create(path);
    pack(data, types[t].cases, types[t].size);
    h5_add(file, "fc1.weight", types[t].type, 2, weight_dims, NULL);
    h5_add(file, "fc1.bias", H5T_IEEE_F32BE, 1, bias_dims, bias);
    const hid_t set = H5Dopen2(file, "fc1.weight", H5P_DEFAULT);
    assert_true(H5Dwrite(set, types[t].type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Fclose(file);
    CHECK_OK(weights_model_load(&m, path));
    check_conversion(types[t].what, &m, types[t].cases);
    assert_true(m.read_values[m.params->params[flr_params_find(m.params, "fc1.bias")].offset + 1] == 2);
  }
  H5Tclose(brain);
  H5Tclose(half);
  weights_model_free(&m);
}

/* ---- the head ---- */

/* Loads a file of 3 classes into a model of `classes`; returns the status, *skipped as the info says. */
static flr_status load_head(void **state, weights_model *other, int skip, int load, int *skipped) {
  char path[SCRATCH_PATH + 64];
  flr_weights_info info;
  const flr_weights_options options = {.skip_head_on_class_mismatch = skip, .load_head = load};
  weights_model m = weights_model_make("cnn", "", 4, 3);
  write_final(&m, path, state);
  const flr_status status = flr_weights_load(path, other->params, &options, other->read_values, other->read_states, &info);
  *skipped = info.head_skipped;
  flr_weights_info_clear(&info);
  weights_model_free(&m);
  return status;
}

/* The head kept its start (-1), or was read; the body was read. */
static void check_head(const weights_model *m, int kept) {
  const flr_param *head[] = {&m->params->params[flr_params_find(m->params, "fc.weight")],
                             &m->params->params[flr_params_find(m->params, "fc.bias")]};
  for (int i = 0; i < 2; i++)
    for (int64_t j = 0; j < head[i]->count; j++)
      if ((m->read_values[head[i]->offset + j] == -1) != kept)
        fail_msg("%s[%lld] was not %s", head[i]->name, (long long)j, kept ? "kept" : "read");
  const flr_param *conv = &m->params->params[flr_params_find(m->params, "conv4.weight")];
  assert_memory_equal(m->read_values + conv->offset, m->values + conv->offset, (size_t)conv->count * sizeof(float));
  assert_memory_equal(m->read_states, m->states, (size_t)m->params->state_elements * sizeof(float));
}

static void test_weights__the_head_is_left_alone_when_the_classes_differ(void **state) {
  weights_model m = weights_model_make("cnn", "", 4, 5);
  int skipped;
  CHECK_OK(load_head(state, &m, 1, 1, &skipped));
  assert_true(skipped);
  check_head(&m, 1);
  weights_model_free(&m);
}

static void test_weights__eval_does_not_accept_another_number_of_classes(void **state) {
  weights_model m = weights_model_make("cnn", "", 4, 5);
  int skipped;
  CHECK_FAILS(load_head(state, &m, 0, 1, &skipped), FLR_ERROR_DATA, "misshapen fc.weight [3, 128], wanted [5, 128]");
  weights_model_check_untouched(&m, "other classes");
  weights_model_free(&m);
}

static void test_weights__init_head_off_keeps_a_head_that_would_fit(void **state) {
  weights_model m = weights_model_make("cnn", "", 4, 3);
  int skipped;
  CHECK_OK(load_head(state, &m, 1, 0, &skipped));
  assert_true(skipped);
  check_head(&m, 1);
  weights_model_reset(&m);
  CHECK_OK(load_head(state, &m, 1, 1, &skipped));
  assert_false(skipped);
  check_head(&m, 0);
  weights_model_free(&m);
}

/* fastai's head is left at its start, statistics too, and what the file has instead is nobody's. */
static void test_weights__a_head_of_another_kind_is_passed_over(void **state) {
  const flr_model_options options = {.name = "cnn",
                                     .height = 4,
                                     .width = 4,
                                     .channels = 1,
                                     .classes = 3,
                                     .hidden = "",
                                     .stem = "auto",
                                     .head = "fastai",
                                     .dropout = 0.5,
                                     .seed = 1};
  weights_model m = weights_model_make("cnn", "", 4, 3), other = {0};
  CHECK_OK(flr_model_create(&other.graph, &options));
  other.params = flr_graph_params(other.graph);
  other.read_values = calloc((size_t)other.params->elements, sizeof(float));
  other.read_states = calloc((size_t)other.params->state_elements, sizeof(float));
  weights_model_reset(&other);
  int skipped;
  CHECK_FAILS(load_head(state, &other, 0, 1, &skipped), FLR_ERROR_DATA, "missing head.2.weight");
  CHECK_OK(load_head(state, &other, 1, 1, &skipped));
  assert_true(skipped);
  for (int i = 0; i < other.params->param_count; i++) {
    const flr_param *p = &other.params->params[i];
    assert_int_equal(other.read_values[p->offset] == -1, p->head);
  }
  for (int i = 0; i < other.params->state_count; i++) {
    const flr_state *s = &other.params->states[i];
    assert_int_equal(other.read_states[s->offset + s->count - 1] == -1, s->head);
  }
  weights_model_free(&other);
  weights_model_free(&m);
}

/* As in fastai v2: one channel gets the sum over RGB, two the first two times 1.5, more RGB and zeros. */
static void test_weights__a_first_convolution_for_rgb_fits_other_channels(void **state) {
  char path[SCRATCH_PATH + 64];
  flr_model_options options = {
      .name = "cnn", .height = 4, .width = 4, .channels = 3, .classes = 3, .hidden = "", .stem = "auto", .seed = 1};
  flr_graph *rgb;
  CHECK_OK(flr_model_create(&rgb, &options));
  const flr_params *params = flr_graph_params(rgb);
  float *values = calloc((size_t)params->elements, sizeof(float)),
        *norms = calloc((size_t)params->state_elements, sizeof(float));
  flr_params_init(params, 3, values, norms);
  const flr_final_info info = {.model = "cnn", .config = "", .classes = 3, .channels = 3, .height = 4, .width = 4};
  scratch_path(path, state, "rgb.h5");
  CHECK_OK(flr_weights_write_final(path, params, values, norms, &info));
  for (options.channels = 1; options.channels <= 5; options.channels++) {
    const flr_weights_options how = {.load_head = 1, .adapt_channels = 1}, strictly = {.load_head = 1};
    const int64_t c = options.channels;
    flr_weights_info found;
    flr_graph *graph;
    CHECK_OK(flr_model_create(&graph, &options));
    const flr_params *own = flr_graph_params(graph);
    float *got = calloc((size_t)own->elements, sizeof(float)), *got_norms = calloc((size_t)own->state_elements, sizeof(float));
    if (c != 3)
      CHECK_FAILS(flr_weights_load(path, own, &strictly, got, got_norms, NULL), FLR_ERROR_DATA, "misshapen conv1.weight");
    CHECK_OK(flr_weights_load(path, own, &how, got, got_norms, &found));
    assert_int_equal(found.channels_adapted, c != 3);
    for (int64_t i = 0; i < 32 * 9; i++) { /* [out, kh, kw], channels last */
      const float *from = values + i * 3, *to = got + i * c;
      if (c == 1) CHECK_NEAR((double)to[0], (double)from[0] + (double)from[1] + (double)from[2], 1e-6, 1e-7);
      for (int64_t k = 0; k < c && c > 1; k++)
        CHECK_NEAR((double)to[k], k < 3 ? (c == 2 ? 1.5 : 1.0) * (double)from[k] : 0, 1e-7, 0);
    }
    assert_memory_equal(got + own->params[1].offset, values + params->params[1].offset, 32 * sizeof(float));
    flr_weights_info_clear(&found);
    flr_graph_destroy(graph);
    free(got);
    free(got_norms);
  }
  free(values);
  free(norms);
  flr_graph_destroy(rgb);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
  const struct CMUnitTest tests[] = {
      TEST(test_weights__final_h5_comes_back_to_the_bit),
      TEST(test_weights__export_to_safetensors_comes_back_to_the_bit),
      TEST(test_weights__state_dicts_in_hdf5_are_read_in_each_form),
      TEST(test_weights__f16_bf16_and_f64_in_safetensors_become_the_nearest_f32),
      TEST(test_weights__f16_bf16_and_f64_in_hdf5_become_the_nearest_f32),
      TEST(test_weights__the_head_is_left_alone_when_the_classes_differ),
      TEST(test_weights__eval_does_not_accept_another_number_of_classes),
      TEST(test_weights__a_head_of_another_kind_is_passed_over),
      TEST(test_weights__a_first_convolution_for_rgb_fits_other_channels),
      TEST(test_weights__init_head_off_keeps_a_head_that_would_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
