/* Loading weights: everything is compared first, read second, and handed over only when all of it is good. */
#include "checkpoint/weights.h"

#include <stdio.h>
#include <string.h>

#include "checkpoint/h5.h"
#include "checkpoint/weights_source.h"
#include "core/memory.h"

enum { PROBLEMS_SHOWN = 10, SHAPE_TEXT = 96, PROBLEMS_TEXT = 900, RGB = 3 };

/* ---- what the file says beside the tensors ---- */

void flr_weights_info_clear(flr_weights_info *info) {
  flr_free(info->config);
  flr_free(info->mean);
  flr_free(info->std);
  *info = (flr_weights_info){0};
}

static flr_status read_channels(float **out, hid_t file, const char *path, int64_t channels) {
  const hid_t set = H5Dopen2(file, path, H5P_DEFAULT), space = H5Dget_space(set);
  FLR_TRY(flr_alloc(out, channels, sizeof(float)));
  const int good = set >= 0 && H5Sget_simple_extent_npoints(space) == channels &&
                   H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) >= 0;
  if (space >= 0) (void)H5Sclose(space);
  if (set >= 0) (void)H5Dclose(set);
  return good ? FLR_OK : flr_fail(FLR_ERROR_DATA, "%s does not hold one number per channel (%lld)", path, (long long)channels);
}

/* Another of this program's files is told from a model that does not fit. Foreign files say nothing. */
static flr_status check_kind(hid_t file) {
  char *kind;
  FLR_TRY(flr_h5_read_attribute_string(&kind, file, "fastlr_format"));
  const flr_status status =
      !kind || strcmp(kind, "checkpoint") == 0
          ? FLR_OK
          : flr_fail(FLR_ERROR_DATA, "it is a %.20s file and holds no weights: give a checkpoint such as final.h5", kind);
  flr_free(kind);
  return status;
}

static flr_status read_info(flr_weights_info *out, hid_t file) {
  char *model = NULL;
  FLR_TRY(check_kind(file));
  const int64_t version = flr_h5_read_attribute_integer(file, "format_version", FLR_CHECKPOINT_VERSION);
  if (version > FLR_CHECKPOINT_VERSION)
    return flr_fail(FLR_ERROR_DATA, "it has format version %lld, this program knows up to %d: use a newer fastlr_dist",
                    (long long)version, FLR_CHECKPOINT_VERSION);
  FLR_TRY(flr_h5_read_attribute_string(&model, file, "model"));
  if (model) (void)snprintf(out->model, sizeof out->model, "%s", model);
  flr_free(model);
  FLR_TRY(flr_h5_read_string(&out->config, file, "config"));
  out->classes = flr_h5_read_attribute_integer(file, "classes", 0);
  out->channels = flr_h5_read_attribute_integer(file, "channels", 0);
  out->height = flr_h5_read_attribute_integer(file, "height", 0);
  out->width = flr_h5_read_attribute_integer(file, "width", 0);
  if (out->channels < 1 || H5Lexists(file, "normalization", H5P_DEFAULT) <= 0) return FLR_OK;
  FLR_TRY(read_channels(&out->mean, file, "/normalization/mean", out->channels));
  return read_channels(&out->std, file, "/normalization/std", out->channels);
}

static flr_status source_info(flr_weights_info *out, const flr_weights_source *source) {
  char reason[512];
  if (source->file < 0) return FLR_OK;
  const flr_status status = read_info(out, source->file);
  if (status == FLR_OK) return FLR_OK;
  (void)snprintf(reason, sizeof reason, "%s", flr_status_message());
  return flr_fail(status, "%s: %s", source->path, reason);
}

/* The head is known by the names that models give it. */
static void find_file_head(flr_weights_info *out, const flr_weights_source *source) {
  static const char *const heads[][2] = {{"fastai", "head.8.weight"}, {"linear", "fc.weight"}, {"linear", "linear.weight"}};
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    const flr_weights_tensor *last = flr_weights_source_find(source, heads[i][1]);
    if (!last || last->rank != 2) continue;
    (void)snprintf(out->head, sizeof out->head, "%s", heads[i][0]);
    out->head_classes = last->dims[0];
    return;
  }
}

flr_status flr_weights_info_load(const char *path, flr_weights_info *out) {
  flr_weights_source source;
  flr_status status = flr_weights_source_open(&source, path);
  *out = (flr_weights_info){0};
  if (status == FLR_OK) status = source_info(out, &source);
  if (status == FLR_OK) find_file_head(out, &source);
  flr_weights_source_close(&source);
  return status;
}

/* ---- comparing ---- */

typedef struct comparison {
  const flr_weights_source *source;
  const flr_params *params;
  int head_weight; /* the last linear weight's index, -1: none */
  int skip_head;
  int adapt; /* the first convolution takes other channels than the file's three */
  int problems, shown;
  char text[PROBLEMS_TEXT];
} comparison;

