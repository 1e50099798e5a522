/* What is the same in every oneDNN: interning, primitives, execution. */
#include "backend/cpu/cpu_dnnl.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"

flr_status flr_dnnl_check(dnnl_status_t status, const char *expression) {
  if (status == dnnl_success) return FLR_OK;
  static const char *const texts[] = {
      "success",       "out of memory", "invalid arguments", "unimplemented", "last implementation reached",
      "runtime error", "not required"};
  const size_t index = (size_t)status;
  return flr_fail(FLR_ERROR_INTERNAL, "oneDNN: %s: %s", expression,
                  index < sizeof texts / sizeof texts[0] ? texts[index] : "unknown status");
}

static flr_status intern(flr_cpu *cpu, const flr_layout **out, const void *md) {
  for (const flr_layout *layout = cpu->layouts; layout; layout = layout->next)
    if (dnnl_memory_desc_equal(layout->md, md)) {
      *out = layout;
      return FLR_OK;
    }
  flr_layout *layout;
  FLR_TRY(flr_alloc(&layout, 1, sizeof *layout));
  const flr_status status = flr_dnnl_md_clone(&layout->md, md);
  if (status != FLR_OK) {
    flr_free(layout);
    return status;
  }
  layout->bytes = dnnl_memory_desc_get_size(md);
  layout->next = cpu->layouts;
  cpu->layouts = layout;
  *out = layout;
  return FLR_OK;
}

flr_status flr_cpu_layout_take(flr_cpu *cpu, const flr_layout **out, void *md) {
  const flr_status status = intern(cpu, out, md);
  flr_dnnl_md_destroy(md);
  return status;
}

flr_status flr_cpu_layout_plain(flr_cpu *cpu, const flr_layout **out, int ndims, const int64_t *dims, const int64_t *strides) {
  void *md;
  FLR_TRY(flr_dnnl_md_create(&md, ndims, dims, strides));
  return flr_cpu_layout_take(cpu, out, md);
}

static flr_status dense_layout(flr_cpu *cpu, const flr_layout **out, flr_shape s) {
  const int64_t dims[4] = {s.n, s.c, s.h, s.w}, strides[4] = {s.h * s.w * s.c, 1, s.w * s.c, s.c};
  return flr_cpu_layout_plain(cpu, out, 4, dims, strides);
}

flr_status flr_cpu_layout_of(flr_cpu *cpu, const flr_layout **out, const flr_tensor_desc *desc) {
  *out = desc->layout;
  return desc->layout ? FLR_OK : dense_layout(cpu, out, desc->shape);
}

flr_status flr_cpu_desc(flr_cpu *cpu, flr_tensor_desc *out, flr_shape shape, const flr_layout *layout) {
  const flr_layout *dense;
  FLR_TRY(dense_layout(cpu, &dense, shape));
  *out = flr_tensor_desc_dense(FLR_F32, shape);
  if (layout == dense) return FLR_OK;
  out->layout = layout;
  out->bytes = layout->bytes;
  return FLR_OK;
}

flr_status flr_cpu_layout_block(int64_t *block, const flr_tensor_desc *desc) {
  *block = desc->layout ? 0 : desc->shape.c;
  if (!desc->layout) return FLR_OK;
  const int64_t dims[4] = {desc->shape.n, desc->shape.c, desc->shape.h, desc->shape.w};
  for (int size = 8; size <= 16; size += 8) {
    void *md;
    FLR_TRY(flr_dnnl_md_blocked(&md, dims, size));
    if (dnnl_memory_desc_equal(desc->layout->md, md)) *block = size;
    flr_dnnl_md_destroy(md);
  }
  return FLR_OK;
}

static flr_status add_memory(flr_cpu *cpu, flr_cpu_primitive *p, int argument, const void *md) {
  dnnl_memory_t memory;
  FLR_DNNL(dnnl_memory_create(&memory, md, cpu->engine, NULL));
  p->args[p->count++] = (dnnl_exec_arg_t){argument, memory};
  return FLR_OK;
}

