/* In the place of zstd where its library is not installed: it is refused with what to install. */
#include "datasets/convert/chunk_codec.h"

const flr_chunk_codec flr_chunk_zstd = {.name = "zstd", .package = "libzstd-dev", .least = 1, .most = 19, .usual = 3};
