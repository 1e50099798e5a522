/* Which GPU a rank takes, and what is wrong when there is none: pure functions, apart from every CUDA call. */
#ifndef FLR_BACKEND_CUDA_DEVICE_H
#define FLR_BACKEND_CUDA_DEVICE_H

#include "core/status.h"

/* What the CUDA runtime says of this machine (cuda_probe.c). */
typedef struct cuda_machine {
  int driver_version;  /* newest CUDA that the driver offers, 1000 * major + 10 * minor; 0: no driver */
  int runtime_version; /* CUDA that the module was built with */
  int driver_too_old;  /* 1: the driver refuses this runtime */
  int device_count;
  const char *failure;         /* the runtime's text for any other failure; NULL: none */
  const char *visible_devices; /* CUDA_VISIBLE_DEVICES, NULL when it is not set */
} cuda_machine;

typedef struct cuda_device_request {
  int local_rank, local_size; /* among the ranks of this host */
  int device_count;           /* that this rank can see, 1 or more */
  int bound;                  /* 1: whoever started the rank gave it its own device (cuda_device_bound) */
  int share;                  /* 1: several ranks may use one device */
} cuda_device_request;

/* "13.0" for 13000, "none" for 0. */
void cuda_version_text(char out[16], int version);

/* FLR_OK when there is a device; else FLR_ERROR_UNAVAILABLE: no driver, one too old (naming both versions), no device. */
flr_status cuda_machine_check(const cuda_machine *machine);

/* Whether each rank was given its own device, so that all of them see one: when one is seen, and it was chosen by
   CUDA_VISIBLE_DEVICES (`visible_devices`) or by Slurm (`slurm_gpus_per_task`); NULL where the variable is not set. Ranks that
   see the same device in spite of it are found when NCCL starts. */
int cuda_device_bound(int device_count, const char *visible_devices, const char *slurm_gpus_per_task);

/* How many MIG slices a list of devices (CUDA_VISIBLE_DEVICES, NULL where it is not set) names; 0: it names no slices. CUDA
   lets a process see the first of them only. */
int cuda_device_slices(const char *visible_devices);

enum { CUDA_DEVICE_NAME = 96 };
/* The name of number `which` in such a list. */
void cuda_device_name(char out[CUDA_DEVICE_NAME], const char *visible_devices, int which);

/* The device of this rank: its local rank; 0 when it was given its own; in turns when they may be shared. More ranks than
   devices otherwise: FLR_ERROR_UNAVAILABLE with both numbers, on every rank of the host. */
flr_status cuda_device_choose(int *device, const cuda_device_request *request);

#endif
