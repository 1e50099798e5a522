/* For libraries that are put before a program: the functions they stand in for, and the files that a call is about. */
#ifndef FLR_TESTS_PRELOAD_H
#define FLR_TESTS_PRELOAD_H

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* The function of this name that the program would have called. */
#define REAL(name, type) (__extension__(type) dlsym(RTLD_NEXT, name))

/* The path of an open file; 0: it has none. */
static inline int path_of_open(int fd, char path[PATH_BYTES]) {
  char link[64];
  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, PATH_BYTES - 1);
  path[length < 0 ? 0 : length] = '\0';
  return length >= 0;
}

/* Stands in for open and open64 with `instead`: int (const char *name, const char *path, int flags, mode_t mode), which
   real_open ends. */
#define PRELOAD_OPEN(name, instead)                                 \
  int name(const char *path, int flags, ...) {                      \
    va_list rest;                                                   \
    va_start(rest, flags);                                          \
    const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                   \
    return instead(#name, path, flags, mode);                       \
  }

static inline int real_open(const char *name, const char *path, int flags, mode_t mode) {
  return REAL(name, int (*)(const char *, int, ...))(path, flags, mode);
}

#endif
