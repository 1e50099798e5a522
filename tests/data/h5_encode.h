/* What encodes chunks for tests; CMake chooses a file for each. */
#ifndef FLR_TESTS_H5_ENCODE_H
#define FLR_TESTS_H5_ENCODE_H

#include <stddef.h>

/* 0: the library was not there when the tests were built, and the function gives 0. */
extern const int h5_has_lz4, h5_has_zstd;

/* HDF5's framing, in blocks of 300 bytes; one that does not shrink is stored as it is. */
size_t h5_encode_lz4(const unsigned char *in, size_t bytes, unsigned char *out);
size_t h5_encode_zstd(const unsigned char *in, size_t bytes, unsigned char *out, size_t room);

#endif
