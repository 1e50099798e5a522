/* The name tells whose file it is. */
#include "datasets/convert/leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"

enum { HOST = 256 };

static void host_name(char host[HOST]) {
  if (gethostname(host, HOST) != 0) (void)snprintf(host, HOST, "localhost");
  host[HOST - 1] = '\0';
}

flr_status flr_leftovers_name(char **out, const char *path) {
  char host[HOST];
  const size_t room = strlen(path) + sizeof host + 32;
  host_name(host);
  FLR_TRY(flr_alloc(out, (int64_t)room, 1));
  (void)snprintf(*out, room, "%s.tmp.%s.%ld", path, host, (long)getpid());
  return FLR_OK;
}

/* Whether there is no such process, or only what remains of it until its parent asks: where nobody does, that is for ever. */
static int has_ended(long pid) {
  char path[32], line[512] = "";
  if (kill((pid_t)pid, 0) != 0) return errno == ESRCH;
  (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  const char *name_end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
  (void)fclose(file);
  return name_end && strncmp(name_end, ") Z", 3) == 0;
}

/* Whether `name` is "BEGINNING" and the number of a process that has ended. */
static int is_left(const char *name, const char *beginning) {
  const size_t n = strlen(beginning);
  char *end;
  if (strncmp(name, beginning, n) != 0) return 0;
  errno = 0;
  const long pid = strtol(name + n, &end, 10);
  return end != name + n && *end == '\0' && errno == 0 && pid > 1 && has_ended(pid);
}

static void remove_in(const char *folder, const char *beginning) {
  DIR *open_folder = opendir(folder);
  if (!open_folder) return; /* writing into it will say what is wrong */
  for (const struct dirent *entry; (entry = readdir(open_folder));)
    if (is_left(entry->d_name, beginning)) (void)unlinkat(dirfd(open_folder), entry->d_name, 0);
  (void)closedir(open_folder);
}

flr_status flr_leftovers_remove(const char *path) {
  char *name, *folder;
  FLR_TRY(flr_leftovers_name(&name, path));
  flr_status status = flr_strdup(&folder, path);
  if (status == FLR_OK) {
    char *slash = strrchr(name, '/'), *beginning = slash ? slash + 1 : name;
    *(strrchr(beginning, '.') + 1) = '\0';
    remove_in(dirname(folder), beginning);
    flr_free(folder);
  }
  flr_free(name);
  return status;
}
