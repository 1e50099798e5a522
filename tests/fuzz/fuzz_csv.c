/* The reader of curves (suggest). */
#include <stdlib.h>

#include "cli/curve_csv.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  flr_curve_csv curve;
  if (flr_curve_csv_read(&curve, fuzz_file(data, size)) == FLR_OK)
    for (int64_t i = 0; i < curve.n; i++)
      if (!(curve.lr[i] > 0) || (i > 0 && !(curve.lr[i] > curve.lr[i - 1]))) abort();
  flr_curve_csv_clear(&curve);
  return 0;
}
