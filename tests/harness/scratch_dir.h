/* A directory of its own for a test program that writes files. */
#ifndef FLR_TESTS_SCRATCH_DIR_H
#define FLR_TESTS_SCRATCH_DIR_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/temporary_folder.h"

enum { SCRATCH_PATH = 512 };

/* cmocka set-up: makes the directory; its name is in *state. */
static inline int scratch_make(void **state) {
  char *directory = calloc(SCRATCH_PATH, 1);
  *state = directory;
  return temporary_folder(directory, SCRATCH_PATH, "flr_test") == NULL;
}

/* Path of a file in it, in the caller's buffer. */
static inline const char *scratch_path(char path[SCRATCH_PATH + 64], void **state, const char *name) {
  (void)snprintf(path, SCRATCH_PATH + 64, "%s/%s", (const char *)*state, name);
  return path;
}

/* The same in memory that holds until the 64th call behind it. */
static inline const char *scratch_at(void **state, const char *name) {
  enum { KEPT = 64 };
  static char paths[KEPT][SCRATCH_PATH + 64];
  static int next;
  next = (next + 1) % KEPT;
  return scratch_path(paths[next], state, name);
}

/* Files in it; removes them when `clean`. */
static inline int scratch_files(void **state, int clean) {
  int count = 0;
  DIR *directory = opendir(*state);
  for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char path[SCRATCH_PATH + 300];
    (void)snprintf(path, sizeof path, "%s/%s", (const char *)*state, entry->d_name);
    if (clean) (void)unlink(path);
    ++count;
  }
  if (directory) closedir(directory);
  return count;
}

/* cmocka tear-down. */
static inline int scratch_remove(void **state) {
  (void)scratch_files(state, 1);
  const int failed = rmdir(*state);
  free(*state);
  return failed;
}

/* The whole file with a 0 behind it, NULL when there is none; the caller frees it. */
static inline char *scratch_read(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  enum { MOST = 1 << 22 };
  char *text = calloc(MOST + 1, 1);
  *bytes = fread(text, 1, MOST, file);
  fclose(file);
  return text;
}

/* Puts a shell script of this name and body first in PATH; returns the old PATH, which the caller frees. */
static inline char *scratch_program(void **state, const char *name, const char *body) {
  char path[SCRATCH_PATH + 64];
  FILE *file = fopen(scratch_path(path, state, name), "w");
  fprintf(file, "#!/bin/sh\n%s\n", body);
  fclose(file);
  (void)chmod(path, 0755);
  char *old = strdup(getenv("PATH")), joined[8192];
  (void)snprintf(joined, sizeof joined, "%s:%s", (const char *)*state, old);
  setenv("PATH", joined, 1);
  return old;
}

static inline void scratch_restore_path(char *old) {
  setenv("PATH", old, 1);
  free(old);
}

#endif