static flr_status init_arguments(flr_cpu *cpu, flr_cpu_primitive *p, const int *arguments, int count) {
  for (int i = 0; i < count; i++) {
    const void *md = dnnl_primitive_desc_query_md(p->desc, dnnl_query_exec_arg_md, arguments[i]);
    if (!md) return flr_fail(FLR_ERROR_INTERNAL, "oneDNN knows no argument %d of this primitive", arguments[i]);
    FLR_TRY(intern(cpu, &p->layouts[i], md));
    FLR_TRY(add_memory(cpu, p, arguments[i], md));
  }
  const void *scratch = dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0);
  p->scratch_bytes = scratch ? flr_align_up(dnnl_memory_desc_get_size(scratch)) : 0;
  if (p->scratch_bytes > 0) {
    FLR_TRY(add_memory(cpu, p, DNNL_ARG_SCRATCHPAD, scratch));
    p->count--;
  }
  return FLR_OK;
}

flr_status flr_cpu_primitive_init(flr_cpu *cpu, flr_cpu_primitive *out, dnnl_primitive_desc_t desc, const int *arguments,
                                  int count) {
  *out = (flr_cpu_primitive){.desc = desc};
  omp_set_num_threads(cpu->head.threads);
  flr_status status = flr_dnnl_check(dnnl_primitive_create(&out->primitive, desc), "dnnl_primitive_create");
  if (status == FLR_OK) status = init_arguments(cpu, out, arguments, count);
  if (status != FLR_OK) flr_cpu_primitive_clear(out);
  return status;
}

/* Setting a handle makes the library look at padding again, so an unchanged one is left alone. */
static flr_status bind(dnnl_memory_t memory, const void *pointer) {
  void *old;
  FLR_DNNL(dnnl_memory_get_data_handle(memory, &old));
  if (old == pointer) return FLR_OK;
  FLR_DNNL(dnnl_memory_set_data_handle(memory, (void *)pointer));
  return FLR_OK;
}

flr_status flr_cpu_primitive_run(flr_cpu *cpu, flr_cpu_primitive *p, const void *const *pointers, void *scratch) {
  for (int i = 0; i < p->count; i++) FLR_TRY(bind(p->args[i].memory, pointers[i]));
  int count = p->count;
  if (p->scratch_bytes > 0) FLR_TRY(bind(p->args[count++].memory, scratch));
  omp_set_num_threads(cpu->head.threads);
  FLR_DNNL(dnnl_primitive_execute(p->primitive, cpu->stream, count, p->args));
  return FLR_OK;
}

void flr_cpu_primitive_clear(flr_cpu_primitive *p) {
  for (int i = 0; i <= FLR_CPU_MAX_ARGS; i++)
    if (p->args[i].memory) (void)dnnl_memory_destroy(p->args[i].memory);
  if (p->primitive) (void)dnnl_primitive_destroy(p->primitive);
  if (p->desc) (void)dnnl_primitive_desc_destroy(p->desc);
  *p = (flr_cpu_primitive){0};
}

int flr_cpu_desc_is_reference(const_dnnl_primitive_desc_t desc) {
  const char *name = "";
  if (dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name) != dnnl_success) return 0;
  return strncmp(name, "ref", 3) == 0 || strncmp(name, "simple", 6) == 0;
}

static flr_status reorder_attributes(dnnl_primitive_attr_t *out, int add) {
  FLR_DNNL(dnnl_primitive_attr_create(out));
  FLR_DNNL(dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user));
  if (!add) return FLR_OK;
  dnnl_post_ops_t post_ops;
  FLR_DNNL(dnnl_post_ops_create(&post_ops));
  dnnl_status_t status = flr_dnnl_append_sum(post_ops);
  if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(*out, post_ops);
  (void)dnnl_post_ops_destroy(post_ops);
  return flr_dnnl_check(status, "dnnl_post_ops_append_sum");
}

