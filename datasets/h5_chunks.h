/* A data set in chunks as a list of blocks: a block is a row of chunks, decoded and put together to whole rows. */
#ifndef FLR_DATASETS_H5_CHUNKS_H
#define FLR_DATASETS_H5_CHUNKS_H

#include "datasets/codec.h"
#include "datasets/h5_chunk_list.h"
#include "datasets/packing.h"

typedef struct flr_h5_chunks {
  const flr_h5_source *source; /* borrowed */
  char path[256];
  flr_h5_grid grid;
  int64_t dims[FLR_H5_MOST_AXES]; /* elements of the data set */
  size_t element_bytes, row_bytes;
  size_t chunk_bytes;  /* of a whole chunk, also at the edge */
  uint32_t most_bytes; /* of a stored chunk */
  int cuts_rows;       /* a row lies in several chunks */
  int bare_edges;      /* chunks that stick out were stored without filters */
  flr_filters filters;
  flr_h5_chunk *list; /* [grid.chunks], row-major */
} flr_h5_chunks;

/* Looks up what a chunked data set is stored as. dims [rank], element_bytes: as found. Errors: FLR_ERROR_DATA naming file, path
   and remedy (filters that cannot be undone, chunks that are missing or reach beyond the file), FLR_ERROR_UNAVAILABLE for a
   filter whose library was missing. The caller has HDF5's lock. */
flr_status flr_h5_chunks_init(flr_h5_chunks *out, const flr_h5_source *source, const char *path, hid_t dataset, int rank,
                              const int64_t *dims, size_t element_bytes);
/* What that found, as bytes; and from these bytes, with the same checks, without HDF5. Errors: as above, FLR_ERROR_INTERNAL for
   bytes that are something else. */
void flr_h5_chunks_pack(flr_packer *packer, const flr_h5_chunks *chunks);
flr_status flr_h5_chunks_unpack(flr_h5_chunks *out, flr_unpacker *unpacker, const flr_h5_source *source, const char *path,
                                int rank, const int64_t *dims, size_t element_bytes);
void flr_h5_chunks_clear(flr_h5_chunks *chunks);

/* 1: its rows lie in the file as they are read, one after the other within each chunk. */
static inline int flr_h5_chunks_plain(const flr_h5_chunks *c) { return c->filters.count == 0 && !c->cuts_rows; }
static inline int64_t flr_h5_chunks_rows(const flr_h5_chunks *c) { return c->grid.chunk[0]; } /* rows of a block */

/* What decoding takes beside the block: a decoder and, where chunks cut rows, room for one chunk. */
typedef struct flr_h5_loading_sizes {
  flr_decoder_sizes decoder;
  size_t chunk;
} flr_h5_loading_sizes;
typedef struct flr_h5_loading {
  flr_decoder *decoder;
  unsigned char *chunk;
} flr_h5_loading;
/* Makes room for these chunks too. */
void flr_h5_loading_sizes_add(flr_h5_loading_sizes *sizes, const flr_h5_chunks *chunks);
/* Bytes that it takes. Pure. */
size_t flr_h5_loading_bytes(const flr_h5_loading_sizes *sizes);
/* The caller clears it, also after an error. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_h5_loading_init(flr_h5_loading *out, const flr_h5_loading_sizes *sizes);
void flr_h5_loading_clear(flr_h5_loading *loading);

/* Reads and decodes block `block` into out [flr_h5_chunks_rows * row_bytes, also for the last one, which may have fewer rows].
   Several threads may, each with its own loading; no allocation. Errors: FLR_ERROR_IO, FLR_ERROR_DATA naming file, path, chunk
   and rows. */
flr_status flr_h5_chunks_load(const flr_h5_chunks *chunks, flr_h5_loading *loading, int64_t block, void *out);

#endif
