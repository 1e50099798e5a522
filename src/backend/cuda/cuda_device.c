/* Which GPU a rank takes, and what is wrong when there is none. */
#include "backend/cuda/cuda_device.h"

#include <stdio.h>
#include <string.h>

void cuda_version_text(char out[16], int version) {
  if (version <= 0)
    (void)snprintf(out, 16, "none");
  else
    (void)snprintf(out, 16, "%d.%d", version / 1000, version % 1000 / 10);
}

flr_status cuda_machine_check(const cuda_machine *machine) {
  char driver[16], runtime[16];
  cuda_version_text(driver, machine->driver_version);
  cuda_version_text(runtime, machine->runtime_version);
  if (machine->driver_version <= 0)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: no NVIDIA driver is running on this machine: start the program where there is a GPU, or use "
                    "--backend cpu");
  if (machine->driver_too_old)
    return flr_fail(
        FLR_ERROR_UNAVAILABLE,
        "cuda: the NVIDIA driver is for CUDA %s and too old for the module, which was built with CUDA %s: update the "
        "driver, build with an older toolkit, or use --backend cpu",
        driver, runtime);
  if (machine->failure)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: the devices cannot be used (%s): see what nvidia-smi says, or use --backend cpu", machine->failure);
  if (machine->device_count > 0) return FLR_OK;
  if (machine->visible_devices)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: no GPU is visible with CUDA_VISIBLE_DEVICES='%s': name one that nvidia-smi lists, unset it, or use "
                    "--backend cpu",
                    machine->visible_devices);
  return flr_fail(
      FLR_ERROR_UNAVAILABLE,
      "cuda: the machine has an NVIDIA driver but no GPU that this job may use: ask for one (sbatch --gpus-per-node), "
      "or use --backend cpu");
}

int cuda_device_bound(int device_count, const char *visible_devices, const char *slurm_gpus_per_task) {
  if (device_count != 1) return 0;
  return (visible_devices && visible_devices[0] != '\0') || (slurm_gpus_per_task && slurm_gpus_per_task[0] != '\0');
}

int cuda_device_slices(const char *visible_devices) {
  int count = 1;
  if (!visible_devices || strncmp(visible_devices, "MIG-", strlen("MIG-")) != 0) return 0;
  for (const char *c = visible_devices; *c; c++) count += *c == ',';
  return count;
}

void cuda_device_name(char out[CUDA_DEVICE_NAME], const char *visible_devices, int which) {
  const char *name = visible_devices;
  for (; which > 0 && *name; which--) name += strcspn(name, ",") + (name[strcspn(name, ",")] == ',');
  (void)snprintf(out, CUDA_DEVICE_NAME, "%.*s", (int)strcspn(name, ","), name);
}

flr_status cuda_device_choose(int *device, const cuda_device_request *request) {
  *device = 0;
  if (request->device_count < 1 || request->local_rank < 0 || request->local_rank >= request->local_size)
    return flr_fail(FLR_ERROR_INTERNAL, "cuda: local rank %d of %d and %d devices", request->local_rank, request->local_size,
                    request->device_count);
  if (request->bound) return FLR_OK;
  if (request->local_size > request->device_count && !request->share)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: %d ranks on this host and %d GPU%s: start at most %d here (mpirun --map-by ppr:%d:node, srun "
                    "--ntasks-per-node=%d), or use --comm mpi, which lets ranks share a GPU",
                    request->local_size, request->device_count, request->device_count == 1 ? "" : "s", request->device_count,
                    request->device_count, request->device_count);
  *device = request->local_rank % request->device_count;
  return FLR_OK;
}
