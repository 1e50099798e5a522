/* The plan cache: a text file of one line an entry, "checksum problem<TAB>plan", behind a head that names the environment. */
#include "backend/cuda/plan_cache.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/memory.h"

#define CACHE_HEAD "fastlr_dist plans 1"

typedef struct entry {
  char *problem, *plan;
  int own; /* 1: put by this process, not read */
} entry;

struct plan_cache {
  char *environment;
  char path[PATH_MAX]; /* "": none */
  entry *entries;
  int64_t count, room;
  int changed;
};

/* ---- entries ---- */

static entry *find_entry(const plan_cache *cache, const char *problem) {
  for (int64_t i = 0; i < cache->count; i++)
    if (strcmp(cache->entries[i].problem, problem) == 0) return &cache->entries[i];
  return NULL;
}

static flr_status reserve(plan_cache *cache) {
  if (cache->count < cache->room) return FLR_OK;
  entry *wider;
  const int64_t room = cache->room > 0 ? 2 * cache->room : 64;
  FLR_TRY(flr_alloc(&wider, room, sizeof *wider));
  if (cache->count > 0) memcpy(wider, cache->entries, (size_t)cache->count * sizeof *wider);
  flr_free(cache->entries);
  cache->entries = wider;
  cache->room = room;
  return FLR_OK;
}

static flr_status set_entry(plan_cache *cache, const char *problem, const char *plan, int own) {
  entry fresh = {.own = own};
  FLR_TRY(reserve(cache));
  FLR_TRY(flr_strdup(&fresh.plan, plan));
  entry *old = find_entry(cache, problem);
  if (old) {
    flr_free(old->plan);
    old->plan = fresh.plan;
    old->own = own;
    return FLR_OK;
  }
  const flr_status status = flr_strdup(&fresh.problem, problem);
  if (status == FLR_OK)
    cache->entries[cache->count++] = fresh;
  else
    flr_free(fresh.plan);
  return status;
}

static int is_plain(const char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < ' ') return 0;
  return 1;
}

/* ---- the file ---- */

static uint64_t checksum(const char *problem, const char *plan) {
  return flr_hash(flr_hash(FLR_HASH_START, problem, strlen(problem)), plan, strlen(plan));
}

/* Takes over one line "checksum problem<TAB>plan" when it is whole and this process has nothing newer. */
static flr_status read_line(plan_cache *cache, char *line) {
  char *problem;
  const uint64_t sum = strtoull(line, &problem, 16);
  char *plan = strchr(line, '\t');
  if (*problem++ != ' ' || !plan || plan < problem) return FLR_OK;
  *plan++ = '\0';
  if (checksum(problem, plan) != sum || !is_plain(problem) || !is_plain(plan)) return FLR_OK;
  const entry *known = find_entry(cache, problem);
  return known && known->own ? FLR_OK : set_entry(cache, problem, plan, 0);
}

/* The next line without its end; 0 at the end of the file. */
static int next_line(FILE *file, char **line, size_t *size) {
  ssize_t length = getline(line, size, file);
  if (length > 0 && (*line)[length - 1] == '\n') (*line)[--length] = '\0';
  return length >= 0 && strlen(*line) == (size_t)length;
}

static flr_status read_file(plan_cache *cache) {
  FILE *file = cache->path[0] ? fopen(cache->path, "re") : NULL;
  char *line = NULL;
  size_t size = 0;
  flr_status status = FLR_OK;
  if (!file) return FLR_OK;
  if (next_line(file, &line, &size) && strcmp(line, CACHE_HEAD) == 0 && next_line(file, &line, &size) &&
      strcmp(line, cache->environment) == 0)
    while (status == FLR_OK && next_line(file, &line, &size)) status = read_line(cache, line);
  free(line);
  (void)fclose(file);
  return status;
}

static int write_entries(const plan_cache *cache, FILE *file) {
  (void)fprintf(file, "%s\n%s\n", CACHE_HEAD, cache->environment);
  for (int64_t i = 0; i < cache->count; i++) {
    const entry *e = &cache->entries[i];
    (void)fprintf(file, "%016" PRIx64 " %s\t%s\n", checksum(e->problem, e->plan), e->problem, e->plan);
  }
  const int bad = ferror(file);
  return fclose(file) == 0 && !bad;
}

