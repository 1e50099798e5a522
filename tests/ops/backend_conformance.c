/* The suite on a backend of the program. usage: conformance BACKEND f32|bf16|f16; 77 where there is no such backend.
   Bounds: a number stored in bf16 is off by up to 2^-8 of itself, in f16 by 2^-11, twice that where a bias is added to what was
   stored already; sums of f32 numbers by some 1e-6, convolutions by transforms by some more. */
#include "harness/harness.h"

#include "conformance.h"

static const char *backend_name;
static flr_dtype compute;

static flr_status open_backend(flr_backend **out) {
  const flr_backend_options options = {.threads = 2, .local_size = 1, .compute = compute};
  return flr_backend_create(out, backend_name, &options);
}

static int is_missing(void) {
  flr_backend *backend;
  if (open_backend(&backend) == FLR_OK) {
    flr_backend_destroy(backend);
    return 0;
  }
  printf("skipped: %s\n", flr_status_message());
  return 1;
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    flr_dtype dtype;
    double tolerance;
  } types[] = {{"f32", FLR_F32, 0}, {"bf16", FLR_BF16, 8e-3}, {"f16", FLR_F16, 1e-3}};
  for (size_t i = 0; argc == 3 && i < sizeof types / sizeof types[0]; i++) {
    if (strcmp(argv[2], types[i].name) != 0) continue;
    backend_name = argv[1];
    compute = types[i].dtype;
    if (is_missing()) return 77;
    const double exact = strcmp(backend_name, "cpu") == 0 ? 3e-6 : 2e-5;
    const conformance_subject subject = {
        .open = open_backend, .tolerance = compute == FLR_F32 ? exact : types[i].tolerance, .f32_tolerance = exact};
    return conformance_run(&subject);
  }
  fprintf(stderr, "usage: %s BACKEND f32|bf16|f16\n", argv[0]);
  return 64;
}
