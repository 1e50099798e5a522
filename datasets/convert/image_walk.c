/* Through the folders. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "datasets/convert/image_list.h"

static const char regular = 'f', unknown = '?';

enum { PATH_ROOM = 4096, MOST_DEPTH = 64, REASON = 256 };

/* The folders that one is in, for finding loops. */
typedef struct ancestor {
  dev_t device;
  ino_t inode;
} ancestor;

typedef struct walk {
  flr_image_list *list;
  const char *source;
  char path[PATH_ROOM]; /* of what is looked at, from the source on */
  size_t length, head;  /* of path; of the source's part and its slash */
  ancestor above[MOST_DEPTH];
  int depth;
  int64_t label;
} walk;

static const char *relative(const walk *w) { return w->path + (w->length < w->head ? w->length : w->head); }

/* Appends "/name"; *before is what cut_to takes back. */
static flr_status append(walk *w, const char *name, size_t *before) {
  const size_t n = strlen(name);
  *before = w->length;
  if (w->length + n + 2 > sizeof w->path)
    return flr_fail(FLR_ERROR_NO_INPUT, "%.100s..: a path below it has more than %d bytes", w->path, PATH_ROOM - 1);
  w->path[w->length] = '/';
  memcpy(w->path + w->length + 1, name, n + 1);
  w->length += n + 1;
  return FLR_OK;
}

static void cut_to(walk *w, size_t length) {
  w->length = length;
  w->path[length] = '\0';
}

/* ---- names in a folder ---- */

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Each name with a letter for its kind in front, which most file systems tell without being asked for each file. */
static flr_status read_names(const walk *w, DIR *folder, flr_text *names, int64_t *count) {
  *count = 0;
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(folder);
    if (!entry && errno) return flr_fail(FLR_ERROR_IO, "%s cannot be read: %s", w->path, strerror(errno));
    if (!entry) return FLR_OK;
    if (entry->d_name[0] == '.') continue;
    FLR_TRY(flr_text_add(names, entry->d_type == DT_REG ? &regular : &unknown, 1));
    FLR_TRY(flr_text_add(names, entry->d_name, (int64_t)strlen(entry->d_name) + 1));
    (*count)++;
  }
}

/* *sorted: pointers into names, behind the letters; owned by the caller. */
static flr_status list_names(const walk *w, flr_text *names, char ***sorted, int64_t *count) {
  DIR *folder = opendir(w->path);
  if (!folder) return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s", w->path, strerror(errno));
  const flr_status status = read_names(w, folder, names, count);
  (void)closedir(folder);
  FLR_TRY(status);
  FLR_TRY(flr_alloc(sorted, *count, sizeof **sorted));
  char *name = names->data;
  for (int64_t i = 0; i < *count; i++, name += strlen(name) + 1) (*sorted)[i] = name + 1;
  if (*count > 0) qsort(*sorted, (size_t)*count, sizeof **sorted, compare);
  return FLR_OK;
}

typedef flr_status (*visitor)(walk *w, const char *name, char kind);

/* Calls visit for every name in the folder that w->path is, in order, with the name appended to the path. */
static flr_status for_each(walk *w, visitor visit) {
  flr_text names = {0};
  char **sorted = NULL;
  int64_t count = 0;
  flr_status status = list_names(w, &names, &sorted, &count);
  for (int64_t i = 0; i < count && status == FLR_OK; i++) {
    size_t before;
    status = append(w, sorted[i], &before);
    if (status == FLR_OK) status = visit(w, sorted[i], sorted[i][-1]);
    cut_to(w, before);
  }
  flr_free(sorted);
  flr_text_clear(&names);
  return status;
}

/* ---- files ---- */

static flr_status add_file(walk *w) {
  const flr_image_file file = {.path = w->list->paths.bytes, .label = w->label};
  FLR_TRY(flr_text_add(&w->list->paths, relative(w), (int64_t)strlen(relative(w)) + 1));
  return flr_text_add(&w->list->files, (const char *)&file, (int64_t)sizeof file);
}

static int leads_back(const walk *w, const struct stat *info) {
  for (int i = 0; i < w->depth; i++)
    if (w->above[i].device == info->st_dev && w->above[i].inode == info->st_ino) return 1;
  return 0;
}

static flr_status visit_below(walk *w, const char *name, char kind);

static flr_status enter(walk *w, const struct stat *info, visitor visit) {
  if (leads_back(w, info)) return flr_image_list_skip(w->list, relative(w), "it is a link back to a folder above it");
  if (w->depth == MOST_DEPTH) return flr_image_list_skip(w->list, relative(w), "it lies too deep");
  w->above[w->depth++] = (ancestor){info->st_dev, info->st_ino};
  const flr_status status = for_each(w, visit);
  w->depth--;
  return status;
}