static void write_file(const plan_cache *cache) {
  char temporary[PATH_MAX + 8];
  (void)snprintf(temporary, sizeof temporary, "%s.XXXXXX", cache->path);
  const int descriptor = mkstemp(temporary);
  FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
  if (!file) {
    if (descriptor >= 0) (void)close(descriptor);
    return;
  }
  if (!write_entries(cache, file) || rename(temporary, cache->path) != 0) (void)unlink(temporary);
}

/* ---- where it lies ---- */

/* Makes a folder and those above it. */
static int make_folder(const char *folder) {
  char path[PATH_MAX];
  struct stat info;
  if (snprintf(path, sizeof path, "%s", folder) >= (int)sizeof path) return 0;
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    (void)mkdir(path, 0777);
    *slash = '/';
  }
  (void)mkdir(path, 0777);
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The folder of the environment's cache into text; 0: there is none. */
static int default_folder(char *text, size_t size) {
  const char *own = getenv("FASTLR_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  int length = -1;
  if (own && *own)
    length = snprintf(text, size, "%s", own);
  else if (xdg && *xdg == '/') /* a relative one is to be ignored, says the XDG specification */
    length = snprintf(text, size, "%s/fastlr_dist", xdg);
  else if (home && *home == '/')
    length = snprintf(text, size, "%s/.cache/fastlr_dist", home);
  return length > 0 && (size_t)length < size;
}

static void set_path(plan_cache *cache, const char *folder) {
  char text[PATH_MAX];
  if (!folder) folder = default_folder(text, sizeof text) ? text : NULL;
  if (!folder || !make_folder(folder)) return;
  const uint64_t name = flr_hash(FLR_HASH_START, cache->environment, strlen(cache->environment));
  if (snprintf(cache->path, sizeof cache->path, "%s/plans-%016" PRIx64 ".txt", folder, name) >= (int)sizeof cache->path)
    cache->path[0] = '\0';
}

/* ---- the interface ---- */

static void cache_free(plan_cache *cache) {
  for (int64_t i = 0; i < cache->count; i++) {
    flr_free(cache->entries[i].problem);
    flr_free(cache->entries[i].plan);
  }
  flr_free(cache->entries);
  flr_free(cache->environment);
  flr_free(cache);
}

flr_status plan_cache_open(plan_cache **out, const char *folder, const char *environment) {
  plan_cache *cache;
  *out = NULL;
  if (!is_plain(environment))
    return flr_fail(FLR_ERROR_USAGE, "the plan cache's environment \"%s\" is not one line", environment);
  FLR_TRY(flr_alloc(&cache, 1, sizeof *cache));
  flr_status status = flr_strdup(&cache->environment, environment);
  if (status == FLR_OK) {
    set_path(cache, folder);
    status = read_file(cache);
  }
  if (status == FLR_OK)
    *out = cache;
  else
    cache_free(cache);
  return status;
}

const char *plan_cache_find(const plan_cache *cache, const char *problem) {
  const entry *found = find_entry(cache, problem);
  return found ? found->plan : NULL;
}

flr_status plan_cache_put(plan_cache *cache, const char *problem, const char *plan) {
  if (!is_plain(problem) || !is_plain(plan))
    return flr_fail(FLR_ERROR_USAGE, "a plan cache entry is one line of printable text, not \"%s\"", problem);
  FLR_TRY(set_entry(cache, problem, plan, 1));
  cache->changed = 1;
  return FLR_OK;
}

void plan_cache_save(plan_cache *cache) {
  if (!cache->changed || !cache->path[0]) return;
  cache->changed = 0;
  if (read_file(cache) == FLR_OK) write_file(cache);
}

void plan_cache_close(plan_cache *cache) {
  if (!cache) return;
  plan_cache_save(cache);
  cache_free(cache);
}

const char *plan_cache_path(const plan_cache *cache) { return cache->path; }
