/* In the place of JPEG where libjpeg is not installed: such files are named with what is missing. */
#include "datasets/convert/image_impl.h"

const flr_image_format flr_image_jpeg = {.library = "libjpeg", .magic = {0xFF, 0xD8, 0xFF}, .magic_bytes = 3};
