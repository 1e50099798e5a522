/* Files in memory for readers that want a path. */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const char *fuzz_file(const void *data, size_t size) {
  static char path[64];
  static int fd = -1;
  if (fd < 0) fd = memfd_create("input", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
    perror("fuzz_file");
    exit(1);
  }
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return path;
}
