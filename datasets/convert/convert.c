/* Which kind it is, and that what is written appears whole or not at all. */
#include "datasets/convert/convert.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "datasets/convert/convert_impl.h"
#include "datasets/convert/copy.h"
#include "datasets/convert/h5_target.h"
#include "datasets/convert/moments.h"

static const flr_convert_ops *const kinds[] = {&flr_convert_imagefolder, &flr_convert_idx, &flr_convert_cifar,
                                               &flr_convert_csv};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0], MOST_PIXELS = 100000000 };

void flr_convert_options_defaults(flr_convert_options *out) {
  *out = (flr_convert_options){.workers = 1, .channels = 3, .max_pixels = MOST_PIXELS, .valid_fraction = NAN, .seed = 1};
}

const char *flr_convert_kinds(void) { return "imagefolder, idx, cifar, csv"; }

static const flr_convert_ops *find_kind(const char *name) {
  for (int i = 0; i < KIND_COUNT; i++)
    if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
  return NULL;
}

flr_status flr_convert_check_kind(const char *kind) {
  if (find_kind(kind)) return FLR_OK;
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

static flr_status check_source(const flr_convert_source *s) {
  if (s->sample_bytes == 0 || s->sample_bytes > FLR_CONVERT_MOST_SAMPLE_BYTES)
    return flr_fail(FLR_ERROR_DATA, "%s: a sample of %lldx%lldx%lld has %zu bytes: 1 to %d are allowed", s->path,
                    (long long)s->height, (long long)s->width, (long long)s->channels, s->sample_bytes,
                    FLR_CONVERT_MOST_SAMPLE_BYTES);
  if (s->samples[FLR_SPLIT_TRAIN] == 0) return flr_fail(FLR_ERROR_DATA, "%s: the training split has no samples", s->path);
  return FLR_OK;
}

/* ---- what was left out ---- */

static flr_status name_list(const char *out, char **path) {
  const size_t room = strlen(out) + sizeof ".skipped.txt";
  FLR_TRY(flr_alloc(path, (int64_t)room, 1));
  (void)snprintf(*path, room, "%s.skipped.txt", out);
  return FLR_OK;
}

static flr_status write_list(const flr_convert_source *s, const char *path) {
  FILE *file = fopen(path, "we");
  const size_t n = (size_t)s->skipped_bytes;
  const int written = file && fwrite(s->skipped, 1, n, file) == n;
  const int error = errno;
  if (file && fclose(file) == 0 && written) return FLR_OK;
  if (file) (void)unlink(path);
  return flr_fail(FLR_ERROR_IO, "cannot write %s: %s", path, strerror(error));
}

/* The list beside the file; an older conversion's goes. */
static flr_status tell_skipped(const flr_convert_source *s, const char *out) {
  char *path;
  FLR_TRY(name_list(out, &path));
  flr_status status = FLR_OK;
  if (s->skipped_count > 0)
    status = write_list(s, path);
  else if (s->ops->settle)
    (void)unlink(path);
  flr_free(path);
  return status;
}

/* The beginning of the list, for people. */
static flr_status take_reasons(const flr_convert_source *s, flr_convert_result *out) {
  int64_t bytes = 0;
  out->skipped = s->skipped_count;
  for (int lines = 0; bytes < s->skipped_bytes && lines < FLR_CONVERT_REASONS; bytes++) lines += s->skipped[bytes] == '\n';
  FLR_TRY(flr_alloc(&out->reasons, bytes + 1, 1));
  if (bytes > 0) memcpy(out->reasons, s->skipped, (size_t)bytes);
  return FLR_OK;
}

/* ---- the whole ---- */

/* *again 1: samples were left out, nothing is written yet. */
static flr_status fill(flr_convert_source *source, flr_h5_target *target, const flr_convert_options *options, int *again) {
  flr_moments moments;
  flr_status status = flr_convert_copy(source, target, options, &moments);
  *again = 0;
  if (status == FLR_OK) flr_moments_finish(&moments);
  if (status == FLR_OK && source->ops->settle) status = source->ops->settle(source, again);
  if (status == FLR_OK && !*again) status = tell_skipped(source, options->out);
  if (status == FLR_OK && !*again) status = flr_h5_target_commit(target, moments.mean, moments.std);
  flr_moments_clear(&moments);
  return status;
}

static flr_status write_target(flr_convert_source *source, const flr_convert_options *options, int64_t *bytes, int *again) {
  flr_h5_target target;
  FLR_TRY(check_source(source));
  FLR_TRY(flr_h5_target_begin(&target, options->out, source));
  const flr_status status = fill(source, &target, options, again);
  *bytes = target.bytes;
  flr_h5_target_abandon(&target);
  return status;
}

static void describe(const flr_convert_source *source, flr_convert_result *out) {
  memcpy(out->samples, source->samples, sizeof out->samples);
  out->height = source->height;
  out->width = source->width;
  out->channels = source->channels;
  out->classes = source->classes;
}

flr_status flr_convert(const flr_convert_options *options, flr_convert_result *out) {
  flr_convert_source *source = NULL;
  *out = (flr_convert_result){0};
  FLR_TRY(flr_convert_check_kind(options->kind));
  FLR_TRY(find_kind(options->kind)->open(&source, options));
  flr_status status = FLR_OK;
  for (int again = 1; again && status == FLR_OK;) status = write_target(source, options, &out->bytes, &again);
  describe(source, out);
  if (status == FLR_OK) status = take_reasons(source, out);
  source->ops->close(source);
  return status;
}

void flr_convert_result_clear(flr_convert_result *result) {
  flr_free(result->reasons);
  result->reasons = NULL;
}
