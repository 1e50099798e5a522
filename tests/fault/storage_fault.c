/* Preloaded into a program, makes storage slow, silent or failing: calls on files whose path contains FLR_FAULT_PATH, of the
 * kind FLR_FAULT_CALLS (open, read, write or sync), after FLR_FAULT_SKIP of them, take FLR_FAULT_MS milliseconds longer, or
 * fail with the number FLR_FAULT_ERRNO. FLR_FAULT_RANK: on that rank alone. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "preload.h"

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
  char path[PATH_BYTES];
  return path_of_open(fd, path) && strikes(kind, path);
}

static int open_as(const char *name, const char *path, int flags, mode_t mode) {
  if (strikes("open", path)) return -1;
  return real_open(name, path, flags, mode);
}

PRELOAD_OPEN(open, open_as)
PRELOAD_OPEN(open64, open_as)

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
