/* A folder of class folders of JPEG and PNG files. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "core/permutation.h"
#include "core/rng.h"
#include "datasets/convert/convert_impl.h"
#include "datasets/convert/image.h"
#include "datasets/convert/image_list.h"

enum { PATH_ROOM = 8192, REASON = 1024, KEPT_REASON = 248, SPLIT_SUBSTREAM = 0 };

typedef struct bad_file {
  int64_t index;
  char reason[KEPT_REASON];
} bad_file;

typedef struct folder_source {
  flr_convert_source head;
  const flr_convert_options *options; /* borrowed */
  flr_image_options image;
  flr_image_list list;
  int64_t *rows[FLR_SPLIT_COUNT]; /* [samples]: which file is which sample; owned */
  int64_t pattern;                /* the file whose size all must have; -1: --size decides */
  pthread_mutex_t lock;           /* of bad */
  flr_text bad;                   /* of bad_file, in the order found */
} folder_source;

static void free_rows(folder_source *s) {
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    flr_free(s->rows[split]);
    s->rows[split] = NULL;
  }
}

static void close_source(flr_convert_source *source) {
  folder_source *s = (folder_source *)source;
  free_rows(s);
  (void)pthread_mutex_destroy(&s->lock);
  flr_text_clear(&s->bad);
  flr_image_list_clear(&s->list);
  flr_convert_clear_head(source);
  flr_free(s);
}

static flr_status path_of(const folder_source *s, int64_t index, char path[PATH_ROOM]) {
  const int length = snprintf(path, PATH_ROOM, "%s/%s", s->head.path, flr_image_list_path(&s->list, index));
  return length < PATH_ROOM ? FLR_OK : flr_fail(FLR_ERROR_NO_INPUT, "%.100s..: the path is too long", path);
}

/* This thread's message, which does not name the file, with its name in front. */
static flr_status name_file(flr_status status, const char *path, const char *end) {
  char reason[REASON];
  (void)snprintf(reason, sizeof reason, "%s", flr_status_message());
  return flr_fail(status, "%s: %s%s", path, reason, end);
}

/* ---- which sample is which file ---- */

static flr_status count_validation(const folder_source *s, int64_t *taken) {
  const int64_t *first = s->list.first, train = first[FLR_SPLIT_VALID];
  const double fraction = s->options->valid_fraction;
  *taken = 0;
  if (isnan(fraction)) return FLR_OK;
  if (first[FLR_SPLIT_TEST] > train)
    return flr_fail(FLR_ERROR_USAGE, "--valid-fraction: %s has a validation split of its own", s->head.path);
  *taken = llround(fraction * (double)train);
  if (*taken < train) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--valid-fraction: %g of %lld images leaves nothing to train on", fraction,
                  (long long)train);
}

/* Those that the keyed permutation puts first are taken, as training does it with a file without a validation split. */
static void deal_training(folder_source *s, int64_t taken) {
  const int64_t all = s->list.first[FLR_SPLIT_VALID];
  const uint64_t key = flr_rng_key(s->options->seed, FLR_STREAM_SPLIT, SPLIT_SUBSTREAM);
  int64_t count[] = {0, 0};
  for (int64_t i = 0; i < all; i++) {
    const int split = taken > 0 && flr_permute(key, all, i) < taken ? FLR_SPLIT_VALID : FLR_SPLIT_TRAIN;
    s->rows[split][count[split]++] = i;
  }
}

/* The training split is stored shuffled, so that a part of the file is a sample of all classes. */
static flr_status shuffle_training(folder_source *s) {
  const int64_t n = s->head.samples[FLR_SPLIT_TRAIN];
  const uint64_t key = flr_rng_key(s->options->seed, FLR_STREAM_CONVERT, 0);
  int64_t *shuffled;
  FLR_TRY(flr_alloc(&shuffled, n, sizeof *shuffled));
  for (int64_t i = 0; i < n; i++) shuffled[i] = s->rows[FLR_SPLIT_TRAIN][flr_permute(key, n, i)];
  flr_free(s->rows[FLR_SPLIT_TRAIN]);
  s->rows[FLR_SPLIT_TRAIN] = shuffled;
  return FLR_OK;
}

