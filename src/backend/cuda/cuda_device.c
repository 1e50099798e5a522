/* Choosing a GPU. */
#include "backend/cuda/cuda_device.h"

#include <stdio.h>

static flr_status check_driver(const cuda_machine *m) {
  if (m->driver_version == 0)
    return flr_fail(FLR_ERROR_UNAVAILABLE, "cuda: there is no NVIDIA driver on this machine: use --backend cpu");
  if (m->driver_version / 1000 < m->toolkit_version / 1000)
    return flr_fail(
        FLR_ERROR_UNAVAILABLE,
        "cuda: the NVIDIA driver is for CUDA %d.%d, this build for %d.%d: update the driver or build with an older toolkit",
        m->driver_version / 1000, m->driver_version % 1000 / 10, m->toolkit_version / 1000, m->toolkit_version % 1000 / 10);
  return FLR_OK;
}

flr_status cuda_device_choose(int *out, const cuda_machine *m, int local_rank, int local_size, int share) {
  *out = 0;
  FLR_TRY(check_driver(m));
  if (m->devices < 1 && m->visible)
    return flr_fail(FLR_ERROR_UNAVAILABLE, "cuda: no GPU is visible with CUDA_VISIBLE_DEVICES=%s: use --backend cpu",
                    m->visible);
  if (m->devices < 1) return flr_fail(FLR_ERROR_UNAVAILABLE, "cuda: this machine has no GPU: use --backend cpu");
  const int bound = m->devices == 1 && m->visible; /* by whoever started this process */
  if (local_size > m->devices && !share && !bound)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: %d ranks on this host, but %d GPU%s: start one rank per GPU, or share them with --comm mpi",
                    local_size, m->devices, m->devices == 1 ? "" : "s");
  *out = local_rank % m->devices;
  return FLR_OK;
}
