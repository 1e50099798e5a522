/* One convolution as cuDNN's operation graph. */
#include "backend/cuda/cuda_cudnn.h"

enum { TENSOR_ALIGNMENT = 16 }; /* bytes: parameters of two bytes lie at multiples of 32, everything else wider apart */

static cudnnDataType_t type_of(flr_dtype dtype) {
  return dtype == FLR_BF16 ? CUDNN_DATA_BFLOAT16 : dtype == FLR_F16 ? CUDNN_DATA_HALF : CUDNN_DATA_FLOAT;
}

/* cuDNN names dimensions NCHW; the strides say that memory is NHWC. */
static flr_status make_tensor(cudnnBackendDescriptor_t *out, int64_t id, flr_dtype dtype, flr_shape s) {
  const cudnnDataType_t type = type_of(dtype);
  const int64_t sizes[4] = {s.n, s.c, s.h, s.w}, strides[4] = {s.h * s.w * s.c, 1, s.w * s.c, s.c};
  FLR_TRY(cuda_descriptor_create(out, CUDNN_BACKEND_TENSOR_DESCRIPTOR));
  FLR_TRY(cuda_descriptor_set_int64(*out, CUDNN_ATTR_TENSOR_UNIQUE_ID, id));
  FLR_TRY(cuda_descriptor_set_int64(*out, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, TENSOR_ALIGNMENT));
  FLR_TRY(cuda_descriptor_set(*out, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type));
  FLR_TRY(cuda_descriptor_set(*out, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, sizes));
  FLR_TRY(cuda_descriptor_set(*out, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides));
  return cuda_descriptor_finalize(*out);
}

static flr_status make_convolution(cudnnBackendDescriptor_t *out, const cuda_conv_problem *p) {
  const cudnnDataType_t sums = CUDNN_DATA_FLOAT;
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  const int64_t pads[2] = {p->pad, p->pad}, strides[2] = {p->stride, p->stride}, dilations[2] = {1, 1};
  FLR_TRY(cuda_descriptor_create(out, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR));
  FLR_TRY(cuda_descriptor_set(*out, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &sums));
  FLR_TRY(cuda_descriptor_set(*out, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode));
  FLR_TRY(cuda_descriptor_set_int64(*out, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2));
  FLR_TRY(cuda_descriptor_set(*out, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, pads));
  FLR_TRY(cuda_descriptor_set(*out, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, pads));
  FLR_TRY(cuda_descriptor_set(*out, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, strides));
  FLR_TRY(cuda_descriptor_set(*out, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilations));
  return cuda_descriptor_finalize(*out);
}

/* The three passes are the same operation under different names. */
typedef struct pass_names {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
} pass_names;

static const pass_names names_of[] = {
    [CUDA_CONV_FORWARD] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                           CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                           CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                           CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    [CUDA_CONV_DATA] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    [CUDA_CONV_WEIGHTS] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};

static flr_status make_operation(cuda_cudnn_graph *g, cuda_conv_pass pass) {
  static const float alpha = 1, beta = 0;
  const pass_names *names = &names_of[pass];
  FLR_TRY(cuda_descriptor_create(&g->operation, names->operation));
  FLR_TRY(cuda_descriptor_set_child(g->operation, names->x, g->x));
  FLR_TRY(cuda_descriptor_set_child(g->operation, names->w, g->w));
  FLR_TRY(cuda_descriptor_set_child(g->operation, names->y, g->y));
  FLR_TRY(cuda_descriptor_set_child(g->operation, names->convolution, g->convolution));
  FLR_TRY(cuda_descriptor_set(g->operation, names->alpha, CUDNN_TYPE_FLOAT, 1, &alpha));
  FLR_TRY(cuda_descriptor_set(g->operation, names->beta, CUDNN_TYPE_FLOAT, 1, &beta));
  return cuda_descriptor_finalize(g->operation);
}

static flr_status make_graph(cuda_cudnn_graph *g, const cuda_cudnn_target *target) {
  FLR_TRY(cuda_descriptor_create(&g->graph, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR));
  FLR_TRY(cuda_descriptor_set_child(g->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, g->operation));
  if (target->handle)
    FLR_TRY(cuda_descriptor_set(g->graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &target->handle));
  return cuda_descriptor_finalize(g->graph);
}

static flr_status make_all(cuda_cudnn_graph *g, const cuda_cudnn_target *target, const cuda_conv_problem *p) {
  const flr_shape w = {p->y.c, p->kernel_h, p->kernel_w, p->x.c};
  FLR_TRY(make_tensor(&g->x, CUDA_CUDNN_X, p->dtype, p->x));
  FLR_TRY(make_tensor(&g->w, CUDA_CUDNN_W, p->dtype, w));
  FLR_TRY(make_tensor(&g->y, CUDA_CUDNN_Y, p->dtype, p->y));
  FLR_TRY(make_convolution(&g->convolution, p));
  FLR_TRY(make_operation(g, p->pass));
  return make_graph(g, target);
}

flr_status cuda_cudnn_graph_init(cuda_cudnn_graph *out, const cuda_cudnn_target *target, const cuda_conv_problem *problem) {
  *out = (cuda_cudnn_graph){0};
  const flr_status status = make_all(out, target, problem);
  if (status != FLR_OK) cuda_cudnn_graph_clear(out);
  return status;
}

void cuda_cudnn_graph_clear(cuda_cudnn_graph *g) {
  cudnnBackendDescriptor_t *const all[] = {&g->graph, &g->operation, &g->convolution, &g->y, &g->w, &g->x};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) cuda_descriptor_destroy(all[i]);
}
