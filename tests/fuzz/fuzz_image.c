/* Readers of JPEG, PNG and EXIF. An input is an image file; its length chooses what is made of it. What is taken must have the
   size that it says. */
#include <stdio.h>
#include <stdlib.h>

#include "datasets/convert/image_impl.h"
#include "fuzz/fuzz.h"

enum { OPTIONS = 4, MOST_PIXELS = 1 << 18, SIZE = 9 };

static flr_image_reader *readers[OPTIONS]; /* used over and over, as in a conversion */

static void destroy_readers(void) {
  for (int i = 0; i < OPTIONS; i++) flr_image_reader_destroy(readers[i]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  for (int i = 0; i < OPTIONS; i++) {
    const flr_image_options options = {i & 1 ? 1 : 3, i & 2 ? SIZE : 0, MOST_PIXELS};
    if (flr_image_reader_create(&readers[i], &options) == FLR_OK) continue;
    fprintf(stderr, "%s\n", flr_status_message());
    exit(1);
  }
  return atexit(destroy_readers);
}

/* Every pixel is read, so that a sanitizer sees what was never written or is not there. */
static void look_at(const unsigned char *pixels, int64_t n) {
  volatile unsigned sum = 0;
  for (int64_t i = 0; i < n; i++) sum += pixels[i];
  (void)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const int which = (int)(size % OPTIONS);
  const unsigned char *pixels;
  int64_t height = 0, width = 0;
  const int orientation = flr_exif_orientation(data, size);
  if (orientation < 1 || orientation > 8) abort();
  if (flr_image_decode(readers[which], data, size, &pixels, &height, &width) != FLR_OK) return 0;
  if (height < 1 || width < 1 || height * width > MOST_PIXELS || (which & 2 && (height != SIZE || width != SIZE))) abort();
  look_at(pixels, height * width * (which & 1 ? 1 : 3));
  return 0;
}
