/* In the place of PNG where libpng is not installed: such files are named with what is missing. */
#include "datasets/convert/image_impl.h"

const flr_image_format flr_image_png = {
    .library = "libpng", .magic = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'}, .magic_bytes = 8};
