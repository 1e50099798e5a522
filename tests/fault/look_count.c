/* Preloaded into a program, counts what it asks of files whose path contains FLR_COUNT_PATH: opens, reads and bytes read, and
 * how often it calls HDF5 for anything. At its end each rank writes "opens N reads N bytes N hdf5 N" to FLR_COUNT_OUT.RANK. */
#include <hdf5.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "preload.h"

static atomic_long opens, reads, read_bytes, hdf5_calls;

static int is_counted(const char *path) {
  const char *part = getenv("FLR_COUNT_PATH");
  return part && strstr(path, part) != NULL;
}

static void count_read(int fd, ssize_t got) {
  char path[PATH_BYTES];
  if (!path_of_open(fd, path) || !is_counted(path)) return;
  (void)atomic_fetch_add(&reads, 1);
  if (got > 0) (void)atomic_fetch_add(&read_bytes, got);
}

static int open_as(const char *name, const char *path, int flags, mode_t mode) {
  if (is_counted(path)) (void)atomic_fetch_add(&opens, 1);
  return real_open(name, path, flags, mode);
}

PRELOAD_OPEN(open, open_as)
PRELOAD_OPEN(open64, open_as)

#define READ_AT(name)                                                                             \
  ssize_t name(int fd, void *data, size_t bytes, off_t at) {                                      \
    const ssize_t got = REAL(#name, ssize_t(*)(int, void *, size_t, off_t))(fd, data, bytes, at); \
    count_read(fd, got);                                                                          \
    return got;                                                                                   \
  }
READ_AT(pread)
READ_AT(pread64)

ssize_t read(int fd, void *data, size_t bytes) {
  const ssize_t got = REAL("read", ssize_t(*)(int, void *, size_t))(fd, data, bytes);
  count_read(fd, got);
  return got;
}

/* What HDF5 is first asked for: its constants, by H5open; property lists; files, data sets, attributes. */
herr_t(H5open)(void) {
  (void)atomic_fetch_add(&hdf5_calls, 1);
  return REAL("H5open", herr_t(*)(void))();
}

hid_t(H5Pcreate)(hid_t class) {
  (void)atomic_fetch_add(&hdf5_calls, 1);
  return REAL("H5Pcreate", hid_t(*)(hid_t))(class);
}

hid_t(H5Fopen)(const char *path, unsigned flags, hid_t access) {
  (void)atomic_fetch_add(&hdf5_calls, 1);
  return REAL("H5Fopen", hid_t(*)(const char *, unsigned, hid_t))(path, flags, access);
}

hid_t(H5Dopen2)(hid_t file, const char *name, hid_t access) {
  (void)atomic_fetch_add(&hdf5_calls, 1);
  return REAL("H5Dopen2", hid_t(*)(hid_t, const char *, hid_t))(file, name, access);
}

htri_t(H5Aexists)(hid_t object, const char *name) {
  (void)atomic_fetch_add(&hdf5_calls, 1);
  return REAL("H5Aexists", htri_t(*)(hid_t, const char *))(object, name);
}

static void tell(void) __attribute__((destructor));
static void tell(void) {
  const char *out = getenv("FLR_COUNT_OUT"), *rank = getenv("OMPI_COMM_WORLD_RANK");
  char path[PATH_BYTES];
  if (!out || !rank) return;
  (void)snprintf(path, sizeof path, "%s.%s", out, rank);
  FILE *file = fopen(path, "w");
  if (!file) return;
  fprintf(file, "opens %ld reads %ld bytes %ld hdf5 %ld\n", atomic_load(&opens), atomic_load(&reads), atomic_load(&read_bytes),
          atomic_load(&hdf5_calls));
  (void)fclose(file);
}
