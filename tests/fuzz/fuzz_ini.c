/* The reader of configurations, as --config takes them and as checkpoints keep them. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/options.h"
#include "fastlr.h"
#include "fuzz/fuzz.h"
#include "train/config_table.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  return 0;
}

/* What was read and is written as text reads as the same again. */
static void read_again(const flr_config *config) {
  flr_config again;
  char *first, *second;
  if (flr_options_text(&flr_config_table, config, &first) != FLR_OK) abort();
  if (flr_config_init(&again) != FLR_OK || flr_config_load_text(&again, first, "text") != FLR_OK) abort();
  if (flr_options_text(&flr_config_table, &again, &second) != FLR_OK || strcmp(first, second) != 0) abort();
  flr_free(first);
  flr_free(second);
  flr_config_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  flr_config config;
  if (flr_config_init(&config) != FLR_OK) abort();
  if (flr_config_load(&config, fuzz_file(data, size)) == FLR_OK && flr_config_check(&config) == FLR_OK) read_again(&config);
  flr_config_clear(&config);
  return 0;
}
