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

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0], MOST_PIXELS = 100000000, MOST_CHUNK_BYTES = 1 << 30 };

void flr_convert_options_defaults(flr_convert_options *out) {
  *out = (flr_convert_options){
      .workers = 1, .channels = 3, .max_pixels = MOST_PIXELS, .valid_fraction = NAN, .seed = 1, .checksum = 1};
}

static const flr_convert_ops *find_kind(const char *name) {
  for (int i = 0; i < KIND_COUNT; i++)
    if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
  return NULL;
}

flr_status flr_convert_check_kind(const char *kind) {
  if (find_kind(kind)) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "convert: %.100s is no kind of source: imagefolder, idx, cifar, csv", kind);
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

/* The list beside the file; an older conversion's goes. Rank 0. */
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

/* ---- ranks ---- */

static flr_status agree(const flr_convert_team *team, flr_status local) {
  return team ? team->agree(team->context, local) : local;
}

static int is_first(const flr_convert_options *options) { return !options->team || options->team->rank == 0; }

/* Rank 0 makes the file, the others open it. */
static flr_status begin(flr_h5_target *target, flr_convert_source *source, const flr_convert_options *options,
                        const flr_h5_layout *layout) {
  const flr_convert_team *team = options->team;
  flr_status status = FLR_OK;
  *target = (flr_h5_target){.fd = -1};
  if (is_first(options)) status = flr_h5_target_begin(target, options->out, source, layout);
  if (!team) return status;
  FLR_TRY(agree(team, status));
  return flr_h5_target_share(target, options->out, source, layout, team);
}

/* ---- the whole ---- */

static flr_status choose_layout(flr_h5_layout *out, const flr_convert_source *s, const flr_convert_options *o) {
  flr_encoding *e = &out->encoding;
  *out = (flr_h5_layout){.block_rows = FLR_CONVERT_BLOCK_BYTES / (int64_t)s->sample_bytes};
  if (out->block_rows < 1) out->block_rows = 1;
  FLR_TRY(flr_compression_parse(&e->compression, o->compress ? o->compress : "none", o->level));
  e->level = (int)o->level;
  e->checksum = o->checksum;
  e->element_bytes = s->features ? sizeof(float) : 1;
  out->chunked = e->compression != FLR_COMPRESS_NONE || o->chunk_rows > 0;
  if (o->chunk_rows > 0) out->block_rows = o->chunk_rows;
  if (out->block_rows <= MOST_CHUNK_BYTES / (int64_t)s->sample_bytes || out->block_rows == 1) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--chunk-rows: %lld samples of %zu bytes are more than the %d MiB that a chunk may have",
                  (long long)o->chunk_rows, s->sample_bytes, MOST_CHUNK_BYTES >> 20);
}

static flr_status finish(flr_convert_source *source, flr_h5_target *target, const flr_convert_options *options,
                         flr_copied *copied) {
  if (!is_first(options)) return flr_h5_target_sync(target);
  flr_moments_finish(&copied->moments);
  FLR_TRY(tell_skipped(source, options->out));
  return FLR_OK;
}

/* *again 1: samples were left out, nothing is written yet. */
static flr_status fill(flr_convert_source *source, flr_h5_target *target, const flr_convert_options *options, int *again) {
  flr_copied copied;
  flr_status status = flr_convert_copy(source, target, options, &copied);
  *again = 0;
  if (status == FLR_OK && source->ops->settle) status = source->ops->settle(source, again);
  if (status == FLR_OK && !*again) {
    status = agree(options->team, finish(source, target, options, &copied));
    if (status == FLR_OK && is_first(options))
      status = flr_h5_target_commit(target, copied.moments.mean, copied.moments.std, copied.checksums);
    status = agree(options->team, status);
  }
  flr_copied_clear(&copied);
  return status;
}

static flr_status write_target(flr_convert_source *source, const flr_convert_options *options, int64_t *bytes, int *again) {
  flr_h5_target target;
  flr_h5_layout layout;
  FLR_TRY(check_source(source));
  FLR_TRY(choose_layout(&layout, source, options));
  FLR_TRY(begin(&target, source, options, &layout));
  const flr_status status = fill(source, &target, options, again);
  *bytes = target.places.bytes;
  flr_h5_target_abandon(&target);
  return status;
}

static void describe(const flr_convert_source *source, flr_convert_result *out) {
  memcpy(out->samples, source->samples, sizeof out->samples);
  out->height = source->height;
  out->width = source->width;
  out->channels = source->channels;
  out->features = source->features;
  out->classes = source->classes;
}

static flr_status convert(const flr_convert_ops *kind, const flr_convert_options *options, flr_convert_result *out) {
  flr_convert_source *source = NULL;
  FLR_TRY(agree(options->team, is_first(options) ? flr_h5_target_check(options->out) : FLR_OK));
  FLR_TRY(kind->open(&source, options));
  flr_status status = FLR_OK;
  for (int again = 1; again && status == FLR_OK;) status = write_target(source, options, &out->bytes, &again);
  describe(source, out);
  if (status == FLR_OK) status = agree(options->team, take_reasons(source, out));
  source->ops->close(source);
  return status;
}

flr_status flr_convert(const flr_convert_options *options, flr_convert_result *out) {
  flr_convert_options alone = *options;
  flr_compression compression;
  *out = (flr_convert_result){0};
  FLR_TRY(flr_convert_check_kind(options->kind));
  FLR_TRY(flr_compression_parse(&compression, options->compress ? options->compress : "none", options->level));
  const flr_convert_ops *kind = find_kind(options->kind);
  if (kind->read || !options->team) return convert(kind, options, out);
  alone.team = NULL; /* what is read from its start to its end is read by rank 0 */
  return agree(options->team, options->team->rank == 0 ? convert(kind, &alone, out) : FLR_OK);
}

void flr_convert_result_clear(flr_convert_result *result) {
  flr_free(result->reasons);
  result->reasons = NULL;
}
