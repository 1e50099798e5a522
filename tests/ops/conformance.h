/* The suite that every backend has to pass: each op and pass against ref. */
#ifndef FLR_TESTS_CONFORMANCE_H
#define FLR_TESTS_CONFORMANCE_H

#include "backend/backend.h"

typedef struct conformance_subject {
  flr_status (*open)(flr_backend **out);
  double tolerance;     /* of what is stored in the compute type: largest difference over largest value */
  double f32_tolerance; /* of what stays in f32 or wider: statistics, losses, parameters */
} conformance_subject;

/* The number of failed tests. */
int conformance_run(const conformance_subject *subject);
/* The part that conformance_run begins with: input and the passes over flat buffers. */
int conformance_passes_run(const conformance_subject *subject);

#endif
