/* In the place of zstd where its library is not installed: such files are refused with how to get it. */
#include "datasets/codec_impl.h"

const flr_codec flr_codec_zstd = {.id = FLR_FILTER_ZSTD,
                                  .name = "zstd",
                                  .library = "libzstd",
                                  .missing = "built without zstd: install libzstd-dev and build again"};