static flr_status deal(folder_source *s) {
  const int64_t *first = s->list.first;
  int64_t taken, *samples = s->head.samples;
  free_rows(s);
  FLR_TRY(count_validation(s, &taken));
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) samples[split] = first[split + 1] - first[split];
  samples[FLR_SPLIT_TRAIN] -= taken;
  samples[FLR_SPLIT_VALID] += taken;
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) FLR_TRY(flr_alloc(&s->rows[split], samples[split], sizeof(int64_t)));
  deal_training(s, taken);
  for (int split = FLR_SPLIT_VALID; split < FLR_SPLIT_COUNT; split++)
    for (int64_t i = first[split]; i < first[split + 1]; i++) s->rows[split][i - first[split]] = i;
  return s->options->sorted ? FLR_OK : shuffle_training(s);
}

/* ---- opening ---- */

/* Without --size the first file whose header can be read says what all must be like. */
static flr_status find_shape(folder_source *s, flr_image_reader *reader) {
  const int64_t files = flr_image_list_count(&s->list);
  char path[PATH_ROOM];
  flr_status status = FLR_ERROR_DATA;
  s->head.height = s->head.width = s->image.size;
  s->pattern = -1;
  if (s->image.size) return FLR_OK;
  for (int64_t i = 0; i < files && status != FLR_OK; i++) {
    FLR_TRY(path_of(s, i, path));
    status = flr_image_probe(reader, path, &s->head.height, &s->head.width);
    if (status == FLR_ERROR_IO || status == FLR_ERROR_INTERNAL || status == FLR_ERROR_UNAVAILABLE)
      return name_file(status, path, "");
    s->pattern = i;
  }
  if (status == FLR_OK) return FLR_OK;
  char reason[REASON];
  (void)snprintf(reason, sizeof reason, "%s", flr_status_message());
  return flr_fail(FLR_ERROR_DATA, "%s: none of its %lld files is an image that can be read: of %s: %s", s->head.path,
                  (long long)files, flr_image_list_path(&s->list, files - 1), reason);
}

static flr_status name_classes(folder_source *s) {
  const char *name = s->list.names.data;
  s->head.classes = s->list.classes;
  FLR_TRY(flr_alloc(&s->head.class_names, s->head.classes, sizeof(char *)));
  for (int64_t k = 0; k < s->head.classes; k++, name += strlen(name) + 1) FLR_TRY(flr_strdup(&s->head.class_names[k], name));
  return FLR_OK;
}

static flr_status look_around(folder_source *s) {
  flr_image_reader *reader = NULL;
  FLR_TRY(flr_image_list_walk(&s->list, s->head.path));
  FLR_TRY(flr_image_reader_create(&reader, &s->image));
  const flr_status status = find_shape(s, reader);
  flr_image_reader_destroy(reader);
  FLR_TRY(status);
  if (!s->options->strict || s->list.skipped_count == 0) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s/%.*s (--strict)", s->head.path, (int)strcspn(s->list.skipped.data, "\n"),
                  s->list.skipped.data);
}

/* What one rank has found: another would see the same, or should. */
static flr_status share(folder_source *s, const flr_convert_team *team) {
  struct stat info;
  int64_t shape[] = {s->head.height, s->head.width, s->pattern};
  FLR_TRY(flr_image_list_share(&s->list, team));
  FLR_TRY(team->broadcast(team->context, shape, (int64_t)sizeof shape));
  s->head.height = shape[0];
  s->head.width = shape[1];
  s->pattern = shape[2];
  flr_status status = FLR_OK;
  if (stat(s->head.path, &info) != 0)
    status = flr_fail(FLR_ERROR_NO_INPUT, "%s: %s: all ranks must see what is converted", s->head.path, strerror(errno));
  return team->agree(team->context, status);
}