flr_status flr_cpu_reorder_init(flr_cpu *cpu, flr_cpu_reorder *out, const flr_layout *from, const flr_layout *to, int add) {
  static const int arguments[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
  *out = (flr_cpu_reorder){.active = from != to || add};
  if (!out->active) return FLR_OK;
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t desc = NULL;
  omp_set_num_threads(cpu->head.threads);
  flr_status status = reorder_attributes(&attr, add);
  if (status == FLR_OK)
    status = flr_dnnl_check(flr_dnnl_reorder_create(&desc, from->md, to->md, cpu->engine, attr),
                            "dnnl_reorder_primitive_desc_create");
  if (attr) (void)dnnl_primitive_attr_destroy(attr);
  FLR_TRY(status);
  return flr_cpu_primitive_init(cpu, &out->primitive, desc, arguments, 2);
}

flr_status flr_cpu_reorder_run(flr_cpu *cpu, flr_cpu_reorder *reorder, const void *from, void *to, void *scratch) {
  const void *const pointers[FLR_CPU_MAX_ARGS] = {from, to};
  return flr_cpu_primitive_run(cpu, &reorder->primitive, pointers, scratch);
}

void flr_cpu_reorder_clear(flr_cpu_reorder *reorder) { flr_cpu_primitive_clear(&reorder->primitive); }

flr_status flr_cpu_dense_init(flr_cpu *cpu, flr_cpu_dense *out, const flr_tensor_desc *desc) {
  *out = (flr_cpu_dense){0};
  if (!desc->layout) return FLR_OK;
  const flr_layout *plain;
  FLR_TRY(dense_layout(cpu, &plain, desc->shape));
  FLR_TRY(flr_cpu_reorder_init(cpu, &out->in, desc->layout, plain, 0));
  FLR_TRY(flr_cpu_reorder_init(cpu, &out->back, plain, desc->layout, 0));
  out->copy_bytes = flr_align_up(plain->bytes);
  out->scratch_bytes = out->copy_bytes + out->in.primitive.scratch_bytes + out->back.primitive.scratch_bytes;
  return FLR_OK;
}

flr_status flr_cpu_dense_in(flr_cpu *cpu, flr_cpu_dense *dense, const void *src, void *scratch, const float **view) {
  *view = dense->copy_bytes > 0 ? scratch : src;
  if (dense->copy_bytes == 0) return FLR_OK;
  return flr_cpu_reorder_run(cpu, &dense->in, src, scratch, (char *)scratch + dense->copy_bytes);
}

float *flr_cpu_dense_target(const flr_cpu_dense *dense, void *out, void *scratch) {
  return dense->copy_bytes > 0 ? scratch : out;
}

flr_status flr_cpu_dense_back(flr_cpu *cpu, flr_cpu_dense *dense, void *scratch, void *out) {
  if (dense->copy_bytes == 0) return FLR_OK;
  return flr_cpu_reorder_run(cpu, &dense->back, scratch, out, (char *)scratch + dense->copy_bytes);
}

void flr_cpu_dense_clear(flr_cpu_dense *dense) {
  flr_cpu_reorder_clear(&dense->in);
  flr_cpu_reorder_clear(&dense->back);
}

flr_status flr_cpu_gemm(flr_cpu *cpu, char transpose_a, char transpose_b, int64_t m, int64_t n, int64_t k, const float *a,
                        int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
  omp_set_num_threads(cpu->head.threads);
  FLR_DNNL(dnnl_sgemm(transpose_a, transpose_b, m, n, k, 1.0F, a, lda, b, ldb, beta, c, ldc));
  return FLR_OK;
}

static const char *isa_name(void) {
  const int isa = (int)dnnl_get_effective_cpu_isa();
  if ((isa & (int)dnnl_cpu_isa_avx512_core) == (int)dnnl_cpu_isa_avx512_core) return "AVX-512";
  if ((isa & (int)dnnl_cpu_isa_avx2) == (int)dnnl_cpu_isa_avx2) return "AVX2";
  if ((isa & (int)dnnl_cpu_isa_avx) == (int)dnnl_cpu_isa_avx) return "AVX";
  return "SSE4.1";
}

void flr_dnnl_describe(char *out, size_t size) {
  const dnnl_version_t *v = dnnl_version();
  (void)snprintf(out, size, "oneDNN %d.%d.%d, %s", v->major, v->minor, v->patch, isa_name());
}
