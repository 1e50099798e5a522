/* The checkpoints of a folder, newest first. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/checkpoint_folder.h"
#include "core/memory.h"

enum { PATH_BYTES = 4096 };

typedef struct generation {
  char name[FLR_CHECKPOINT_NAME];
  flr_checkpoint_phase phase;
  int64_t step;
} generation;

void flr_checkpoint_file_name(char name[FLR_CHECKPOINT_NAME], const flr_checkpoint_progress *progress) {
  const char *kind = progress->phase == FLR_CHECKPOINT_SWEEP ? "sweep-" : "";
  (void)snprintf(name, FLR_CHECKPOINT_NAME, "checkpoint-%s%lld.h5", kind, (long long)progress->step);
}

/* "checkpoint-120.h5" or "checkpoint-sweep-37.h5". 0: another name. */
static int parse(const char *name, generation *out) {
  static const char start[] = "checkpoint-", sweep[] = "sweep-";
  char *end;
  if (strncmp(name, start, strlen(start)) != 0 || strlen(name) >= sizeof out->name) return 0;
  const char *number = name + strlen(start);
  const int sweeps = strncmp(number, sweep, strlen(sweep)) == 0;
  if (sweeps) number += strlen(sweep);
  if (*number < '0' || *number > '9') return 0;
  *out = (generation){.phase = sweeps ? FLR_CHECKPOINT_SWEEP : FLR_CHECKPOINT_TRAIN, .step = strtoll(number, &end, 10)};
  strcpy(out->name, name);
  return strcmp(end, ".h5") == 0;
}

static int newest_first(const void *a, const void *b) {
  const generation *x = a, *y = b;
  if (x->phase != y->phase) return x->phase > y->phase ? -1 : 1;
  return (x->step < y->step) - (x->step > y->step);
}

static flr_status add(generation **list, int64_t *count, int64_t *room, const generation *entry) {
  if (*count == *room) {
    generation *larger;
    *room = 2 * *room + 8;
    FLR_TRY(flr_alloc(&larger, *room, sizeof *larger));
    if (*count > 0) memcpy(larger, *list, (size_t)*count * sizeof **list);
    flr_free(*list);
    *list = larger;
  }
  (*list)[(*count)++] = *entry;
  return FLR_OK;
}

/* By name alone: training before sweep, later steps first. *out is owned by the caller; a folder that is not there has none. */
static flr_status list_generations(generation **out, int64_t *count, const char *folder) {
  generation found;
  int64_t room = 0;
  flr_status status = FLR_OK;
  *out = NULL;
  *count = 0;
  DIR *directory = opendir(folder);
  if (!directory && errno == ENOENT) return FLR_OK;
  if (!directory) return flr_fail(FLR_ERROR_IO, "%s: %s", folder, strerror(errno));
  for (const struct dirent *entry; status == FLR_OK && (entry = readdir(directory));)
    if (parse(entry->d_name, &found)) status = add(out, count, &room, &found);
  (void)closedir(directory);
  if (*count > 0) qsort(*out, (size_t)*count, sizeof **out, newest_first);
  return status;
}

static void join(char path[PATH_BYTES], const char *folder, const char *name) {
  (void)snprintf(path, PATH_BYTES, "%.3800s/%s", folder, name);
}

flr_status flr_checkpoint_prune(const char *folder, int keep) {
  generation *list;
  int64_t count;
  char path[PATH_BYTES];
  FLR_TRY(list_generations(&list, &count, folder));
  for (int64_t i = keep; i < count; i++) {
    join(path, folder, list[i].name);
    (void)unlink(path);
  }
  flr_free(list);
  return FLR_OK;
}

static flr_status rename_old(const char *folder, const char *name) {
  char path[PATH_BYTES], old[PATH_BYTES + 8];
  join(path, folder, name);
  (void)snprintf(old, sizeof old, "%s.old", path);
  if (rename(path, old) == 0 || errno == ENOENT) return FLR_OK;
  return flr_fail(FLR_ERROR_IO, "cannot rename %s: %s", path, strerror(errno));
}

flr_status flr_checkpoint_retire(const char *folder) {
  generation *list;
  int64_t count;
  FLR_TRY(list_generations(&list, &count, folder));
  flr_status status = FLR_OK;
  for (int64_t i = 0; i < count && status == FLR_OK; i++) status = rename_old(folder, list[i].name);
  flr_free(list);
  return status == FLR_OK ? rename_old(folder, "best.h5") : status;
}

/* 1: a name that only a write which did not come to its end leaves behind. */
static int is_half(const char *name) {
  static const char *const ours[] = {"checkpoint-", "best.h5.", "final.h5.", "sweep.", "config.ini."};
  const char *end = strstr(name, ".tmp.");
  int known = 0;
  for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) known |= strncmp(name, ours[i], strlen(ours[i])) == 0;
  if (!known || !end) return 0;
  end += strlen(".tmp.");
  return *end != '\0' && strspn(end, "0123456789") == strlen(end);
}

void flr_checkpoint_clean(const char *folder) {
  char path[PATH_BYTES];
  DIR *directory = opendir(folder);
  if (!directory) return;
  for (const struct dirent *entry; (entry = readdir(directory));) {
    if (!is_half(entry->d_name)) continue;
    join(path, folder, entry->d_name);
    (void)unlink(path);
  }
  (void)closedir(directory);
}

/* ---- the newest ---- */

static flr_status add_line(char **text, const char *line) {
  const size_t used = *text ? strlen(*text) : 0;
  char *longer;
  FLR_TRY(flr_alloc(&longer, (int64_t)(used + strlen(line) + 2), 1));
  (void)sprintf(longer, "%s%s%s", used ? *text : "", used ? "\n" : "", line);
  flr_free(*text);
  *text = longer;
  return FLR_OK;
}

static flr_status open_first_whole(flr_checkpoint *out, char **path, char **refused, const char *folder, const generation *list,
                                   int64_t count) {
  char name[PATH_BYTES];
  int unreadable = 0;
  for (int64_t i = 0; i < count; i++) {
    join(name, folder, list[i].name);
    const flr_status status = flr_checkpoint_open(out, name);
    if (status == FLR_OK) return flr_strdup(path, name);
    unreadable += status == FLR_ERROR_IO;
    flr_checkpoint_clear(out);
    FLR_TRY(add_line(refused, flr_status_message()));
  }
  if (count == 0) return FLR_OK;
  if (unreadable == count) return flr_fail(FLR_ERROR_IO, "no checkpoint of %s can be read: %s", folder, *refused);
  return flr_fail(FLR_ERROR_DATA, "no checkpoint of %s is whole: %s", folder, *refused);
}

flr_status flr_checkpoint_newest(flr_checkpoint *out, char **path, char **refused, const char *folder) {
  generation *list;
  int64_t count;
  *out = (flr_checkpoint){0};
  *path = *refused = NULL;
  FLR_TRY(list_generations(&list, &count, folder));
  const flr_status status = open_first_whole(out, path, refused, folder, list, count);
  flr_free(list);
  return status;
}
