/* cuDNN's backend descriptors: creation, attributes, finalisation. */
#include "backend/cuda/cuda_cudnn.h"

flr_status cuda_descriptor_create(cudnnBackendDescriptor_t *out, cudnnBackendDescriptorType_t type) {
  *out = NULL;
  FLR_CUDNN(cudnnBackendCreateDescriptor(type, out));
  return FLR_OK;
}

void cuda_descriptor_destroy(cudnnBackendDescriptor_t *descriptor) {
  if (*descriptor) (void)cudnnBackendDestroyDescriptor(*descriptor);
  *descriptor = NULL;
}

flr_status cuda_descriptor_set(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                               cudnnBackendAttributeType_t type, int64_t count, const void *values) {
  FLR_CUDNN(cudnnBackendSetAttribute(descriptor, name, type, count, values));
  return FLR_OK;
}

flr_status cuda_descriptor_set_int64(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name, int64_t value) {
  return cuda_descriptor_set(descriptor, name, CUDNN_TYPE_INT64, 1, &value);
}

flr_status cuda_descriptor_set_child(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                     cudnnBackendDescriptor_t child) {
  return cuda_descriptor_set(descriptor, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &child);
}

flr_status cuda_descriptor_finalize(cudnnBackendDescriptor_t descriptor) {
  FLR_CUDNN(cudnnBackendFinalize(descriptor));
  return FLR_OK;
}
