/* Writes the seeds that are HDF5 files: write_seeds FOLDER makes FOLDER/checkpoint and FOLDER/dataset. */
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz/h5_seeds.h"

static void write_all(const char *folder) {
  char path[4096];
  for (int kind = 0; kind < SEED_CHECKPOINTS; kind++) {
    (void)snprintf(path, sizeof path, "%s/checkpoint/%d.h5", folder, kind);
    seed_write_checkpoint(path, kind);
  }
  for (int kind = 0; kind < SEED_DATASETS; kind++)
    for (int latest = 0; latest < 2; latest++) {
      (void)snprintf(path, sizeof path, "%s/dataset/%d-%d.h5", folder, kind, latest);
      seed_write_dataset(path, kind, latest);
    }
}

int main(int argc, char **argv) {
  static const char *const parts[] = {"", "/checkpoint", "/dataset"};
  char path[4096];
  if (argc != 2) return 2;
  for (int i = 0; i < 3; i++) {
    (void)snprintf(path, sizeof path, "%s%s", argv[1], parts[i]);
    (void)mkdir(path, 0777); /* it may be there */
  }
  write_all(argv[1]);
  return 0;
}
