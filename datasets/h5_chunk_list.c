/* What both ways of listing chunks need; CMake chooses one. */
#include "datasets/h5_chunk_list.h"

flr_status flr_h5_chunk_absent(const flr_h5_source *source, const char *path, const hsize_t *first) {
  return flr_fail(FLR_ERROR_DATA, "%s: %s: the chunk that begins at row %lld cannot be found: it was never written whole",
                  source->name, path, (long long)first[0]);
}

void flr_h5_chunk_place(const flr_h5_grid *grid, int64_t index, hsize_t *first) {
  for (int axis = grid->rank - 1; axis >= 0; axis--) {
    first[axis] = (hsize_t)(index % grid->count[axis] * grid->chunk[axis]);
    index /= grid->count[axis];
  }
}
