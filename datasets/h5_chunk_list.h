/* Where the chunks of a data set lie in its file. */
#ifndef FLR_DATASETS_H5_CHUNK_LIST_H
#define FLR_DATASETS_H5_CHUNK_LIST_H

#include "datasets/h5_source.h"

enum { FLR_H5_MOST_AXES = 4 };

typedef struct flr_h5_chunk {
  int64_t offset;   /* in the file */
  uint32_t bytes;   /* as stored */
  uint32_t skipped; /* bit i: filter i was not applied */
} flr_h5_chunk;

/* The chunks as a grid over the data set. */
typedef struct flr_h5_grid {
  int rank;
  int64_t chunk[FLR_H5_MOST_AXES]; /* elements of a chunk along each axis */
  int64_t count[FLR_H5_MOST_AXES]; /* chunks along each axis */
  int64_t chunks;                  /* of all */
} flr_h5_grid;

/* Fills out [grid->chunks], row-major, in time that grows with their number alone. Errors: FLR_ERROR_DATA naming file and path,
   also where a chunk is not there. The caller has HDF5's lock. */
flr_status flr_h5_chunk_list(flr_h5_chunk *out, const flr_h5_source *source, const char *path, const flr_h5_grid *grid);

/* The same by way of a read of each chunk that HDF5 begins and a file driver does not carry out. */
flr_status flr_h5_chunk_note(flr_h5_chunk *out, const flr_h5_source *source, const char *path, const flr_h5_grid *grid);

/* For the two ways of listing: elements at which chunk `index` begins, and the refusal of one that is not there. */
void flr_h5_chunk_place(const flr_h5_grid *grid, int64_t index, hsize_t *first);
flr_status flr_h5_chunk_absent(const flr_h5_source *source, const char *path, const hsize_t *first);

#endif
