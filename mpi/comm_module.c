/* The comm that lives in the CUDA module. */
#include "backend/module_cuda.h"
#include "mpi/comm_bulk.h"

typedef struct struct_size {
  const char *name;
  uint32_t theirs, ours;
} struct_size;

static flr_status open_checked(const flr_cuda_module **out) {
  FLR_TRY(flr_cuda_module_open(out));
#define STRUCT_SIZE(type) {#type, (*out)->type##_bytes, (uint32_t)sizeof(type)},
  const struct_size sizes[] = {FLR_CUDA_COMM_STRUCTS(STRUCT_SIZE)};
#undef STRUCT_SIZE
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    if (sizes[i].theirs != sizes[i].ours)
      return flr_fail(FLR_ERROR_UNAVAILABLE,
                      "nccl: the CUDA module (%s) has %s of %u bytes, this program (" FLR_VERSION
                      ") of %u: build both from the "
                      "same source, or use --comm mpi",
                      (*out)->version, sizes[i].name, sizes[i].theirs, sizes[i].ours);
  return FLR_OK;
}

flr_status flr_comm_nccl_open(flr_comm **out, const flr_comm_bulk_options *options) {
  const flr_cuda_module *module = NULL;
  *out = NULL;
  FLR_TRY(flr_comm_agree(options->control, open_checked(&module)));
  return module->nccl_create(out, options);
}
