/* What every fuzz target here is: one input to the reader in question. Wrong input must be refused, never crash. */
#ifndef FLR_TESTS_FUZZ_H
#define FLR_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry points; replay.c calls them too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* A file that holds these bytes, under a path that can be opened until the next call. Ends the program when there is no room
   for it. */
const char *fuzz_file(const void *data, size_t size);

#endif
