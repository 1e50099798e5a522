/* The suite on the cpu backend. */
#include "harness/harness.h"

#include "conformance.h"

static flr_status open_cpu(flr_backend **out) {
  const flr_backend_options options = {.threads = 2, .local_size = 1};
  return flr_backend_create(out, "cpu", &options);
}

int main(void) {
  const conformance_subject subject = {.open = open_cpu, .tolerance = 3e-6, .f32_tolerance = 3e-6};
  return conformance_run(&subject);
}
