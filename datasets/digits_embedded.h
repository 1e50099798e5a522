/* The default data set, digits.h5, as bytes inside the library. */
#ifndef FLR_DATASETS_DIGITS_EMBEDDED_H
#define FLR_DATASETS_DIGITS_EMBEDDED_H

#include <stddef.h>

extern const unsigned char flr_digits_h5[];
extern const unsigned char flr_digits_h5_end[];

/* Bytes of the file. */
static inline size_t flr_digits_h5_size(void) { return (size_t)(flr_digits_h5_end - flr_digits_h5); }

#endif
