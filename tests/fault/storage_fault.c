/* Preloaded into a program, makes storage slow, silent or failing: calls on files whose path contains FLR_FAULT_PATH, of the
 * kind FLR_FAULT_CALLS (open, read, write or sync), after FLR_FAULT_SKIP of them, take FLR_FAULT_MS milliseconds longer, or
 * fail with the number FLR_FAULT_ERRNO. FLR_FAULT_RANK: on that rank alone. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static atomic_long seen;

static long number(const char *name) {
  const char *text = getenv(name);
  return text ? strtol(text, NULL, 10) : 0;
}

static int on_this_rank(void) {
  const char *wanted = getenv("FLR_FAULT_RANK"), *own = getenv("OMPI_COMM_WORLD_RANK");
  return !wanted || (own && strcmp(wanted, own) == 0);
}

/* 1: the call fails, with errno set. */
static int strikes(const char *kind, const char *path) {
  const char *part = getenv("FLR_FAULT_PATH"), *calls = getenv("FLR_FAULT_CALLS");
  if (!part || !calls || strcmp(calls, kind) != 0 || !strstr(path, part) || !on_this_rank()) return 0;
  if (atomic_fetch_add(&seen, 1) < number("FLR_FAULT_SKIP")) return 0;
  const long ms = number("FLR_FAULT_MS"), failure = number("FLR_FAULT_ERRNO");
  const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  if (ms > 0) (void)nanosleep(&pause, NULL);
  if (failure == 0) return 0;
  errno = (int)failure;
  return 1;
}

static int strikes_fd(const char *kind, int fd) {
  char link[64], path[PATH_BYTES];
  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return strikes(kind, path);
}

/* The function of this name that the program would have called. */
#define REAL(name, type) (__extension__(type) dlsym(RTLD_NEXT, name))

typedef int (*open_call)(const char *, int, ...);

static int open_as(const char *name, const char *path, int flags, mode_t mode) {
  if (strikes("open", path)) return -1;
  return REAL(name, open_call)(path, flags, mode);
}

#define OPEN(name)                                                  \
  int name(const char *path, int flags, ...) {                      \
    va_list rest;                                                   \
    va_start(rest, flags);                                          \
    const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                   \
    return open_as(#name, path, flags, mode);                       \
  }
OPEN(open)
OPEN(open64)

#define SYNC(name) \
  int name(int fd) { return strikes_fd("sync", fd) ? -1 : REAL(#name, int (*)(int))(fd); }
SYNC(fsync)
SYNC(fdatasync)

#define WRITE_AT(name)                                                                     \
  ssize_t name(int fd, const void *data, size_t bytes, off_t at) {                         \
    if (strikes_fd("write", fd)) return -1;                                                \
    return REAL(#name, ssize_t(*)(int, const void *, size_t, off_t))(fd, data, bytes, at); \
  }
WRITE_AT(pwrite)
WRITE_AT(pwrite64)

#define READ_AT(name)                                                                \
  ssize_t name(int fd, void *data, size_t bytes, off_t at) {                         \
    if (strikes_fd("read", fd)) return -1;                                           \
    return REAL(#name, ssize_t(*)(int, void *, size_t, off_t))(fd, data, bytes, at); \
  }
READ_AT(pread)
READ_AT(pread64)

ssize_t write(int fd, const void *data, size_t bytes) {
  if (strikes_fd("write", fd)) return -1;
  return REAL("write", ssize_t(*)(int, const void *, size_t))(fd, data, bytes);
}
