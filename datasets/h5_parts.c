/* What the parts of a data set make together: one shape, one way of reading. */
#include "datasets/h5_parts.h"

#include <float.h>
#include <stdio.h>

/* What one part's samples are like. */
static flr_dataset shape_of(const flr_h5_dataset *d, const flr_h5_rows *r) {
  const int planes = d->nchw && r->rank == 4;
  flr_dataset shape = {.height = 1, .width = 1, .channels = r->dims[1], .features = r->rank == 2};
  if (r->rank > 2) {
    shape.height = planes ? r->dims[2] : r->dims[1];
    shape.width = planes ? r->dims[3] : r->dims[2];
    shape.channels = r->rank == 3 ? 1 : planes ? r->dims[1] : r->dims[3];
  }
  shape.dtype = r->element.kind == FLR_ELEMENT_U8 && !shape.features ? FLR_U8 : FLR_F32;
  shape.sample_bytes = (size_t)(shape.height * shape.width * shape.channels) * flr_dtype_size(shape.dtype);
  return shape;
}

static void take_shape(flr_h5_dataset *d, const flr_dataset *shape) {
  const int planes = d->nchw && shape->channels > 1 && !shape->features;
  flr_dataset *head = &d->head;
  head->height = shape->height;
  head->width = shape->width;
  head->channels = shape->channels;
  head->features = shape->features;
  head->dtype = shape->dtype;
  head->sample_bytes = shape->sample_bytes;
  d->form = (flr_h5_form){.height = shape->height,
                          .width = shape->width,
                          .channels = shape->channels,
                          .planes = planes,
                          .numbers = shape->dtype == FLR_F32,
                          .least = -FLT_MAX,
                          .most = FLT_MAX};
}

/* Sets the sample's shape from the first rows found; later ones must agree. */
static flr_status match_shape(flr_h5_dataset *d, const flr_h5_rows *r) {
  const flr_dataset *head = &d->head, shape = shape_of(d, r);
  if (head->sample_bytes == 0) {
    take_shape(d, &shape);
    return FLR_OK;
  }
  if (head->height != shape.height || head->width != shape.width || head->channels != shape.channels ||
      head->features != shape.features)
    return flr_fail(FLR_ERROR_DATA,
                    "%s: samples of %s are %lldx%lldx%lld, others %lldx%lldx%lld: all must have one shape: fastlr_dist convert "
                    "imagefolder makes images one size",
                    r->source->name, r->path, (long long)shape.height, (long long)shape.width, (long long)shape.channels,
                    (long long)head->height, (long long)head->width, (long long)head->channels);
  if (head->dtype == shape.dtype) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA,
                  "%s: %s holds %s, others %s bytes: bytes are scaled to 0..1 and other numbers are not: store all alike",
                  r->source->name, r->path, flr_element_name(r->element), head->dtype == FLR_U8 ? "are" : "are not");
}

/* The slowest part speaks for all. */
static void note_reading(flr_dataset *head, const flr_h5_rows *part) {
  if (!head->reading) head->reading = "rows in place";
  if (flr_h5_rows_need_decoding(part) && !head->slow[0]) head->reading = "chunks, decoded";
  if (!part->through.why || head->slow[0]) return;
  head->reading = "through HDF5";
  (void)snprintf(head->slow, sizeof head->slow, "%.120s: %.80s is %s", part->source->name, part->path, part->through.why);
}

flr_status flr_h5_parts_take(flr_h5_dataset *d, flr_split split) {
  flr_h5_split_rows *rows = &d->splits[split];
  flr_h5_rows *part = &rows->parts[rows->count++];
  if (__builtin_add_overflow(rows->first[rows->count - 1], part->dims[0], &rows->first[rows->count]))
    return flr_fail(FLR_ERROR_DATA, "%s: %s: more samples than can be counted", part->source->name, part->path);
  d->head.samples[split] = rows->first[rows->count];
  FLR_TRY(match_shape(d, part));
  note_reading(&d->head, part);
  return flr_h5_blocks_add(&d->blocks, part);
}
