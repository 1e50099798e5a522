/* In the place of LZ4 where its library is not installed: it is refused with what to install. */
#include "datasets/convert/chunk_codec.h"

const flr_chunk_codec flr_chunk_lz4 = {.name = "lz4", .package = "liblz4-dev", .least = 1, .most = 12, .usual = 1};