static const char *shape_text(char out[SHAPE_TEXT], int rank, const int64_t *dims) {
  size_t used = 1;
  strcpy(out, "[");
  for (int i = 0; i < rank && used < SHAPE_TEXT - 24; i++)
    used += (size_t)snprintf(out + used, SHAPE_TEXT - used, "%s%lld", i ? ", " : "", (long long)dims[i]);
  strcat(out, "]");
  return out;
}

static void add_problem(comparison *c, const char *kind, const char *name, const char *shapes) {
  char entry[4 * SHAPE_TEXT];
  const size_t used = strlen(c->text);
  const int length = snprintf(entry, sizeof entry, "%s%s %.96s %s", used ? "; " : "", kind, name, shapes);
  if (c->problems++ >= PROBLEMS_SHOWN || used + (size_t)length >= sizeof c->text) return;
  memcpy(c->text + used, entry, (size_t)length + 1);
  c->shown++;
}

static void compare_one(comparison *c, const char *name, int rank, const int64_t *dims) {
  char wanted[SHAPE_TEXT], found[SHAPE_TEXT], both[2 * SHAPE_TEXT + 16];
  const flr_weights_tensor *tensor = flr_weights_source_find(c->source, name);
  shape_text(wanted, rank, dims);
  if (!tensor) {
    add_problem(c, "missing", name, wanted);
    return;
  }
  shape_text(found, tensor->rank, tensor->dims);
  if (!tensor->floating) add_problem(c, "not floating point:", name, found);
  if (tensor->rank == rank && memcmp(tensor->dims, dims, (size_t)rank * sizeof *dims) == 0) return;
  (void)snprintf(both, sizeof both, "%s, wanted %s", found, wanted);
  add_problem(c, "misshapen", name, both);
}

