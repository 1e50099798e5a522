/* In the place of LZ4 where its library is not installed: such files are refused with how to get it. */
#include "datasets/codec_impl.h"

const flr_codec flr_codec_lz4 = {.id = FLR_FILTER_LZ4,
                                 .name = "LZ4",
                                 .library = "liblz4",
                                 .missing = "built without LZ4: install liblz4-dev and build again"};
