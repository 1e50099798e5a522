/* Without liblz4. */
#include "h5_encode.h"

const int h5_has_lz4 = 0;

size_t h5_encode_lz4(const unsigned char *in, size_t bytes, unsigned char *out) {
  (void)in, (void)bytes, (void)out;
  return 0;
}
