/* oneDNN 2.x: descriptions are plain structs, primitive descriptors come from operation descriptors. */
#include <string.h>

#include "backend/cpu/cpu_dnnl.h"
#include "core/memory.h"

static flr_status md_new(void **out) { return flr_alloc(out, 1, sizeof(dnnl_memory_desc_t)); }

flr_status flr_dnnl_md_create(void **out, int ndims, const int64_t *dims, const int64_t *strides) {
  FLR_TRY(md_new(out));
  dnnl_dims_t sizes = {0};
  memcpy(sizes, dims, sizeof(int64_t) * (size_t)ndims);
  const dnnl_status_t status = strides ? dnnl_memory_desc_init_by_strides(*out, ndims, sizes, dnnl_f32, strides)
                                       : dnnl_memory_desc_init_by_tag(*out, ndims, sizes, dnnl_f32, dnnl_format_tag_any);
  if (status != dnnl_success) flr_dnnl_md_destroy(*out);
  return flr_dnnl_check(status, "dnnl_memory_desc_init");
}

flr_status flr_dnnl_md_blocked(void **out, const int64_t dims[4], int block) {
  const dnnl_dims_t sizes = {dims[0], dims[1], dims[2], dims[3]};
  FLR_TRY(md_new(out));
  const dnnl_format_tag_t tag = block == 16 ? dnnl_nChw16c : dnnl_nChw8c;
  const dnnl_status_t status = dnnl_memory_desc_init_by_tag(*out, 4, sizes, dnnl_f32, tag);
  if (status != dnnl_success) flr_dnnl_md_destroy(*out);
  return flr_dnnl_check(status, "dnnl_memory_desc_init_by_tag");
}

flr_status flr_dnnl_md_clone(void **out, const void *md) {
  FLR_TRY(md_new(out));
  memcpy(*out, md, sizeof(dnnl_memory_desc_t));
  return FLR_OK;
}

void flr_dnnl_md_destroy(void *md) { flr_free(md); }

dnnl_status_t flr_dnnl_conv_create(dnnl_primitive_desc_t *out, const flr_dnnl_conv *c, dnnl_engine_t engine,
                                   const_dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint) {
  dnnl_convolution_desc_t desc;
  dnnl_status_t status;
  if (c->kind == dnnl_backward_data)
    status = dnnl_convolution_backward_data_desc_init(&desc, c->algorithm, c->src, c->weights, c->dst, c->strides, c->padding,
                                                      c->padding);
  else if (c->kind == dnnl_backward_weights)
    status = dnnl_convolution_backward_weights_desc_init(&desc, c->algorithm, c->src, c->weights, c->bias, c->dst, c->strides,
                                                         c->padding, c->padding);
  else
    status = dnnl_convolution_forward_desc_init(&desc, c->kind, c->algorithm, c->src, c->weights, c->bias, c->dst, c->strides,
                                                c->padding, c->padding);
  return status != dnnl_success ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, hint);
}

dnnl_status_t flr_dnnl_pool_create(dnnl_primitive_desc_t *out, const flr_dnnl_pool *p, dnnl_engine_t engine,
                                   const_dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint) {
  dnnl_pooling_desc_t desc;
  dnnl_status_t status;
  if (p->kind == dnnl_backward_data)
    status =
        dnnl_pooling_backward_desc_init(&desc, p->algorithm, p->src, p->dst, p->strides, p->kernel, p->padding, p->padding);
  else
    status = dnnl_pooling_forward_desc_init(&desc, p->kind, p->algorithm, p->src, p->dst, p->strides, p->kernel, p->padding,
                                            p->padding);
  return status != dnnl_success ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, hint);
}

dnnl_status_t flr_dnnl_norm_create(dnnl_primitive_desc_t *out, const flr_dnnl_norm *n, dnnl_engine_t engine,
                                   const_dnnl_primitive_attr_t attr) {
  const unsigned flags = dnnl_use_scale | dnnl_use_shift | dnnl_use_global_stats | (n->relu ? dnnl_fuse_norm_relu : 0U);
  dnnl_batch_normalization_desc_t desc;
  const dnnl_status_t status =
      dnnl_batch_normalization_forward_desc_init(&desc, dnnl_forward_inference, n->data, n->epsilon, flags);
  return status != dnnl_success ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
}

dnnl_status_t flr_dnnl_reorder_create(dnnl_primitive_desc_t *out, const void *src, const void *dst, dnnl_engine_t engine,
                                      const_dnnl_primitive_attr_t attr) {
  return dnnl_reorder_primitive_desc_create(out, src, engine, dst, engine, attr);
}

dnnl_status_t flr_dnnl_append_sum(dnnl_post_ops_t post_ops) { return dnnl_post_ops_append_sum(post_ops, 1.0F); }
