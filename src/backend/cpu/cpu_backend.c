/* The cpu backend: oneDNN for the heavy work, own loops for the rest, on host memory. */
#include <stdio.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"

static flr_status cpu_alloc(flr_backend *backend, flr_buffer *out, size_t bytes) {
  (void)backend;
  return flr_buffer_init_host(out, bytes);
}

static flr_status cpu_copy(flr_backend *backend, void *dst, const void *src, size_t bytes) {
  (void)backend;
  if (bytes > 0) memcpy(dst, src, bytes);
  return FLR_OK;
}

static flr_status convert_layout(flr_cpu *cpu, const flr_layout *from, const void *src, const flr_layout *to, void *dst) {
  flr_cpu_reorder reorder;
  flr_buffer scratch = {0};
  flr_status status = flr_cpu_reorder_init(cpu, &reorder, from, to, 0);
  if (status == FLR_OK) status = flr_buffer_init_host(&scratch, reorder.primitive.scratch_bytes);
  if (status == FLR_OK) status = flr_cpu_reorder_run(cpu, &reorder, src, dst, scratch.data);
  flr_buffer_clear(&scratch);
  flr_cpu_reorder_clear(&reorder);
  return status;
}

static flr_status cpu_convert(flr_backend *backend, const flr_tensor_desc *from, const void *src, const flr_tensor_desc *to,
                              void *dst) {
  flr_cpu *cpu = flr_cpu_of(backend);
  const flr_layout *in, *out;
  if (from->layout == to->layout) return cpu_copy(backend, dst, src, from->bytes);
  FLR_TRY(flr_cpu_layout_of(cpu, &in, from));
  FLR_TRY(flr_cpu_layout_of(cpu, &out, to));
  return convert_layout(cpu, in, src, out, dst);
}

static flr_status cpu_fill(flr_backend *backend, void *dst, int byte, size_t bytes) {
  (void)backend;
  if (bytes > 0) memset(dst, byte, bytes);
  return FLR_OK;
}

static flr_status cpu_synchronize(flr_backend *backend) {
  FLR_DNNL(dnnl_stream_wait(flr_cpu_of(backend)->stream));
  return FLR_OK;
}

static void cpu_destroy(flr_backend *backend) {
  flr_cpu *cpu = flr_cpu_of(backend);
  for (flr_layout *layout = cpu->layouts, *next; layout; layout = next) {
    next = layout->next;
    flr_dnnl_md_destroy(layout->md);
    flr_free(layout);
  }
  if (cpu->attr) (void)dnnl_primitive_attr_destroy(cpu->attr);
  if (cpu->stream) (void)dnnl_stream_destroy(cpu->stream);
  if (cpu->engine) (void)dnnl_engine_destroy(cpu->engine);
  flr_free(cpu);
}

static const flr_backend_ops cpu_ops = {
    .name = "cpu",
    .alloc = cpu_alloc,
    .alloc_host = cpu_alloc,
    .upload = cpu_copy,
    .download = cpu_copy,
    .copy = cpu_copy,
    .convert = cpu_convert,
    .fill = cpu_fill,
    .synchronize = cpu_synchronize,
    .conv2d = flr_cpu_conv2d,
    .linear = flr_cpu_linear,
    .batch_norm = flr_cpu_batch_norm,
    .relu = flr_cpu_relu,
    .pool2d = flr_cpu_pool2d,
    .global_average_pool = flr_cpu_global_average_pool,
    .global_concat_pool = flr_cpu_global_concat_pool,
    .add = flr_cpu_add,
    .dropout = flr_cpu_dropout,
    .shortcut = flr_cpu_shortcut,
    .input = flr_cpu_input,
    .loss = flr_cpu_loss,
    .sum_into = flr_cpu_sum_into,
    .update = flr_cpu_update,
    .axpy = flr_cpu_axpy,
    .scale = flr_cpu_scale,
    .sum_of_squares = flr_cpu_sum_of_squares,
    .destroy = cpu_destroy,
};

static int threads_of(const flr_backend_options *options) {
  if (options && options->threads > 0) return options->threads;
  const int local = options && options->local_size > 0 ? options->local_size : 1;
  return flr_cpu_share(options ? options->cpus : 0, local);
}

/* f32 stays f32 whatever the environment says of implicit bf16. */
static flr_status create_handles(flr_cpu *cpu) {
  FLR_DNNL(dnnl_engine_create(&cpu->engine, dnnl_cpu, 0));
  FLR_DNNL(dnnl_stream_create(&cpu->stream, cpu->engine, dnnl_stream_default_flags));
  FLR_DNNL(dnnl_primitive_attr_create(&cpu->attr));
  FLR_DNNL(dnnl_primitive_attr_set_scratchpad_mode(cpu->attr, dnnl_scratchpad_mode_user));
  FLR_DNNL(dnnl_primitive_attr_set_fpmath_mode(cpu->attr, dnnl_fpmath_mode_strict));
  return FLR_OK;
}

flr_status flr_backend_cpu_create(flr_backend **out, const flr_backend_options *options) {
  flr_cpu *cpu;
  *out = NULL;
  if (options && !options->own_compute && options->compute != FLR_F32)
    return flr_fail(FLR_ERROR_UNAVAILABLE, "--precision: CPUs compute in f32 only here: bf16 and fp16 need --backend cuda");
  FLR_TRY(flr_alloc(&cpu, 1, sizeof *cpu));
  cpu->head.ops = &cpu_ops;
  cpu->head.threads = threads_of(options);
  cpu->head.host_memory = 1;
  char library[96];
  flr_dnnl_describe(library, sizeof library);
  (void)snprintf(cpu->head.description, sizeof cpu->head.description, "%s, %d thread%s", library, cpu->head.threads,
                 cpu->head.threads == 1 ? "" : "s");
  const flr_status status = create_handles(cpu);
  if (status != FLR_OK)
    cpu_destroy(&cpu->head);
  else
    *out = &cpu->head;
  return status;
}
