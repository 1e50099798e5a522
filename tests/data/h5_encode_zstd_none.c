/* Without libzstd. */
#include "h5_encode.h"

const int h5_has_zstd = 0;

size_t h5_encode_zstd(const unsigned char *in, size_t bytes, unsigned char *out, size_t room) {
  (void)in, (void)bytes, (void)out, (void)room;
  return 0;
}