static flr_status open_list(folder_source *s) {
  const flr_convert_team *team = s->options->team;
  flr_status status = team && team->rank > 0 ? FLR_OK : look_around(s);
  if (team) status = team->agree(team->context, status);
  FLR_TRY(status);
  if (team) FLR_TRY(share(s, team));
  s->head.channels = s->image.channels;
  s->head.sample_bytes = (size_t)(s->head.height * s->head.width * s->head.channels);
  status = name_classes(s);
  if (status == FLR_OK) status = deal(s);
  return team ? team->agree(team->context, status) : status;
}

static flr_status open_source(flr_convert_source **out, const flr_convert_options *options) {
  folder_source *s;
  *out = NULL;
  FLR_TRY(flr_alloc(&s, 1, sizeof *s));
  (void)pthread_mutex_init(&s->lock, NULL);
  s->head.ops = &flr_convert_imagefolder;
  s->head.path = options->source;
  s->options = options;
  s->image = (flr_image_options){options->channels, options->size, options->max_pixels};
  const flr_status status = open_list(s);
  if (status == FLR_OK)
    *out = &s->head;
  else
    close_source(&s->head);
  return status;
}

/* ---- reading ---- */

static flr_status create_reader(flr_convert_source *source, void **out) {
  return flr_image_reader_create((flr_image_reader **)out, &((folder_source *)source)->image);
}

static void destroy_reader(void *reader) { flr_image_reader_destroy(reader); }

static flr_status leave_out(folder_source *s, int64_t index) {
  bad_file bad = {.index = index};
  (void)snprintf(bad.reason, sizeof bad.reason, "%.*s", KEPT_REASON - 1, flr_status_message());
  (void)pthread_mutex_lock(&s->lock);
  const flr_status status = flr_text_add(&s->bad, (const char *)&bad, (int64_t)sizeof bad);
  (void)pthread_mutex_unlock(&s->lock);
  __atomic_store_n(&s->head.incomplete, 1, __ATOMIC_RELAXED);
  return status;
}

static flr_status check_shape(const folder_source *s, int64_t index, const char *path, int64_t height, int64_t width) {
  if (height == s->head.height && width == s->head.width) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA,
                  "%s has %lldx%lld pixels, %s %lldx%lld: images of one size are wanted: --size S resizes and crops all to SxS",
                  path, (long long)width, (long long)height,
                  index == s->pattern ? "and at first it" : flr_image_list_path(&s->list, s->pattern), (long long)s->head.width,
                  (long long)s->head.height);
}

static flr_status read_file(folder_source *s, flr_image_reader *reader, int64_t index, unsigned char *out) {
  const unsigned char *pixels;
  int64_t height, width;
  char path[PATH_ROOM];
  FLR_TRY(path_of(s, index, path));
  const flr_status status = flr_image_read(reader, path, &pixels, &height, &width);
  if (status == FLR_ERROR_DATA || status == FLR_ERROR_NO_INPUT)
    return s->options->strict ? name_file(FLR_ERROR_DATA, path, " (--strict)") : leave_out(s, index);
  if (status != FLR_OK) return name_file(status, path, "");
  FLR_TRY(check_shape(s, index, path, height, width));
  memcpy(out, pixels, s->head.sample_bytes);
  return FLR_OK;
}

static flr_status read_samples(flr_convert_source *source, void *reader, flr_split split, int64_t first, int64_t n, void *x,
                               int64_t *labels) {
  folder_source *s = (folder_source *)source;
  for (int64_t i = 0; i < n; i++) {
    const int64_t index = s->rows[split][first + i];
    labels[i] = flr_image_list_file(&s->list, index)->label;
    FLR_TRY(read_file(s, reader, index, (unsigned char *)x + (size_t)i * source->sample_bytes));
  }
  return FLR_OK;
}

