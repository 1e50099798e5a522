/* Runs a fuzz target without a fuzzer: over every file of the folders named, and over fixed mutations of each but HDF5 files.
 * usage: replay MUTATIONS FOLDER... */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "fuzz/fuzz.h"

enum { MOST = 1 << 20, PATH = 4096 };

static int64_t runs;

static size_t read_file(const char *path, uint8_t *out) {
  FILE *file = fopen(path, "rb");
  if (!file) return 0;
  const size_t size = fread(out, 1, MOST, file);
  (void)fclose(file);
  return size;
}

/* An exact copy on the heap, so that a sanitizer sees reads behind its end. */
static void run(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  if (!copy) exit(1);
  memcpy(copy, data, size);
  (void)LLVMFuzzerTestOneInput(copy, size);
  free(copy);
  runs++;
}

/* Three bytes changed, or cut off, by the mutation's number. */
static void run_mutation(uint8_t *data, size_t size, uint64_t number) {
  uint32_t random[4];
  uint8_t old[3];
  flr_philox(random, size, number);
  if (size == 0) return;
  if (number % 5 == 0) {
    run(data, random[0] % size);
    return;
  }
  for (int i = 0; i < 3; i++) {
    old[i] = data[random[i] % size];
    data[random[i] % size] = (uint8_t)(random[3] >> 8 * i);
  }
  run(data, size);
  for (int i = 2; i >= 0; i--) data[random[i] % size] = old[i];
}

/* HDF5 itself ends programs that hand it a file whose structure is changed byte by byte; scripts/fuzz.sh tells such ends apart.
 */
static int is_hdf5(const uint8_t *data, size_t size) {
  static const uint8_t signature[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  return size >= sizeof signature && memcmp(data, signature, sizeof signature) == 0;
}

static int run_folder(const char *folder, uint64_t mutations, uint8_t *data) {
  DIR *directory = opendir(folder);
  int files = 0;
  if (!directory) return 0;
  for (const struct dirent *entry; (entry = readdir(directory));) {
    char path[PATH];
    if (entry->d_name[0] == '.') continue;
    (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    const size_t size = read_file(path, data);
    run(data, size);
    for (uint64_t i = 0; i < mutations && !is_hdf5(data, size); i++) run_mutation(data, size, i);
    files++;
  }
  (void)closedir(directory);
  return files;
}

int main(int argc, char **argv) {
  int files = 0;
  uint8_t *data = malloc(MOST);
  if (argc < 3 || !data) return 2;
  (void)LLVMFuzzerInitialize(&argc, &argv);
  for (int i = 2; i < argc; i++) {
    const int found = run_folder(argv[i], strtoull(argv[1], NULL, 10), data);
    if (found == 0) {
      fprintf(stderr, "%s holds no inputs\n", argv[i]);
      return 1;
    }
    files += found;
  }
  free(data);
  printf("%d files, %lld inputs\n", files, (long long)runs);
  return 0;
}
