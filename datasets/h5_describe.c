/* A data set as bytes, so that one rank looks at files for others: what cannot be derived is put in, what can be is derived
   again by the code that did it first. */
#include <string.h>

#include "core/hash.h"
#include "core/memory.h"
#include "datasets/digits_embedded.h"
#include "datasets/h5_attributes.h"
#include "datasets/h5_parts.h"

enum { FORM = 1 };

/* In front of the rest. */
typedef struct description_head {
  char name[8];
  int64_t form;  /* version */
  int64_t bytes; /* of the rest */
  uint64_t hash; /* of the rest */
} description_head;

static const char head_name[8] = {'f', 'l', 'r', 'd', 'a', 't', 'a', '\n'};

/* ---- putting in ---- */

static void pack_source(flr_packer *p, const flr_h5_source *s) {
  flr_pack_text(p, s->name);
  flr_pack_number(p, s->bytes);
  flr_pack_number(p, s->changed[0]);
  flr_pack_number(p, s->changed[1]);
  flr_pack_number(p, s->inode);
}

static void pack_split(flr_packer *p, const flr_h5_dataset *d, int split) {
  const flr_h5_split_rows *rows = &d->splits[split];
  flr_pack_number(p, rows->count);
  for (int i = 0; i < rows->count; i++) {
    flr_pack_number(p, rows->parts[i].source - d->sources);
    flr_h5_rows_pack(p, &rows->parts[i]);
  }
  flr_pack(p, d->head.labels[split], (size_t)d->head.samples[split] * sizeof(int32_t));
}

static void pack_floats(flr_packer *p, const float *values, int64_t n) {
  flr_pack_number(p, values != NULL);
  if (values) flr_pack(p, values, (size_t)n * sizeof *values);
}

static void pack_all(flr_packer *p, const flr_h5_dataset *d) {
  const flr_dataset *head = &d->head;
  flr_pack_number(p, d->source_count);
  for (int i = 0; i < d->source_count; i++) pack_source(p, &d->sources[i]);
  flr_pack_number(p, head->classes);
  flr_pack_number(p, head->class_names != NULL);
  for (int64_t i = 0; head->class_names && i < head->classes; i++) flr_pack_text(p, head->class_names[i]);
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) pack_split(p, d, split);
  flr_pack_number(p, head->moments_differ);
  pack_floats(p, head->mean, head->channels);
  pack_floats(p, head->std, head->channels);
}

/* Handles of HDF5 hold for one process alone. */
static int needs_hdf5(const flr_h5_dataset *d) {
  int needs = 0;
  for (int split = 0; split < FLR_SPLIT_COUNT; split++)
    for (int i = 0; i < d->splits[split].count; i++) needs |= d->splits[split].parts[i].through.why != NULL;
  return needs;
}

flr_status flr_h5_parts_describe(const flr_h5_dataset *d, unsigned char **out, size_t *bytes) {
  flr_packer counted = {0};
  description_head head = {.form = FORM};
  *out = NULL;
  *bytes = 0;
  if (needs_hdf5(d)) return FLR_OK;
  pack_all(&counted, d);
  FLR_TRY(flr_alloc(out, (int64_t)(sizeof head + counted.count), 1));
  flr_packer rest = {.bytes = *out + sizeof head};
  pack_all(&rest, d);
  memcpy(head.name, head_name, sizeof head.name);
  head.bytes = (int64_t)rest.count;
  head.hash = flr_hash(FLR_HASH_START, rest.bytes, rest.count);
  memcpy(*out, &head, sizeof head);
  *bytes = sizeof head + rest.count;
  return FLR_OK;
}

/* ---- taking out ---- */

static flr_status unpack_source(flr_unpacker *u, flr_h5_dataset *d) {
  flr_h5_source seen = {.fd = -1}, *s = &d->sources[d->source_count];
  FLR_TRY(flr_unpack_text(u, seen.name, sizeof seen.name));
  FLR_TRY(flr_unpack_number(u, &seen.bytes, 1, INT64_MAX));
  FLR_TRY(flr_unpack_number(u, &seen.changed[0], INT64_MIN, INT64_MAX));
  FLR_TRY(flr_unpack_number(u, &seen.changed[1], INT64_MIN, INT64_MAX));
  FLR_TRY(flr_unpack_number(u, &seen.inode, INT64_MIN, INT64_MAX));
  if (strcmp(seen.name, "digits") == 0)
    flr_h5_source_open_memory_bytes(s, seen.name, flr_digits_h5, flr_digits_h5_size());
  else
    FLR_TRY(flr_h5_source_open_bytes(s, seen.name));
  d->source_count++;
  return flr_h5_source_match(s, &seen);
}

