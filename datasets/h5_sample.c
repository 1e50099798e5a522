/* Order of axes, conversion and the look at every value, through a small buffer on the stack. */
#include "datasets/h5_sample.h"

#include <math.h>
#include <stdio.h>

enum { PIECE_BYTES = 16384 };

/* ---- bytes ---- */

/* Plane by plane: [C, H, W] in the file becomes [H, W, C]. */
static flr_status read_byte_planes(const flr_h5_rows *part, const flr_h5_form *f, int64_t row, unsigned char *out) {
  unsigned char plane[PIECE_BYTES];
  const size_t channels = (size_t)f->channels, area = (size_t)(f->height * f->width);
  for (size_t c = 0; c < channels; c++)
    for (size_t done = 0; done < area; done += sizeof plane) {
      const size_t bytes = area - done < sizeof plane ? area - done : sizeof plane;
      FLR_TRY(flr_h5_rows_read(part, row, c * area + done, bytes, plane));
      for (size_t i = 0; i < bytes; i++) out[(done + i) * channels + c] = plane[i];
    }
  return FLR_OK;
}

/* ---- numbers ---- */

/* n elements from element `first` of the row to out[0], out[stride], .. */
static flr_status read_numbers(const flr_h5_rows *part, int64_t row, int64_t first, int64_t n, float *out, int64_t stride) {
  _Alignas(8) unsigned char piece[PIECE_BYTES];
  const size_t bytes = flr_element_bytes(part->element);
  const int64_t most = PIECE_BYTES / (int64_t)bytes;
  for (int64_t done = 0; done < n; done += most) {
    const int64_t count = n - done < most ? n - done : most;
    FLR_TRY(flr_h5_rows_read(part, row, (size_t)(first + done) * bytes, (size_t)count * bytes, piece));
    flr_element_convert(part->element, piece, count, out + done * stride, stride);
  }
  return FLR_OK;
}

static flr_status read_number_planes(const flr_h5_rows *part, const flr_h5_form *f, int64_t row, float *out) {
  const int64_t area = f->height * f->width;
  for (int64_t c = 0; c < f->channels; c++) FLR_TRY(read_numbers(part, row, c * area, area, out + c, f->channels));
  return FLR_OK;
}

static const char *name_place(char *text, size_t size, const flr_h5_form *f, int64_t at) {
  const long long c = (long long)(at % f->channels), pixel = (long long)(at / f->channels), width = (long long)f->width;
  if (f->height == 1 && f->width == 1)
    (void)snprintf(text, size, "column %lld", c);
  else
    (void)snprintf(text, size, "pixel %lld,%lld channel %lld", pixel / width, pixel % width, c);
  return text;
}

static flr_status refuse(const flr_h5_rows *part, const flr_h5_form *f, int64_t row, int64_t at, double value) {
  char place[96];
  (void)name_place(place, sizeof place, f, at);
  if (!isfinite(value))
    return flr_fail(FLR_ERROR_DATA, "%s: %s: row %lld, %s is %g%s: no model learns from that: clean the data",
                    part->source->name, part->path, (long long)row, place, value,
                    isinf(value) && part->element.kind == FLR_ELEMENT_F64 ? " as float32" : "");
  return flr_fail(FLR_ERROR_DATA,
                  "%s: %s: row %lld, %s is %g: --normalize imagenet is for values from %g to %g: scale the data, or use auto",
                  part->source->name, part->path, (long long)row, place, value, (double)f->least, (double)f->most);
}

static flr_status check_numbers(const flr_h5_rows *part, const flr_h5_form *f, int64_t row, const float *values) {
  const int64_t n = f->height * f->width * f->channels;
  if (isnan(f->least)) return FLR_OK;
  const int64_t at = flr_first_outside(values, n, f->least, f->most);
  return at == n ? FLR_OK : refuse(part, f, row, at, (double)values[at]);
}

flr_status flr_h5_sample_read(const flr_h5_rows *part, const flr_h5_form *f, int64_t row, void *out) {
  const int64_t n = f->height * f->width * f->channels;
  if (!f->numbers) return f->planes ? read_byte_planes(part, f, row, out) : flr_h5_rows_read(part, row, 0, (size_t)n, out);
  if (f->planes)
    FLR_TRY(read_number_planes(part, f, row, out));
  else if (flr_element_is_f32(part->element))
    FLR_TRY(flr_h5_rows_read(part, row, 0, (size_t)n * sizeof(float), out));
  else
    FLR_TRY(read_numbers(part, row, 0, n, out, 1));
  return check_numbers(part, f, row, out);
}
