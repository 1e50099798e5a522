/* Write beside, then rename. */
#include "report/replace_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"

static flr_status write_file(const char *temporary, const char *path, const void *data, size_t bytes) {
  FILE *file = fopen(temporary, "we");
  if (!file) return flr_fail(FLR_ERROR_IO, "cannot create %s: %s", path, strerror(errno));
  int good = fwrite(data, 1, bytes, file) == bytes && fflush(file) == 0;
  int reason = errno;
  if (fclose(file) != 0 && good) {
    good = 0;
    reason = errno;
  }
  return good ? FLR_OK : flr_fail(FLR_ERROR_IO, "cannot write %s: %s", path, strerror(reason));
}

flr_status flr_replace_file(const char *path, const void *data, size_t bytes) {
  const size_t room = strlen(path) + 32;
  char *temporary = NULL;
  FLR_TRY(flr_alloc(&temporary, (int64_t)room, 1));
  (void)snprintf(temporary, room, "%s.tmp.%ld", path, (long)getpid());
  flr_status status = write_file(temporary, path, data, bytes);
  if (status == FLR_OK && rename(temporary, path) != 0)
    status = flr_fail(FLR_ERROR_IO, "cannot rename %s to %s: %s", temporary, path, strerror(errno));
  if (status != FLR_OK) (void)unlink(temporary);
  flr_free(temporary);
  return status;
}
