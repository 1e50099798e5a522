/* HDF5's side of the filters: a chunk in its memory becomes another one there. */
#include "datasets/h5_filters.h"

#include <hdf5.h>

#include "core/hdf5_lock.h"
#include "datasets/codec_impl.h"

/* Undoes one filter; 0 tells HDF5 that it failed. Chunks are written another way (convert/chunk_encoder.h): an encoder that
   always fails lets HDF5 make such sets, and store as it is what it is given itself. */
static size_t undo(int id, unsigned flags, size_t nbytes, size_t *room, void **chunk) {
  const flr_bytes in = {.data = *chunk, .size = nbytes};
  flr_room out = {.size = flr_decoded_size(id, in)};
  if (!(flags & H5Z_FLAG_REVERSE) || out.size == 0) return 0;
  out.data = H5allocate_memory(out.size, 0);
  if (!out.data) return 0;
  if (flr_codec_undo_once(id, in, &out) != FLR_OK) {
    (void)H5free_memory(out.data);
    return 0;
  }
  (void)H5free_memory(*chunk);
  *chunk = out.data;
  *room = out.size;
  return out.size;
}

static size_t undo_lz4(unsigned flags, size_t count, const unsigned values[], size_t nbytes, size_t *room, void **chunk) {
  (void)count, (void)values;
  return undo(FLR_FILTER_LZ4, flags, nbytes, room, chunk);
}

static size_t undo_zstd(unsigned flags, size_t count, const unsigned values[], size_t nbytes, size_t *room, void **chunk) {
  (void)count, (void)values;
  return undo(FLR_FILTER_ZSTD, flags, nbytes, room, chunk);
}

void flr_h5_filters_register(void) {
  static const H5Z_class2_t filters[] = {{.version = H5Z_CLASS_T_VERS,
                                          .id = FLR_FILTER_LZ4,
                                          .encoder_present = 1,
                                          .decoder_present = 1,
                                          .name = "lz4",
                                          .filter = undo_lz4},
                                         {.version = H5Z_CLASS_T_VERS,
                                          .id = FLR_FILTER_ZSTD,
                                          .encoder_present = 1,
                                          .decoder_present = 1,
                                          .name = "zstd",
                                          .filter = undo_zstd}};
  flr_hdf5_lock();
  for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
    htri_t there = 0;
    H5E_BEGIN_TRY { there = H5Zfilter_avail(filters[i].id); }
    H5E_END_TRY
    if (there <= 0 && !flr_codec_missing(filters[i].id)) (void)H5Zregister(&filters[i]);
  }
  flr_hdf5_unlock();
}
