/* The suite on the cuda backend that computes on the CPU. usage: conformance_emulated f32|bf16|f16
   Bounds: a number stored in bf16 is off by 2^-9 of itself, in f16 by 2^-11; sums of f32 numbers by some 1e-6. */
#include "harness/harness.h"

#include "backend/cuda/cuda_impl.h"
#include "ops/conformance.h"

static flr_dtype compute;

static flr_status open_emulated(flr_backend **out) {
  const flr_backend_options options = {.threads = 1, .local_size = 1, .compute = compute};
  return cuda_backend_create(out, 0, &options);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    flr_dtype dtype;
    double tolerance;
  } types[] = {{"f32", FLR_F32, 5e-6}, {"bf16", FLR_BF16, 4e-3}, {"f16", FLR_F16, 1e-3}};
  for (size_t i = 0; argc == 2 && i < sizeof types / sizeof types[0]; i++) {
    if (strcmp(argv[1], types[i].name) != 0) continue;
    const conformance_subject subject = {
        .open = open_emulated, .tolerance = types[i].tolerance, .f32_tolerance = 5e-6, .without_products = 1};
    compute = types[i].dtype;
    return conformance_run(&subject);
  }
  fprintf(stderr, "usage: %s f32|bf16|f16\n", argv[0]);
  return 64;
}