static int ends_with(const char *text, const char *end) {
  const size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static int begins_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

/* Names that some model gives its head. */
static int names_a_head(const char *name) {
  return begins_with(name, "fc.") || begins_with(name, "head.") || begins_with(name, "linear.");
}

static int is_known(const comparison *c, const char *name) {
  return ends_with(name, "num_batches_tracked") || flr_params_find(c->params, name) >= 0 ||
         flr_params_find_state(c->params, name) >= 0 || (c->skip_head && names_a_head(name));
}

static void compare_all(comparison *c) {
  int64_t dims[4];
  for (int i = 0; i < c->params->param_count; i++) {
    const flr_param *param = &c->params->params[i];
    if ((c->skip_head && param->head) || (c->adapt && i == 0)) continue;
    const int rank = flr_param_file_shape(param, dims);
    compare_one(c, param->name, rank, dims);
  }
  for (int i = 0; i < c->params->state_count; i++) {
    const flr_state *state = &c->params->states[i];
    if (!c->skip_head || !state->head) compare_one(c, state->name, 1, &state->count);
  }
  for (int64_t i = 0; i < c->source->count; i++) {
    const flr_weights_tensor *tensor = &c->source->tensors[i];
    char shape[SHAPE_TEXT];
    if (!is_known(c, tensor->name)) add_problem(c, "extra", tensor->name, shape_text(shape, tensor->rank, tensor->dims));
  }
}

static void find_head(comparison *c) {
  c->head_weight = -1;
  for (int i = 0; i < c->params->param_count; i++)
    if (c->params->params[i].head && c->params->params[i].kind == FLR_PARAM_LINEAR_WEIGHT) c->head_weight = i;
}

/* Same width in, another number of classes out; or a head of another kind. */
static int head_is_another(const comparison *c) {
  if (c->head_weight < 0) return 0;
  const flr_param *head = &c->params->params[c->head_weight];
  const flr_weights_tensor *tensor = flr_weights_source_find(c->source, head->name);
  if (tensor) return tensor->rank == 2 && tensor->dims[1] == head->dims[1] && tensor->dims[0] != head->dims[0];
  for (int64_t i = 0; i < c->source->count; i++)
    if (names_a_head(c->source->tensors[i].name) && flr_params_find(c->params, c->source->tensors[i].name) < 0) return 1;
  return 0;
}

/* The first convolution is for three channels in the file, for others here. */
static int wants_channels(const comparison *c) {
  const flr_param *first = &c->params->params[0];
  int64_t dims[4];
  if (first->kind != FLR_PARAM_CONV_WEIGHT || first->dims[3] == RGB) return 0;
  const flr_weights_tensor *tensor = flr_weights_source_find(c->source, first->name);
  (void)flr_param_file_shape(first, dims);
  return tensor && tensor->floating && tensor->rank == 4 && tensor->dims[0] == dims[0] && tensor->dims[1] == RGB &&
         tensor->dims[2] == dims[2] && tensor->dims[3] == dims[3];
}

/* What the kernel of a ResNet's first convolution tells of its stem: "" for everything else. */
static const char *stem_hint(const comparison *c) {
  const flr_param *first = &c->params->params[0];
  const flr_weights_tensor *tensor = flr_weights_source_find(c->source, first->name);
  if (first->kind != FLR_PARAM_CONV_WEIGHT || !tensor || tensor->rank != 4 || tensor->dims[2] == first->dims[1]) return "";
  return tensor->dims[2] == 7 ? " (it has --stem imagenet)" : tensor->dims[2] == 3 ? " (it has --stem small)" : "";
}

static flr_status compare(comparison *c, const flr_weights_options *options) {
  find_head(c);
  c->skip_head = !options->load_head || (options->skip_head_on_class_mismatch && head_is_another(c));
  c->adapt = options->adapt_channels && wants_channels(c);
  compare_all(c);
  if (c->problems == 0) return FLR_OK;
  char more[48] = "";
  if (c->problems > c->shown) (void)snprintf(more, sizeof more, "; and %d more", c->problems - c->shown);
  return flr_fail(FLR_ERROR_DATA, "%s does not fit the model, see --model: %s%s%s", c->source->path, c->text, more,
                  stem_hint(c));
}

/* ---- reading ---- */

/* fastai's rule for weights of RGB images: one channel gets the sum, two get red and green one and a half times, more get RGB
   and zeros. In file order, [out, channels, area]. */
static void adapt_channels(float *to, const float *rgb, int64_t out, int64_t channels, int64_t area) {
  for (int64_t o = 0; o < out; o++)
    for (int64_t c = 0; c < channels; c++)
      for (int64_t i = 0; i < area; i++) {
        const float *from = rgb + o * RGB * area + i;
        float value = c < RGB ? from[c * area] : 0;
        if (channels == 1) value = from[0] + from[area] + from[2 * area];
        if (channels == 2) value *= 1.5F;
        to[(o * channels + c) * area + i] = value;
      }
}

static flr_status read_adapted(const comparison *c, float *values, float *scratch) {
  const flr_param *first = &c->params->params[0];
  const int64_t area = first->dims[1] * first->dims[2];
  float *rgb;
  FLR_TRY(flr_alloc(&rgb, first->dims[0] * RGB * area, sizeof(float)));
  const flr_status status = c->source->read(c->source, flr_weights_source_find(c->source, first->name), rgb);
  if (status == FLR_OK) {
    adapt_channels(scratch, rgb, first->dims[0], first->dims[3], area);
    flr_param_from_file(first, values + first->offset, scratch);
  }
  flr_free(rgb);
  return status;
}

static flr_status read_all(const comparison *c, float *values, float *states, float *scratch) {
  if (c->adapt) FLR_TRY(read_adapted(c, values, scratch));
  for (int i = c->adapt; i < c->params->param_count; i++) {
    const flr_param *param = &c->params->params[i];
    if (c->skip_head && param->head) continue;
    FLR_TRY(c->source->read(c->source, flr_weights_source_find(c->source, param->name), scratch));
    flr_param_from_file(param, values + param->offset, scratch);
  }
  for (int i = 0; i < c->params->state_count; i++) {
    const flr_state *state = &c->params->states[i];
    if (c->skip_head && state->head) continue;
    FLR_TRY(c->source->read(c->source, flr_weights_source_find(c->source, state->name), states + state->offset));
  }
  return FLR_OK;
}

static int64_t largest_param(const flr_params *params) {
  int64_t largest = 0;
  for (int i = 0; i < params->param_count; i++)
    if (params->params[i].count > largest) largest = params->params[i].count;
  return largest;
}

/* Into copies, which replace the caller's only when every tensor came. */
static flr_status read_whole(const comparison *c, float *values, float *states) {
  const flr_params *params = c->params;
  float *new_values = NULL, *new_states = NULL, *scratch = NULL;
  flr_status status;
  FLR_TRY_GOTO(status, flr_alloc(&new_values, params->elements, sizeof(float)), done);
  FLR_TRY_GOTO(status, flr_alloc(&new_states, params->state_elements, sizeof(float)), done);
  FLR_TRY_GOTO(status, flr_alloc(&scratch, largest_param(params), sizeof(float)), done);
  memcpy(new_values, values, (size_t)params->elements * sizeof(float));
  memcpy(new_states, states, (size_t)params->state_elements * sizeof(float));
  FLR_TRY_GOTO(status, read_all(c, new_values, new_states, scratch), done);
  memcpy(values, new_values, (size_t)params->elements * sizeof(float));
  memcpy(states, new_states, (size_t)params->state_elements * sizeof(float));
done:
  flr_free(scratch);
  flr_free(new_states);
  flr_free(new_values);
  return status;
}

flr_status flr_weights_load(const char *path, const flr_params *params, const flr_weights_options *options, float *values,
                            float *states, flr_weights_info *info) {
  flr_weights_source source;
  flr_weights_info own = {0};
  comparison c = {.source = &source, .params = params};
  if (!info) info = &own;
  *info = (flr_weights_info){0};
  flr_status status;
  FLR_TRY_GOTO(status, flr_weights_source_open(&source, path), done);
  FLR_TRY_GOTO(status, source_info(info, &source), done);
  find_file_head(info, &source);
  FLR_TRY_GOTO(status, compare(&c, options), done);
  status = read_whole(&c, values, states);
  info->head_skipped = c.skip_head;
  info->channels_adapted = c.adapt;
done:
  flr_weights_info_clear(&own);
  flr_weights_source_close(&source);
  return status;
}
