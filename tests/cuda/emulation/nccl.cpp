/* Sums over MPI, in their turn in the stream. Like the real one it does not block: the first question after a start is answered
   "in progress". */
#include "nccl.h"

#define OMPI_SKIP_MPICXX 1 /* C only */
#include <mpi.h>

#include <cstring>
#include <vector>

#include "emulation.h"

struct ncclComm {
  MPI_Comm mpi;
  int busy; /* questions to be answered "in progress" */
  void *registered;
};

namespace {

const char kMagic[] = "emulated nccl";

float raised(unsigned short low) {
  const unsigned bits = static_cast<unsigned>(low) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/* To nearest, ties to even. */
unsigned short lowered(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<unsigned short>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

void sum_bf16(const void *from, void *to, size_t count, MPI_Comm mpi) {
  std::vector<float> values(count);
  const auto *in = static_cast<const unsigned short *>(from);
  auto *out = static_cast<unsigned short *>(to);
  for (size_t i = 0; i < count; i++) values[i] = raised(in[i]);
  MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(count), MPI_FLOAT, MPI_SUM, mpi);
  for (size_t i = 0; i < count; i++) out[i] = lowered(values[i]);
}

}  // namespace

extern "C" {

ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
  std::memcpy(id->internal, kMagic, sizeof kMagic);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *out, int ranks, ncclUniqueId id, int rank, ncclConfig_t *config) {
  int size, own;
  if (std::memcmp(id.internal, kMagic, sizeof kMagic) != 0) return ncclInvalidArgument; /* it was not broadcast */
  *out = new ncclComm{MPI_COMM_NULL, config->blocking ? 0 : 2, nullptr};
  if (MPI_Comm_dup(MPI_COMM_WORLD, &(*out)->mpi) != MPI_SUCCESS) return ncclSystemError;
  MPI_Comm_size((*out)->mpi, &size);
  MPI_Comm_rank((*out)->mpi, &own);
  if (size != ranks || own != rank) return ncclInvalidArgument;
  return config->blocking ? ncclSuccess : ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *state) {
  *state = comm->busy > 0 ? ncclInProgress : ncclSuccess;
  if (comm->busy > 0) comm->busy--;
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) { return comm->busy > 0 ? ncclInvalidUsage : ncclSuccess; }

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  const int left_registered = comm->registered != nullptr;
  MPI_Comm_free(&comm->mpi);
  delete comm;
  return left_registered ? ncclInvalidUsage : ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  delete comm;
  return ncclSuccess;
}

ncclResult_t ncclCommRegister(ncclComm_t comm, void *buffer, size_t bytes, void **handle) {
  if (!buffer || bytes == 0) return ncclInvalidArgument;
  comm->registered = *handle = buffer;
  return ncclSuccess;
}

ncclResult_t ncclCommDeregister(ncclComm_t comm, void *handle) {
  if (handle != comm->registered) return ncclInvalidArgument;
  comm->registered = nullptr;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void *from, void *to, size_t count, ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm,
                           cudaStream_t stream) {
  if (op != ncclSum || comm->busy > 0) return ncclInvalidUsage;
  emulation_enqueue(stream, [=] {
    if (type == ncclBfloat16)
      sum_bf16(from, to, count, comm->mpi);
    else
      MPI_Allreduce(from == to ? MPI_IN_PLACE : from, to, static_cast<int>(count), type == ncclDouble ? MPI_DOUBLE : MPI_FLOAT,
                    MPI_SUM, comm->mpi);
  });
  return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess: return "no error";
    case ncclUnhandledCudaError: return "unhandled cuda error";
    case ncclSystemError: return "unhandled system error";
    case ncclInternalError: return "internal error";
    case ncclInvalidArgument: return "invalid argument";
    case ncclInvalidUsage: return "invalid usage";
    case ncclRemoteError: return "remote process exited or there was a network error";
    case ncclInProgress: return "operation in progress";
  }
  return "unknown result code";
}

const char *ncclGetLastError(ncclComm_t comm) {
  (void)comm;
  return "";
}

}  // extern "C"
