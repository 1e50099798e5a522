/* Listing chunks with H5Dchunk_iter: HDF5 from 1.10.10, 1.12.3 or 1.14 on has it. Below 1.14.4 it tells places as if a file had
   no user block. */
#include <string.h>

#include "datasets/h5_chunk_list.h"

typedef struct listing {
  flr_h5_chunk *out;
  const flr_h5_grid *grid;
} listing;

static int note(const hsize_t *first, unsigned skipped, haddr_t address, hsize_t bytes, void *context) {
  const listing *l = context;
  int64_t index = 0;
  if (bytes > UINT32_MAX) return -1;
  for (int axis = 0; axis < l->grid->rank; axis++) {
    const int64_t at = (int64_t)first[axis] / l->grid->chunk[axis];
    if (at >= l->grid->count[axis]) return 0;
    index = index * l->grid->count[axis] + at;
  }
  l->out[index] = (flr_h5_chunk){.offset = (int64_t)address, .bytes = (uint32_t)bytes, .skipped = skipped};
  return 0;
}

static int has_user_block(hid_t file) {
  hsize_t bytes = 0;
  const hid_t list = H5Fget_create_plist(file);
  const herr_t known = H5Pget_userblock(list, &bytes);
  (void)H5Pclose(list);
  return known < 0 || bytes > 0;
}

flr_status flr_h5_chunk_list(flr_h5_chunk *out, const flr_h5_source *source, const char *path, const flr_h5_grid *grid) {
  listing l = {.out = out, .grid = grid};
  if (has_user_block(source->file)) return flr_h5_chunk_note(out, source, path, grid);
  memset(out, 0, (size_t)grid->chunks * sizeof *out);
  const hid_t dataset = H5Dopen2(source->file, path, H5P_DEFAULT);
  const herr_t listed = H5Dchunk_iter(dataset, H5P_DEFAULT, note, &l);
  (void)H5Dclose(dataset);
  if (listed < 0)
    return flr_fail(FLR_ERROR_DATA, "%s: %s: its chunks cannot be listed: the file is damaged", source->name, path);
  for (int64_t i = 0; i < grid->chunks; i++) {
    hsize_t first[FLR_H5_MOST_AXES];
    flr_h5_chunk_place(grid, i, first);
    if (out[i].bytes == 0) return flr_h5_chunk_absent(source, path, first);
  }
  return FLR_OK;
}
