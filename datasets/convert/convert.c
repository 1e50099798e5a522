/* From a source to a target, block by block. */
#include "datasets/convert/convert.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "datasets/convert/convert_impl.h"
#include "datasets/convert/h5_target.h"
#include "datasets/convert/moments.h"

static const flr_convert_ops *const kinds[] = {&flr_convert_idx, &flr_convert_cifar, &flr_convert_csv};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

const char *flr_convert_kinds(void) { return "idx, cifar, csv"; }

static const flr_convert_ops *find_kind(const char *name) {
  for (int i = 0; i < KIND_COUNT; i++)
    if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
  return NULL;
}

flr_status flr_convert_check_kind(const char *kind) {
  if (find_kind(kind)) return FLR_OK;
  if (strcmp(kind, "imagefolder") == 0)
    return flr_fail(FLR_ERROR_USAGE, "convert: imagefolder is not in this version yet: it has %s", flr_convert_kinds());
  return flr_fail(FLR_ERROR_USAGE, "convert: %.100s is no kind of source: %s", kind, flr_convert_kinds());
}

flr_status flr_convert_number_classes(flr_convert_source *source) {
  char name[24];
  FLR_TRY(flr_alloc(&source->class_names, source->classes, sizeof(char *)));
  for (int64_t k = 0; k < source->classes; k++) {
    (void)snprintf(name, sizeof name, "%lld", (long long)k);
    FLR_TRY(flr_strdup(&source->class_names[k], name));
  }
  return FLR_OK;
}

void flr_convert_clear_head(flr_convert_source *source) {
  for (int64_t k = 0; source->class_names && k < source->classes; k++) flr_free(source->class_names[k]);
  flr_free(source->class_names);
  source->class_names = NULL;
}

/* ---- the copy ---- */

typedef struct copy {
  flr_convert_source *source;
  flr_h5_target target;
  flr_moments moments; /* of the training split */
  int64_t block;       /* samples that are held at a time */
  void *x;
  int64_t *labels;
} copy;

static flr_status check_labels(const copy *c, flr_split split, int64_t first, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (c->labels[i] < 0 || c->labels[i] >= c->source->classes)
      return flr_fail(FLR_ERROR_DATA, "%s: the label of row %lld of the %s split is %lld: labels run from 0 to %lld",
                      c->source->path, (long long)(first + i), flr_split_name(split), (long long)c->labels[i],
                      (long long)c->source->classes - 1);
  return FLR_OK;
}

static flr_status copy_split(copy *c, flr_split split) {
  const int64_t samples = c->source->samples[split];
  for (int64_t done = 0; done < samples; done += c->block) {
    const int64_t n = samples - done < c->block ? samples - done : c->block;
    FLR_TRY(c->source->ops->next(c->source, split, n, c->x, c->labels));
    FLR_TRY(check_labels(c, split, done, n));
    if (split == FLR_SPLIT_TRAIN) flr_moments_add(&c->moments, c->x, n * c->source->height * c->source->width);
    FLR_TRY(flr_h5_target_put(&c->target, split, done, n, c->x, c->labels));
  }
  return FLR_OK;
}

static flr_status copy_all(copy *c) {
  const flr_convert_source *s = c->source;
  c->block = FLR_CONVERT_BLOCK_BYTES / (int64_t)s->sample_bytes;
  if (c->block < 1) c->block = 1;
  FLR_TRY(flr_alloc(&c->x, c->block, s->sample_bytes));
  FLR_TRY(flr_alloc(&c->labels, c->block, sizeof *c->labels));
  FLR_TRY(flr_moments_init(&c->moments, s->channels, s->features));
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) FLR_TRY(copy_split(c, (flr_split)split));
  flr_moments_finish(&c->moments);
  return flr_h5_target_commit(&c->target, c->moments.mean, c->moments.std);
}

static flr_status write_target(flr_convert_source *source, const char *out, int64_t *bytes) {
  copy c = {.source = source};
  FLR_TRY(flr_h5_target_begin(&c.target, out, source));
  const flr_status status = copy_all(&c);
  *bytes = c.target.bytes;
  if (status != FLR_OK) flr_h5_target_abandon(&c.target);
  flr_moments_clear(&c.moments);
  flr_free(c.labels);
  flr_free(c.x);
  return status;
}

static flr_status check_source(const flr_convert_source *s) {
  if (s->sample_bytes == 0 || s->sample_bytes > FLR_CONVERT_MOST_SAMPLE_BYTES)
    return flr_fail(FLR_ERROR_DATA, "%s: a sample of %lldx%lldx%lld has %zu bytes: 1 to %d are allowed", s->path,
                    (long long)s->height, (long long)s->width, (long long)s->channels, s->sample_bytes,
                    FLR_CONVERT_MOST_SAMPLE_BYTES);
  if (s->samples[FLR_SPLIT_TRAIN] == 0) return flr_fail(FLR_ERROR_DATA, "%s: the training split has no samples", s->path);
  return FLR_OK;
}

flr_status flr_convert(const flr_convert_options *options, flr_convert_result *out) {
  flr_convert_source *source = NULL;
  *out = (flr_convert_result){0};
  FLR_TRY(flr_convert_check_kind(options->kind));
  FLR_TRY(find_kind(options->kind)->open(&source, options));
  flr_status status = check_source(source);
  if (status == FLR_OK) status = write_target(source, options->out, &out->bytes);
  memcpy(out->samples, source->samples, sizeof out->samples);
  out->height = source->height;
  out->width = source->width;
  out->channels = source->channels;
  out->classes = source->classes;
  source->ops->close(source);
  return status;
}
