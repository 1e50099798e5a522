/* Asking the CUDA runtime what the machine has. */
#ifndef FLR_BACKEND_CUDA_PROBE_H
#define FLR_BACKEND_CUDA_PROBE_H

#include "backend/backend.h"

/* Chooses the device of this rank without making a context on it. FLR_ERROR_UNAVAILABLE with reason and remedy: no driver, one
   too old, no device, more ranks than devices. Not collective. */
flr_status cuda_probe(int *device, const flr_backend_options *options);

#endif
