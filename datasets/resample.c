/* Two passes per row of output: rows of the window blended, then columns. */
#include "datasets/resample.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

/* Pixels of three channels are computed as four, the last of which the next pixel overwrites. */
enum { LANES = 4 };
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

flr_status flr_resample_space_init(flr_resample_space *out, int64_t width, int64_t channels, int64_t out_height,
                                   int64_t out_width, double most_scale) {
  memset(out, 0, sizeof *out);
  out->most = out_height > out_width ? out_height : out_width;
  out->stride = 2 * (int64_t)ceil(most_scale > 1 ? most_scale : 1) + 1;
  flr_status status = flr_alloc(&out->first, 2 * out->most, sizeof(int32_t));
  if (status == FLR_OK) status = flr_alloc(&out->count, 2 * out->most, sizeof(int32_t));
  if (status == FLR_OK) status = flr_alloc(&out->weights, 2 * out->most * out->stride, sizeof(float));
  if (status == FLR_OK) status = flr_alloc(&out->blended, width * channels + LANES, sizeof(float));
  if (status == FLR_OK) status = flr_alloc(&out->row, out_width * channels + LANES, sizeof(float));
  if (status != FLR_OK) flr_resample_space_clear(out);
  return status;
}

void flr_resample_space_clear(flr_resample_space *s) {
  flr_free(s->first);
  flr_free(s->count);
  flr_free(s->weights);
  flr_free(s->blended);
  flr_free(s->row);
  memset(s, 0, sizeof *s);
}

/* One axis of the job. */
typedef struct axis {
  int32_t *first, *count;
  float *weights;
} axis;

static axis axis_of(const flr_resample_space *s, int which) {
  return (axis){s->first + which * s->most, s->count + which * s->most, s->weights + which * s->most * s->stride};
}

/* The weights of one output pixel. */
static void weigh(const axis *a, int64_t stride, int64_t at, double center, double support, int64_t in) {
  const double low = center - support + 0.5;
  const int64_t first = low > 0 ? (int64_t)low : 0, reach = (int64_t)(center + support + 0.5), end = reach < in ? reach : in;
  float *weights = a->weights + at * stride;
  double sum = 0;
  for (int64_t j = first; j < end; j++) sum += fmax(0, 1 - fabs((double)j + 0.5 - center) / support);
  for (int64_t j = first; j < end; j++)
    weights[j - first] = (float)(fmax(0, 1 - fabs((double)j + 0.5 - center) / support) / sum);
  a->first[at] = (int32_t)first;
  a->count[at] = (int32_t)(end - first);
}

static void weigh_axis(const axis *a, int64_t stride, int64_t in, int64_t scaled, int64_t skip, int64_t outputs, int mirrored) {
  const double scale = (double)in / (double)scaled, support = scale > 1 ? scale : 1;
  for (int64_t i = 0; i < outputs; i++)
    weigh(a, stride, mirrored ? outputs - 1 - i : i, ((double)(skip + i) + 0.5) * scale, support, in);
}

/* out (+)= weights[0] rows[0] (+ weights[1] rows[1]): two rows at a time spare a pass over `out`. */
static void blend_bytes(float *restrict out, const uint8_t *restrict a, const uint8_t *restrict b, float wa, float wb,
                        int64_t n, int more) {
  if (more)
    for (int64_t i = 0; i < n; i++) out[i] += wa * (float)a[i] + wb * (float)b[i];
  else
    for (int64_t i = 0; i < n; i++) out[i] = wa * (float)a[i] + wb * (float)b[i];
}

static void blend_floats(float *restrict out, const float *restrict a, const float *restrict b, float wa, float wb, int64_t n,
                         int more) {
  if (more)
    for (int64_t i = 0; i < n; i++) out[i] += wa * a[i] + wb * b[i];
  else
    for (int64_t i = 0; i < n; i++) out[i] = wa * a[i] + wb * b[i];
}

/* The window's rows that make output row y, into space->blended [width * channels]. */
static void blend_rows(const flr_resample_job *job, flr_resample_space *space, const void *image, int64_t y) {
  const axis a = axis_of(space, 0);
  const size_t size = flr_dtype_size(job->dtype), stride = (size_t)(job->image_width * job->channels) * size;
  const float *weights = a.weights + y * space->stride;
  const char *row = (const char *)image + (size_t)(job->top + a.first[y]) * stride + (size_t)(job->left * job->channels) * size;
  const int64_t n = job->width * job->channels;
  for (int32_t k = 0; k < a.count[y]; k += 2, row += 2 * stride) {
    const int pair = k + 1 < a.count[y];
    const void *second = pair ? row + stride : row;
    const float w = pair ? weights[k + 1] : 0;
    if (job->dtype == FLR_U8)
      blend_bytes(space->blended, (const uint8_t *)row, second, weights[k], w, n, k > 0);
    else
      blend_floats(space->blended, (const float *)(const void *)row, second, weights[k], w, n, k > 0);
  }
}

/* (The compiler would otherwise compute several k at once, and shuffle more than it adds.) */
static void blend_columns_of_three(const axis *a, int64_t stride, int64_t outputs, const float *restrict in,
                                   float *restrict out) {
  for (int64_t x = 0; x < outputs; x++) {
    const float *from = in + 3 * (int64_t)a->first[x], *weights = a->weights + x * stride;
    lanes sum = {0}, values;
    for (int32_t k = 0; k < a->count[x]; k++) {
      memcpy(&values, from + 3 * k, sizeof values);
      sum += weights[k] * values;
    }
    memcpy(out + 3 * x, &sum, sizeof sum);
  }
}

static void blend_columns(const axis *a, int64_t stride, int64_t outputs, int64_t channels, const float *restrict in,
                          float *restrict out) {
  for (int64_t x = 0; x < outputs; x++)
    for (int64_t c = 0; c < channels; c++) {
      const float *from = in + channels * a->first[x] + c, *weights = a->weights + x * stride;
      float sum = 0;
      for (int32_t k = 0; k < a->count[x]; k++) sum += weights[k] * from[channels * k];
      out[channels * x + c] = sum;
    }
}

static void store(const flr_resample_job *job, const float *restrict row, void *out, int64_t y) {
  const int64_t n = job->out_width * job->channels;
  if (job->dtype == FLR_F32) {
    memcpy((float *)out + y * n, row, (size_t)n * sizeof *row);
    return;
  }
  uint8_t *restrict bytes = (uint8_t *)out + y * n;
  for (int64_t i = 0; i < n; i++) bytes[i] = (uint8_t)(int32_t)(row[i] + 0.5F);
}

void flr_resample_window(const flr_resample_job *job, flr_resample_space *space, const void *image, void *out) {
  const axis rows = axis_of(space, 0), columns = axis_of(space, 1);
  weigh_axis(&rows, space->stride, job->height, job->scaled_height, job->skip_y, job->out_height, 0);
  weigh_axis(&columns, space->stride, job->width, job->scaled_width, job->skip_x, job->out_width, job->mirrored);
  for (int64_t y = 0; y < job->out_height; y++) {
    blend_rows(job, space, image, y);
    if (job->channels == 3)
      blend_columns_of_three(&columns, space->stride, job->out_width, space->blended, space->row);
    else
      blend_columns(&columns, space->stride, job->out_width, job->channels, space->blended, space->row);
    store(job, space->row, out, y);
  }
}
