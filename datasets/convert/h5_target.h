/* A data set file that is laid out by HDF5 and appears whole or not at all. Contiguous samples, and labels, are written in
   place by whoever has them; chunks go through HDF5, one after the other. */
#ifndef FLR_DATASETS_CONVERT_H5_TARGET_H
#define FLR_DATASETS_CONVERT_H5_TARGET_H

#include "datasets/convert/chunk_encoder.h"
#include "datasets/convert/convert_impl.h"

/* How samples are stored. */
typedef struct flr_h5_layout {
  int64_t block_rows; /* samples of a chunk, or of what is hashed together where samples are contiguous */
  int chunked;
  flr_encoding encoding; /* of chunks; its checksum is for both */
} flr_h5_layout;

/* Where everything is: what another process needs for writing into the same file. */
typedef struct flr_h5_places {
  int64_t bytes;                                        /* of the whole file; of a chunked one without the chunks */
  int64_t x_at[FLR_SPLIT_COUNT], y_at[FLR_SPLIT_COUNT]; /* where samples (contiguous) and labels (int32) begin */
} flr_h5_places;

typedef struct flr_h5_target {
  const char *path; /* borrowed */
  char *temporary;  /* owned; NULL: nothing is under way */
  int fd;
  int guest;                        /* 1: it is another rank's file, only opened here */
  int64_t reserved;                 /* bytes that the file system has given already */
  const flr_convert_source *source; /* borrowed */
  flr_h5_layout layout;
  flr_h5_places places;
  int64_t file, sets[FLR_SPLIT_COUNT]; /* HDF5's, of a chunked file under way; 0: not open */
} flr_h5_target;

/* Whether a file may be put at `path`: nothing is there, or a data set to replace, or an empty file. Errors: FLR_ERROR_USAGE (a
   file of another kind, which could be what is to be converted), FLR_ERROR_IO (a folder, a device, a pipe, a file that may not
   be read). Not collective.
 */
flr_status flr_h5_target_check(const char *path);
/* Makes a file beside `path` (borrowed) with room for all samples, whose shape, number and class names are those of `source`
   (borrowed). Errors: FLR_ERROR_IO (no such folder, no room for it); nothing is left then. Not collective. */
flr_status flr_h5_target_begin(flr_h5_target *out, const char *path, const flr_convert_source *source,
                               const flr_h5_layout *layout);
/* On ranks other than 0, which has begun it: opens the same file, that rank 0 tells the others of. A failure leaves nothing
   open here; rank 0 abandons what it has. Errors: FLR_ERROR_IO (not visible from this host). Collective over team. */
flr_status flr_h5_target_share(flr_h5_target *target, const char *path, const flr_convert_source *source,
                               const flr_h5_layout *layout, const flr_convert_team *team);
/* What this process has written is on the disk. Errors: FLR_ERROR_IO. */
flr_status flr_h5_target_sync(flr_h5_target *target);
/* Writes the labels of samples first..first + n - 1 of the split, and the samples themselves where they are contiguous. In
   several threads at a time. Errors: FLR_ERROR_IO. */
flr_status flr_h5_target_put(flr_h5_target *target, flr_split split, int64_t first, int64_t n, const void *x,
                             const int64_t *labels);
/* Writes the chunk that begins with sample `first`, as flr_chunk_encoder_run gave it. Chunks come in the order of the splits.
   Errors: FLR_ERROR_IO. */
flr_status flr_h5_target_put_chunk(flr_h5_target *target, flr_split split, int64_t first, const void *data, size_t bytes,
                                   uint32_t skipped);
/* Adds mean and std [channels] and the checksums (of samples: of each split, where they are contiguous and it is wanted),
   syncs, and puts the file in its place. Errors: FLR_ERROR_IO. */
flr_status flr_h5_target_commit(flr_h5_target *target, const float *mean, const float *std,
                                const uint64_t checksums[FLR_SPLIT_COUNT]);
/* Removes what was written so far. After a commit that went well it does nothing. */
void flr_h5_target_abandon(flr_h5_target *target);

#endif