/* ---- what is left out ---- */

static int compare(const void *a, const void *b) {
  const bad_file *x = a, *y = b;
  return x->index < y->index ? -1 : x->index > y->index;
}

static flr_status check_classes(const folder_source *s, const char *reason) {
  for (int64_t k = 0, at = 0; k < s->list.classes; k++) {
    const int64_t before = at, train = s->list.first[FLR_SPLIT_VALID];
    while (at < train && flr_image_list_file(&s->list, at)->label == k) at++;
    if (at == before)
      return flr_fail(FLR_ERROR_DATA, "%s: none of the training images of the class %s can be read: the last reason is: %s",
                      s->head.path, flr_image_list_name(&s->list, k), reason);
  }
  return FLR_OK;
}

static flr_status drop_bad(folder_source *s) {
  bad_file *bad = (bad_file *)(void *)s->bad.data;
  const int64_t n = s->bad.bytes / (int64_t)sizeof *bad;
  int64_t *indices;
  qsort(bad, (size_t)n, sizeof *bad, compare);
  FLR_TRY(flr_alloc(&indices, n, sizeof *indices));
  flr_status status = FLR_OK;
  for (int64_t i = 0; i < n && status == FLR_OK; i++) {
    indices[i] = bad[i].index;
    status = flr_image_list_skip(&s->list, flr_image_list_path(&s->list, bad[i].index), bad[i].reason);
  }
  if (status == FLR_OK) flr_image_list_drop(&s->list, indices, n);
  flr_free(indices);
  FLR_TRY(status);
  FLR_TRY(check_classes(s, bad[n - 1].reason));
  s->bad.bytes = 0;
  return deal(s);
}

/* Every rank gets what all have found. */
static flr_status gather_bad(folder_source *s, const flr_convert_team *team, int64_t *bytes_of) {
  int64_t total = 0;
  flr_text all = {0};
  memset(bytes_of, 0, (size_t)team->size * sizeof *bytes_of);
  bytes_of[team->rank] = s->bad.bytes;
  FLR_TRY(team->sum(team->context, bytes_of, team->size));
  for (int rank = 0; rank < team->size; rank++) total += bytes_of[rank];
  FLR_TRY(team->agree(team->context, flr_alloc(&all.data, total, 1)));
  all.bytes = all.room = total;
  flr_status status = total ? team->collect(team->context, s->bad.data, all.data, bytes_of) : FLR_OK;
  if (status == FLR_OK && total) status = team->broadcast(team->context, all.data, total);
  flr_text_clear(&s->bad);
  s->bad = all;
  return status;
}

static flr_status share_bad(folder_source *s, const flr_convert_team *team) {
  int64_t *bytes_of;
  FLR_TRY(team->agree(team->context, flr_alloc(&bytes_of, team->size, sizeof *bytes_of)));
  const flr_status status = gather_bad(s, team, bytes_of);
  flr_free(bytes_of);
  return status;
}

static flr_status settle(flr_convert_source *source, int *again) {
  folder_source *s = (folder_source *)source;
  const flr_convert_team *team = s->options->team;
  if (team) FLR_TRY(share_bad(s, team));
  *again = s->bad.bytes > 0;
  flr_status status = *again ? drop_bad(s) : FLR_OK;
  if (team) status = team->agree(team->context, status);
  FLR_TRY(status);
  source->incomplete = 0;
  source->skipped = s->list.skipped.data;
  source->skipped_bytes = s->list.skipped.bytes;
  source->skipped_count = s->list.skipped_count;
  return FLR_OK;
}

const flr_convert_ops flr_convert_imagefolder = {.name = "imagefolder",
                                                 .open = open_source,
                                                 .create_reader = create_reader,
                                                 .destroy_reader = destroy_reader,
                                                 .read = read_samples,
                                                 .settle = settle,
                                                 .close = close_source};
