/* oneDNN 3.x: descriptions are opaque, primitive descriptors are made directly, Winograd is gone for f32. */
#include <string.h>

#include "backend/cpu/cpu_dnnl.h"

flr_status flr_dnnl_md_create(void **out, int ndims, const int64_t *dims, const int64_t *strides) {
  dnnl_dims_t sizes = {0};
  memcpy(sizes, dims, sizeof(int64_t) * (size_t)ndims);
  dnnl_memory_desc_t md = NULL;
  if (strides)
    FLR_DNNL(dnnl_memory_desc_create_with_strides(&md, ndims, sizes, dnnl_f32, strides));
  else
    FLR_DNNL(dnnl_memory_desc_create_with_tag(&md, ndims, sizes, dnnl_f32, dnnl_format_tag_any));
  *out = md;
  return FLR_OK;
}

flr_status flr_dnnl_md_blocked(void **out, const int64_t dims[4], int block) {
  const dnnl_dims_t sizes = {dims[0], dims[1], dims[2], dims[3]};
  dnnl_memory_desc_t md = NULL;
  FLR_DNNL(dnnl_memory_desc_create_with_tag(&md, 4, sizes, dnnl_f32, block == 16 ? dnnl_nChw16c : dnnl_nChw8c));
  *out = md;
  return FLR_OK;
}

flr_status flr_dnnl_md_clone(void **out, const void *md) {
  dnnl_memory_desc_t copy = NULL;
  FLR_DNNL(dnnl_memory_desc_clone(&copy, md));
  *out = copy;
  return FLR_OK;
}

void flr_dnnl_md_destroy(void *md) {
  if (md) (void)dnnl_memory_desc_destroy(md);
}

static const dnnl_dims_t no_dilation;

dnnl_status_t flr_dnnl_conv_create(dnnl_primitive_desc_t *out, const flr_dnnl_conv *c, dnnl_engine_t engine,
                                   const_dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint) {
  if (c->kind == dnnl_backward_data)
    return dnnl_convolution_backward_data_primitive_desc_create(out, engine, c->algorithm, c->src, c->weights, c->dst,
                                                                c->strides, no_dilation, c->padding, c->padding, hint, attr);
  if (c->kind == dnnl_backward_weights)
    return dnnl_convolution_backward_weights_primitive_desc_create(out, engine, c->algorithm, c->src, c->weights, c->bias,
                                                                   c->dst, c->strides, no_dilation, c->padding, c->padding,
                                                                   hint, attr);
  return dnnl_convolution_forward_primitive_desc_create(out, engine, c->kind, c->algorithm, c->src, c->weights, c->bias, c->dst,
                                                        c->strides, no_dilation, c->padding, c->padding, attr);
}

dnnl_status_t flr_dnnl_pool_create(dnnl_primitive_desc_t *out, const flr_dnnl_pool *p, dnnl_engine_t engine,
                                   const_dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint) {
  if (p->kind == dnnl_backward_data)
    return dnnl_pooling_backward_primitive_desc_create(out, engine, p->algorithm, p->src, p->dst, p->strides, p->kernel,
                                                       no_dilation, p->padding, p->padding, hint, attr);
  return dnnl_pooling_forward_primitive_desc_create(out, engine, p->kind, p->algorithm, p->src, p->dst, p->strides, p->kernel,
                                                    no_dilation, p->padding, p->padding, attr);
}

dnnl_status_t flr_dnnl_norm_create(dnnl_primitive_desc_t *out, const flr_dnnl_norm *n, dnnl_engine_t engine,
                                   const_dnnl_primitive_attr_t attr) {
  const unsigned flags = dnnl_use_scale | dnnl_use_shift | dnnl_use_global_stats | (n->relu ? dnnl_fuse_norm_relu : 0U);
  return dnnl_batch_normalization_forward_primitive_desc_create(out, engine, dnnl_forward_inference, n->data, n->data,
                                                                n->epsilon, flags, attr);
}

dnnl_status_t flr_dnnl_reorder_create(dnnl_primitive_desc_t *out, const void *src, const void *dst, dnnl_engine_t engine,
                                      const_dnnl_primitive_attr_t attr) {
  return dnnl_reorder_primitive_desc_create(out, src, engine, dst, engine, attr);
}

dnnl_status_t flr_dnnl_append_sum(dnnl_post_ops_t post_ops) {
  return dnnl_post_ops_append_sum(post_ops, 1.0F, 0, dnnl_data_type_undef);
}