static flr_status unpack_class_names(flr_unpacker *u, flr_dataset *head) {
  char name[FLR_H5_STRING_BYTES];
  int named;
  FLR_TRY(flr_unpack_number(u, &head->classes, 1, INT32_MAX));
  FLR_TRY(flr_unpack_int(u, &named, 0, 1));
  if (!named) return FLR_OK;
  if ((uint64_t)head->classes > u->left / sizeof(int64_t)) return flr_unpack_failed("it is cut off");
  FLR_TRY(flr_alloc(&head->class_names, head->classes, sizeof *head->class_names));
  for (int64_t i = 0; i < head->classes; i++) {
    FLR_TRY(flr_unpack_text(u, name, sizeof name));
    FLR_TRY(flr_strdup(&head->class_names[i], name));
  }
  return FLR_OK;
}

static flr_status unpack_part(flr_unpacker *u, flr_h5_dataset *d, flr_split split) {
  flr_h5_split_rows *rows = &d->splits[split];
  int source;
  FLR_TRY(flr_unpack_int(u, &source, 0, d->source_count - 1));
  FLR_TRY(flr_h5_rows_unpack(&rows->parts[rows->count], u, &d->sources[source]));
  return flr_h5_parts_take(d, split);
}

static flr_status unpack_split(flr_unpacker *u, flr_h5_dataset *d, flr_split split) {
  int parts;
  FLR_TRY(flr_unpack_int(u, &parts, split == FLR_SPLIT_TRAIN, FLR_H5_MOST_FILES));
  for (int i = 0; i < parts; i++) FLR_TRY(unpack_part(u, d, split));
  const int64_t samples = d->head.samples[split];
  if (parts == 0) return FLR_OK;
  FLR_TRY(flr_unpack_array(u, &d->head.labels[split], samples, sizeof(int32_t)));
  for (int64_t i = 0; i < samples; i++)
    if (d->head.labels[split][i] < 0 || d->head.labels[split][i] >= d->head.classes)
      return flr_unpack_failed("a label is out of range");
  return FLR_OK;
}

static flr_status unpack_floats(flr_unpacker *u, int64_t n, float **out) {
  int there;
  FLR_TRY(flr_unpack_int(u, &there, 0, 1));
  return there ? flr_unpack_array(u, out, n, sizeof **out) : FLR_OK;
}

static flr_status unpack_all(flr_unpacker *u, flr_h5_dataset *d) {
  int sources;
  FLR_TRY(flr_unpack_int(u, &sources, 1, FLR_H5_MOST_SOURCES));
  for (int i = 0; i < sources; i++) FLR_TRY(unpack_source(u, d));
  FLR_TRY(unpack_class_names(u, &d->head));
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) FLR_TRY(unpack_split(u, d, (flr_split)split));
  FLR_TRY(flr_unpack_int(u, &d->head.moments_differ, 0, 1));
  FLR_TRY(unpack_floats(u, d->head.channels, &d->head.mean));
  FLR_TRY(unpack_floats(u, d->head.channels, &d->head.std));
  return u->left == 0 ? FLR_OK : flr_unpack_failed("it goes on behind its end");
}

flr_status flr_h5_parts_from_description(flr_h5_dataset *d, const unsigned char *description, size_t bytes) {
  flr_unpacker u = {.bytes = description, .left = bytes};
  description_head head;
  FLR_TRY(flr_unpack(&u, &head, sizeof head));
  if (memcmp(head.name, head_name, sizeof head.name) != 0) return flr_unpack_failed("it is none");
  if (head.form != FORM) return flr_unpack_failed("it has the form of another version of this program");
  if (head.bytes < 0 || (size_t)head.bytes != u.left) return flr_unpack_failed("it is cut off");
  if (head.hash != flr_hash(FLR_HASH_START, u.bytes, u.left)) return flr_unpack_failed("its bytes changed on the way");
  return unpack_all(&u, d);
}
