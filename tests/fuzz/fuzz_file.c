/* Files for readers that want a path: one of each process, in a folder of its own. (HDF5 opens no path below /proc/self/fd, as
 * it looks for the real one behind it.) */
#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/temporary_folder.h"

enum { FOLDER = 448, PATH = 512 };

static char folder[FOLDER], path[PATH];

static void remove_file(void) {
  (void)unlink(path);
  (void)rmdir(folder);
}

static int make_file(void) {
  if (!temporary_folder(folder, sizeof folder, "flr_fuzz")) return -1;
  (void)snprintf(path, sizeof path, "%s/input", folder);
  (void)atexit(remove_file);
  return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

const char *fuzz_file(const void *data, size_t size) {
  static int fd = -1;
  if (fd < 0) fd = make_file();
  if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
    perror("fuzz_file");
    exit(1);
  }
  return path;
}
