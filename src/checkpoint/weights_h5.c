/* Weights in HDF5: /params and /buffers as this program writes them, or a state dict at the root with names as data sets or as
 * groups. */
#include <stdio.h>
#include <string.h>

#include "checkpoint/h5.h"
#include "checkpoint/weights_source.h"
#include "core/memory.h"

enum { NAME = 512 };

typedef struct listing {
  flr_weights_source *source;
  const char *group; /* "" for the root */
  flr_status status;
} listing;

static flr_status describe(flr_weights_source *source, flr_weights_tensor *tensor, hid_t set) {
  const hid_t space = H5Dget_space(set), type = H5Dget_type(set);
  int unwritten = 0;
  hsize_t dims[H5S_MAX_RANK];
  flr_status status = FLR_OK;
  tensor->floating = H5Tget_class(type) == H5T_FLOAT;
  tensor->rank = H5Sget_simple_extent_dims(space, dims, NULL);
  tensor->elements = 1;
  if (tensor->floating) unwritten = flr_h5_find_stored(set) != FLR_H5_ALL;
  if (unwritten)
    status = flr_fail(FLR_ERROR_DATA, "%s: %s was never written whole: write the file again", source->path, tensor->location);
  else if (tensor->rank < 0 || tensor->rank > FLR_WEIGHTS_RANK)
    status = flr_fail(FLR_ERROR_DATA, "%s: %s has %d axes", source->path, tensor->name, tensor->rank);
  for (int i = 0; status == FLR_OK && i < tensor->rank; i++) {
    tensor->dims[i] = (int64_t)dims[i];
    status = flr_multiply(&tensor->elements, tensor->elements, tensor->dims[i]);
  }
  (void)H5Tclose(type);
  (void)H5Sclose(space);
  return status;
}

static flr_status add_set(const listing *l, const char *name) {
  char path[NAME], dotted[NAME];
  if (snprintf(path, sizeof path, "%s/%s", l->group, name) >= (int)sizeof path)
    return flr_fail(FLR_ERROR_DATA, "%s: the name %.60s... is too long", l->source->path, name);
  (void)snprintf(dotted, sizeof dotted, "%s", name);
  for (char *p = dotted; *p; p++)
    if (*p == '/') *p = '.';
  flr_weights_tensor *tensor;
  FLR_TRY(flr_weights_source_add(l->source, dotted, &tensor));
  FLR_TRY(flr_strdup(&tensor->location, path));
  const hid_t set = H5Dopen2(l->source->file, path, H5P_DEFAULT);
  if (set < 0) return flr_fail(FLR_ERROR_DATA, "%s: %s cannot be opened: the file is damaged", l->source->path, path);
  const flr_status status = describe(l->source, tensor, set);
  (void)H5Dclose(set);
  return status;
}

static herr_t visit(hid_t group, const char *name, const H5O_info_t *info, void *context) {
  listing *l = context;
  (void)group;
  if (info->type == H5O_TYPE_DATASET) l->status = add_set(l, name);
  return l->status == FLR_OK ? 0 : -1;
}

static flr_status list_group(flr_weights_source *source, const char *group) {
  listing l = {.source = source, .group = group};
  const hid_t id = H5Gopen2(source->file, group[0] ? group : "/", H5P_DEFAULT);
  const herr_t result = id < 0 ? -1 : H5Ovisit(id, H5_INDEX_NAME, H5_ITER_INC, visit, &l);
  if (id >= 0) (void)H5Gclose(id);
  if (l.status == FLR_OK && result < 0)
    return flr_fail(FLR_ERROR_DATA, "%s: the group %s cannot be read: the file is damaged", source->path, group);
  return l.status;
}

static flr_status read_set(const flr_weights_source *source, const flr_weights_tensor *tensor, float *out) {
  char reason[256];
  const hid_t set = H5Dopen2(source->file, tensor->location, H5P_DEFAULT);
  const int good = set >= 0 && H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0;
  if (!good) flr_h5_reason(reason, sizeof reason);
  if (set >= 0) (void)H5Dclose(set);
  return good ? FLR_OK
              : flr_fail(FLR_ERROR_DATA, "%s: %s cannot be read: HDF5 says: %s", source->path, tensor->location, reason);
}

flr_status flr_weights_source_open_h5(flr_weights_source *source) {
  FLR_TRY(flr_h5_open(&source->file, source->path));
  source->read = read_set;
  if (H5Lexists(source->file, "params", H5P_DEFAULT) <= 0) return list_group(source, "");
  FLR_TRY(list_group(source, "/params"));
  return H5Lexists(source->file, "buffers", H5P_DEFAULT) > 0 ? list_group(source, "/buffers") : FLR_OK;
}
