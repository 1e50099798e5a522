/* What the tests of weights files share: a model's layout with recognisable values, and files written byte by byte or through
 * HDF5, whole and broken. Include after harness.h. */
#ifndef FLR_TESTS_WEIGHTS_FILES_H
#define FLR_TESTS_WEIGHTS_FILES_H

#include <endian.h>
#include <hdf5.h>

#include "checkpoint/weights.h"
#include "nn/graph.h"

/* A model with two copies of its tensors: what a test wrote, and what it read. */
typedef struct weights_model {
  flr_graph *graph;
  const flr_params *params;
  float *values, *states;           /* every element differs from every other */
  float *read_values, *read_states; /* start at -1 */
} weights_model;

static inline void weights_model_reset(weights_model *m) {
  for (int64_t i = 0; i < m->params->elements; i++) m->read_values[i] = -1;
  for (int64_t i = 0; i < m->params->state_elements; i++) m->read_states[i] = -1;
}

static inline weights_model weights_model_make(const char *name, const char *hidden, int64_t side, int64_t classes) {
  const flr_model_options options = {.name = name,
                                     .height = side,
                                     .width = side,
                                     .channels = 1,
                                     .classes = classes,
                                     .hidden = hidden,
                                     .stem = "auto",
                                     .seed = 1};
  weights_model m;
  CHECK_OK(flr_model_create(&m.graph, &options));
  m.params = flr_graph_params(m.graph);
  float **const buffers[] = {&m.values, &m.read_values, &m.states, &m.read_states};
  for (int i = 0; i < 4; i++)
    *buffers[i] = calloc((size_t)(i < 2 ? m.params->elements : m.params->state_elements) + 1, sizeof(float));
  for (int i = 0; i < m.params->param_count; i++)
    for (int64_t j = 0; j < m.params->params[i].count; j++)
      m.values[m.params->params[i].offset + j] = (float)(m.params->params[i].offset + j) / 16 + 0.25f;
  for (int64_t i = 0; i < m.params->state_elements; i++) m.states[i] = (float)i / 8 + 1000.5f;
  weights_model_reset(&m);
  return m;
}

static inline void weights_model_free(weights_model *m) {
  free(m->values);
  free(m->states);
  free(m->read_values);
  free(m->read_states);
  flr_graph_destroy(m->graph);
}

static inline flr_status weights_model_load(weights_model *m, const char *path) {
  const flr_weights_options options = {.skip_head_on_class_mismatch = 0, .load_head = 1};
  return flr_weights_load(path, m->params, &options, m->read_values, m->read_states, NULL);
}

/* Nothing of what the last load was given has changed. */
static inline void weights_model_check_untouched(const weights_model *m, const char *what) {
  for (int64_t i = 0; i < m->params->elements; i++)
    if (m->read_values[i] != -1) fail_msg("%s: value %lld became %g", what, (long long)i, (double)m->read_values[i]);
  for (int64_t i = 0; i < m->params->state_elements; i++)
    if (m->read_states[i] != -1) fail_msg("%s: state %lld became %g", what, (long long)i, (double)m->read_states[i]);
}

/* Every parameter and state was read bit by bit as it was written. */
static inline void weights_model_check_read(const weights_model *m) {
  for (int i = 0; i < m->params->param_count; i++) {
    const flr_param *p = &m->params->params[i];
    if (memcmp(m->values + p->offset, m->read_values + p->offset, (size_t)p->count * sizeof(float)) != 0)
      fail_msg("%s was not read as it was written", p->name);
  }
  assert_memory_equal(m->states, m->read_states, (size_t)m->params->state_elements * sizeof(float));
}

/* ---- .safetensors byte by byte ---- */

/* Writes a header that claims `claimed` bytes (negative: as many as it has), then the data. */
static inline void safetensors_write(const char *path, int64_t claimed, const char *header, const void *data, size_t bytes) {
  FILE *file = fopen(path, "wb");
  const uint64_t length = htole64(claimed < 0 ? (uint64_t)strlen(header) : (uint64_t)claimed);
  assert_non_null(file);
  assert_int_equal(fwrite(&length, sizeof length, 1, file), 1);
  assert_int_equal(fwrite(header, 1, strlen(header), file), strlen(header));
  if (bytes) assert_int_equal(fwrite(data, 1, bytes, file), bytes);
  assert_int_equal(fclose(file), 0);
}

/* ---- HDF5 ---- */

/* Adds a data set of floats stored as `type`; groups on the way are made. values NULL: nothing is written. */
static inline void h5_add(hid_t file, const char *name, hid_t type, int rank, const int64_t *dims, const float *values) {
  hsize_t extent[8];
  for (int i = 0; i < rank; i++) extent[i] = (hsize_t)dims[i];
  const hid_t links = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(rank, extent, NULL);
  assert_true(H5Pset_create_intermediate_group(links, 1) >= 0);
  const hid_t set = H5Dcreate2(file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(set >= 0);
  if (values) assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(set);
  H5Sclose(space);
  H5Pclose(links);
}

/* Floats of 16 bits: half (5 bits of exponent) or bfloat (8). */
static inline hid_t h5_narrow_float(int exponent_bits) {
  const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  const size_t mantissa = (size_t)(15 - exponent_bits);
  assert_true(H5Tset_fields(type, 15, mantissa, (size_t)exponent_bits, 0, mantissa) >= 0);
  assert_true(H5Tset_size(type, 2) >= 0);
  assert_true(H5Tset_ebias(type, (1u << (exponent_bits - 1)) - 1) >= 0);
  return type;
}

/* Every parameter and state of the model under prefix + name, dots of the name replaced by `dot`. */
static inline void h5_add_model(hid_t file, const weights_model *m, hid_t type, const char *params_prefix,
                                const char *states_prefix, char dot) {
  float *scratch = calloc((size_t)m->params->elements, sizeof(float));
  for (int i = 0; i < m->params->param_count + m->params->state_count; i++) {
    const int is_state = i >= m->params->param_count;
    const flr_param *p = is_state ? NULL : &m->params->params[i];
    const flr_state *s = is_state ? &m->params->states[i - m->params->param_count] : NULL;
    char name[256];
    int64_t dims[4];
    (void)snprintf(name, sizeof name, "%s%s", is_state ? states_prefix : params_prefix, is_state ? s->name : p->name);
    for (char *c = name; *c; c++)
      if (*c == '.') *c = dot;
    if (is_state) {
      h5_add(file, name, type, 1, &s->count, m->states + s->offset);
      continue;
    }
    const int rank = flr_param_file_shape(p, dims);
    flr_param_to_file(p, scratch, m->values + p->offset);
    h5_add(file, name, type, rank, dims, scratch);
  }
  free(scratch);
}

static inline hid_t h5_create(const char *path) {
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(file >= 0);
  return file;
}

#endif
