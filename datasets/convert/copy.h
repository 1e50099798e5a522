/* From a source to a target by several threads of several ranks, block by block. */
#ifndef FLR_DATASETS_CONVERT_COPY_H
#define FLR_DATASETS_CONVERT_COPY_H

#include "datasets/convert/h5_target.h"
#include "datasets/convert/moments.h"

/* What is known only after all samples were seen. */
typedef struct flr_copied {
  flr_moments moments;                 /* of the training split */
  uint64_t checksums[FLR_SPLIT_COUNT]; /* of contiguous samples, where they are wanted: of the hashes of all blocks */
} flr_copied;

/* Writes every sample of the source. Ranks take blocks in turn; contiguous samples are written by who has them, chunks by rank
   0. Once a sample must be left out (source->incomplete, of any rank) nothing more is written. The caller clears *out, also
   after a failure. Errors: those of reading and writing, of the first block that has one. Collective over options->team. */
flr_status flr_convert_copy(flr_convert_source *source, flr_h5_target *target, const flr_convert_options *options,
                            flr_copied *out);
void flr_copied_clear(flr_copied *copied);

#endif
