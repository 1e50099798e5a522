/* Benches of a session's own steps: their options, and the run directory that goes when they end. */
#ifndef FLR_BENCH_SESSION_H
#define FLR_BENCH_SESSION_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastlr.h"
#include "tests/harness/temporary_folder.h"

enum { BENCH_PATH = 512 };

/* Options as those of fastlr_dist, "--name value" from argv[2] on, for a run of any number of steps in that directory. */
static inline flr_status bench_read_options(flr_config *config, const char *directory, int argc, char **argv) {
  FLR_TRY(flr_config_init(config));
  FLR_TRY(flr_config_set(config, "out", directory));
  FLR_TRY(flr_config_set(config, "lr", "1e-4"));
  FLR_TRY(flr_config_set(config, "steps", "1000000"));
  FLR_TRY(flr_config_set(config, "plot", "none"));
  for (int i = 2; i + 1 < argc; i += 2) {
    if (strncmp(argv[i], "--", 2) != 0) return flr_fail(FLR_ERROR_USAGE, "%s is not an option", argv[i]);
    FLR_TRY(flr_config_set(config, argv[i] + 2, argv[i + 1]));
  }
  return flr_config_check(config);
}

/* A folder for the run; 0: it cannot be made, which is said. */
static inline int bench_make_directory(char directory[BENCH_PATH], const char *bench) {
  if (temporary_folder(directory, BENCH_PATH, bench)) return 1;
  fprintf(stderr, "%s: cannot make a folder in %s: set TMPDIR\n", bench, temporary_parent());
  return 0;
}

/* Removes it. Returns the bench's exit code. */
static inline int bench_finish(const char *directory, flr_status status) {
  char command[BENCH_PATH + 16];
  (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
  return system(command) == 0 ? (int)status : FLR_ERROR_IO;
}

#endif
