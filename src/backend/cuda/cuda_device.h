/* Which GPU a rank gets, and why there may be none: what can be decided without CUDA. */
#ifndef FLR_BACKEND_CUDA_DEVICE_H
#define FLR_BACKEND_CUDA_DEVICE_H

#include "core/status.h"

/* What CUDA says of driver and devices; versions as CUDA counts them, 12040 is 12.4. */
typedef struct cuda_machine {
  int driver_version;  /* the newest CUDA the driver knows; 0: no driver */
  int toolkit_version; /* of this build */
  int devices;         /* visible to this process */
  const char *visible; /* CUDA_VISIBLE_DEVICES, NULL: not set */
} cuda_machine;

/* The device of rank `local_rank` of the `local_size` ranks of this host: its own, or, when each process sees one device only
   (as Slurm binds them), that one. share: 1 lets ranks share a device when there are more of them. Errors:
   FLR_ERROR_UNAVAILABLE with reason and remedy. Pure. */
flr_status cuda_device_choose(int *out, const cuda_machine *machine, int local_rank, int local_size, int share);

#endif
