/* The walk through folders of class folders. An input says how to make a tree: each two bytes are a step and what it is done
   with. What the walk lists must be there, under the class that it says. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/convert/image_list.h"
#include "fuzz/fuzz.h"
#include "tests/harness/temporary_folder.h"

enum { MOST_STEPS = 64, MOST_LINKS = 6, MOST_OPEN = 256, PATH = 512, NAMES = 16, LONG_NAME = 255 };
enum { INTO, OUT_OF, FILL, LINK_UP, LINK_TO, LINK_TO_ITSELF, PIPE, DOWN, STEPS };

static char root[PATH];

static const char *name_of(unsigned which) {
  static const char *const names[NAMES] = {"train", "valid",      "val", "test",     "a",       "b",  "1.png", ".hidden",
                                           "...",   "two\nlines", " ",   "\xff\xfe", "a\rtail", "%s", "-",     ""};
  static char long_name[LONG_NAME + 1];
  if (!long_name[0]) memset(long_name, 'x', LONG_NAME);
  return *names[which % NAMES] ? names[which % NAMES] : long_name;
}

/* ---- making and removing a tree, from folder to folder, since paths in it may be longer than the system takes ---- */

typedef struct maker {
  int folders[MOST_OPEN]; /* open, from the root on */
  int depth, links;
} maker;

static int open_below(int folder, const char *name) { return openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW); }

static void enter(maker *m, const char *name) {
  if (m->depth + 1 == MOST_OPEN) return;
  (void)mkdirat(m->folders[m->depth], name, 0700); /* it may be there */
  const int folder = open_below(m->folders[m->depth], name);
  if (folder >= 0) m->folders[++m->depth] = folder;
}

static void leave(maker *m) {
  if (m->depth > 0) (void)close(m->folders[m->depth--]);
}

static void link_to(maker *m, const char *target, const char *name) {
  if (m->links++ < MOST_LINKS) (void)symlinkat(target, m->folders[m->depth], name);
}

/* Not out of the root. */
static void link_up(maker *m, int levels, const char *name) {
  if (m->depth >= levels) link_to(m, levels == 1 ? ".." : "../..", name);
}

static void fill(const maker *m, const char *name) {
  const int file = openat(m->folders[m->depth], name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (file >= 0) (void)close(file);
}

static void take_step(maker *m, unsigned step, unsigned with) {
  const char *name = name_of(with), *other = name_of(with >> 4);
  switch (step % STEPS) {
    case INTO: enter(m, name); break;
    case OUT_OF: leave(m); break;
    case FILL: fill(m, name); break;
    case LINK_UP: link_up(m, with & 128 ? 2 : 1, name); break;
    case LINK_TO: link_to(m, other, name); break;
    case LINK_TO_ITSELF: link_to(m, name, name); break;
    case PIPE: (void)mkfifoat(m->folders[m->depth], name, 0600); break;
    default:
      for (unsigned i = 0; i <= with % 80; i++) enter(m, with & 128 ? name_of(NAMES - 1) : "d");
  }
}

static void make_tree(const uint8_t *data, size_t size) {
  maker m = {.folders = {open(root, O_RDONLY | O_DIRECTORY)}};
  if (m.folders[0] < 0) abort();
  for (size_t i = 0; i + 1 < size && i < 2 * MOST_STEPS; i += 2) take_step(&m, data[i], data[i + 1]);
  while (m.depth > 0) leave(&m);
  (void)close(m.folders[0]);
}

/* Closes the folder. */
static void empty(int folder) {
  DIR *entries = fdopendir(folder);
  if (!entries) abort();
  for (const struct dirent *entry; (entry = readdir(entries));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    const int below = open_below(folder, entry->d_name);
    if (below >= 0) empty(below);
    if (unlinkat(folder, entry->d_name, below >= 0 ? AT_REMOVEDIR : 0) != 0) abort();
  }
  (void)closedir(entries);
}

static void remove_root(void) { (void)rmdir(root); }

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  if (temporary_folder(root, sizeof root, "flr_fuzz")) return atexit(remove_root);
  perror(root);
  exit(1);
}

/* ---- what must hold ---- */

static void need(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "%s\n", what);
  abort();
}

/* -1: none. */
static int open_file(const char *path) {
  const int folder = open(root, O_RDONLY | O_DIRECTORY);
  const int file = openat(folder, path, O_RDONLY | O_NONBLOCK);
  (void)close(folder);
  return file;
}

static void check_file(const flr_image_list *list, int64_t index, int apart) {
  const char *path = flr_image_list_path(list, index);
  const int64_t label = flr_image_list_file(list, index)->label;
  struct stat info;
  need(label >= 0 && label < list->classes, "a label is one of the classes'");
  const char *class = flr_image_list_name(list, label), *of = apart ? strchr(path, '/') : path - 1;
  need(of && strncmp(of + 1, class, strlen(class)) == 0 && of[1 + strlen(class)] == '/', "a file lies in its class's folder");
  need(path[0] != '.' && !strstr(path, "/."), "hidden names are passed over");
  const int file = open_file(path);
  need(file >= 0 && fstat(file, &info) == 0 && S_ISREG(info.st_mode), "a file that is listed is there");
  (void)close(file);
}

static void check_names(const flr_image_list *list) {
  need(list->classes > 0, "there are classes");
  for (int64_t k = 1; k < list->classes; k++)
    need(strcmp(flr_image_list_name(list, k - 1), flr_image_list_name(list, k)) < 0, "classes are sorted");
}

static void check_list(const flr_image_list *list) {
  const int train = open_file("train");
  struct stat info;
  const int apart = train >= 0 && fstat(train, &info) == 0 && S_ISDIR(info.st_mode);
  if (train >= 0) (void)close(train);
  check_names(list);
  need(list->first[0] == 0 && list->first[FLR_SPLIT_COUNT] * (int64_t)sizeof(flr_image_file) == list->files.bytes,
       "the splits are all files");
  for (int split = 0; split < FLR_SPLIT_COUNT; split++)
    need(list->first[split] <= list->first[split + 1], "splits are in order");
  for (int64_t i = 0; i < flr_image_list_count(list); i++) check_file(list, i, apart);
}

static void check_skipped(const flr_image_list *list) {
  int64_t lines = 0;
  for (int64_t i = 0; i < list->skipped.bytes; i++) lines += list->skipped.data[i] == '\n';
  need(lines == list->skipped_count, "what is skipped has a line each");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  flr_image_list list;
  make_tree(data, size);
  const flr_status status = flr_image_list_walk(&list, root);
  need(status == FLR_OK || status == FLR_ERROR_NO_INPUT || status == FLR_ERROR_DATA, "a wrong tree is a wrong input");
  if (status == FLR_OK) check_list(&list);
  check_skipped(&list);
  flr_image_list_clear(&list);
  empty(open(root, O_RDONLY | O_DIRECTORY));
  return 0;
}
