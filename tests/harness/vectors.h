/* Values that other frameworks gave, of tests/vectors. */
#ifndef FLR_TESTS_VECTORS_H
#define FLR_TESTS_VECTORS_H

#include "harness/harness.h"

#include <cjson/cJSON.h>

/* The document of this name, "parity.json". cJSON_Delete it. */
static inline cJSON *vectors_read(const char *name) {
  char path[1200];
  (void)snprintf(path, sizeof path, FLR_SOURCE_DIR "/tests/vectors/%s", name);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("cannot read %s", path);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  const long size = ftell(file);
  rewind(file);
  char *text = calloc((size_t)size + 1, 1);
  const size_t got = fread(text, 1, (size_t)size, file);
  fclose(file);
  cJSON *vectors = cJSON_ParseWithLength(text, got);
  free(text);
  if (!vectors) fail_msg("%s is not JSON", path);
  return vectors;
}

#endif
