/* Folders of their own for tests and benches: in TMPDIR, else where the system keeps temporary files. */
#ifndef FLR_TESTS_TEMPORARY_FOLDER_H
#define FLR_TESTS_TEMPORARY_FOLDER_H

#include <stdio.h>
#include <stdlib.h>

/* The folder that temporary ones lie in; borrowed. */
static inline const char *temporary_parent(void) {
  const char *told = getenv("TMPDIR");
  return told && *told ? told : P_tmpdir;
}

/* Makes a new folder whose name begins with `name`. Returns path, which holds its name; NULL when it cannot be made. The caller
 * removes it. */
static inline char *temporary_folder(char *path, size_t size, const char *name) {
  const int length = snprintf(path, size, "%s/%s_XXXXXX", temporary_parent(), name);
  return length > 0 && (size_t)length < size ? mkdtemp(path) : NULL;
}

#endif