static flr_status visit_below(walk *w, const char *name, char kind) {
  struct stat info;
  char reason[REASON];
  (void)name;
  if (kind == regular) return add_file(w);
  if (stat(w->path, &info) != 0) {
    (void)snprintf(reason, sizeof reason, "%s", strerror(errno));
    return flr_image_list_skip(w->list, relative(w), reason);
  }
  if (S_ISDIR(info.st_mode)) return enter(w, &info, visit_below);
  if (S_ISREG(info.st_mode)) return add_file(w);
  return flr_image_list_skip(w->list, relative(w), "it is no regular file");
}

/* ---- classes ---- */

static int is_folder(const char *path, struct stat *info) { return stat(path, info) == 0 && S_ISDIR(info->st_mode); }

static flr_status add_class(walk *w, const char *name, char kind) {
  struct stat info;
  if (kind == regular || !is_folder(w->path, &info)) return FLR_OK;
  w->list->classes++;
  return flr_text_add(&w->list->names, name, (int64_t)strlen(name) + 1);
}

/* The class of this name among the training split's; -1: none. */
static int64_t find_class(const flr_image_list *list, const char *name) {
  const char *at = list->names.data;
  for (int64_t k = 0; k < list->classes; k++, at += strlen(at) + 1)
    if (strcmp(at, name) == 0) return k;
  return -1;
}

/* A class folder. What else lies beside such folders is not looked at. */
static flr_status visit_class(walk *w, const char *name, char kind) {
  struct stat info;
  const int64_t before = w->list->files.bytes;
  if (kind == regular || !is_folder(w->path, &info)) return FLR_OK;
  w->label = find_class(w->list, name);
  if (w->label < 0)
    return flr_fail(FLR_ERROR_DATA, "%s: the training split has no class of this name: classes are the folders of that split",
                    w->path);
  FLR_TRY(enter(w, &info, visit_below));
  if (w->list->files.bytes > before || w->list->first[FLR_SPLIT_TRAIN + 1] > 0) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s holds no image: remove the folder, or put the images of the class there", w->path);
}

static int64_t files_so_far(const walk *w) { return w->list->files.bytes / (int64_t)sizeof(flr_image_file); }

static flr_status walk_split(walk *w, flr_split split, const char *name) {
  struct stat info;
  size_t before = w->length;
  if (name) FLR_TRY(append(w, name, &before));
  if (!is_folder(w->path, &info)) return flr_fail(FLR_ERROR_NO_INPUT, "%s is no folder", w->path);
  if (split == FLR_SPLIT_TRAIN) FLR_TRY(for_each(w, add_class));
  if (w->list->classes == 0)
    return flr_fail(FLR_ERROR_DATA, "%s has no folders: each class is a folder with its images, there or in %s/train", w->path,
                    w->source);
  FLR_TRY(enter(w, &info, visit_class));
  cut_to(w, before);
  return FLR_OK;
}

/* Whether the source has this folder. */
static int has(const walk *w, const char *name) {
  char path[PATH_ROOM + 16];
  struct stat info;
  (void)snprintf(path, sizeof path, "%s/%s", w->path, name);
  return is_folder(path, &info);
}

static flr_status walk_splits(walk *w) {
  const int apart = has(w, "train"), valid = has(w, "valid"), val = has(w, "val");
  int64_t *first = w->list->first;
  if (apart && valid && val)
    return flr_fail(FLR_ERROR_DATA, "%s has both valid and val: the validation split must be in one of them", w->source);
  FLR_TRY(walk_split(w, FLR_SPLIT_TRAIN, apart ? "train" : NULL));
  first[FLR_SPLIT_VALID] = files_so_far(w);
  if (apart && (valid || val)) FLR_TRY(walk_split(w, FLR_SPLIT_VALID, valid ? "valid" : "val"));
  first[FLR_SPLIT_TEST] = files_so_far(w);
  if (apart && has(w, "test")) FLR_TRY(walk_split(w, FLR_SPLIT_TEST, "test"));
  first[FLR_SPLIT_COUNT] = files_so_far(w);
  return FLR_OK;
}

flr_status flr_image_list_walk(flr_image_list *out, const char *source) {
  struct stat info;
  walk *w;
  *out = (flr_image_list){0};
  if (stat(source, &info) != 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s", source, strerror(errno));
  if (!S_ISDIR(info.st_mode))
    return flr_fail(FLR_ERROR_NO_INPUT, "%s is no folder: give the one that has the classes' folders in it, or train", source);
  if (strlen(source) >= PATH_ROOM / 2) return flr_fail(FLR_ERROR_USAGE, "the path %.60s... is too long", source);
  FLR_TRY(flr_alloc(&w, 1, sizeof *w));
  w->list = out;
  w->source = source;
  w->length = strlen(source);
  memcpy(w->path, source, w->length + 1);
  while (w->length > 1 && w->path[w->length - 1] == '/') cut_to(w, w->length - 1);
  w->head = w->length + 1;
  const flr_status status = walk_splits(w);
  flr_free(w);
  return status;
}
