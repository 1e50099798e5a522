/* From a source to a target by several threads, block by block. */
#ifndef FLR_DATASETS_CONVERT_COPY_H
#define FLR_DATASETS_CONVERT_COPY_H

#include "datasets/convert/h5_target.h"
#include "datasets/convert/moments.h"

/* Writes every sample of the source; moments: of the training split, the caller clears them in any case. Once a sample must be
   left out (source->incomplete) nothing more is written. Errors: those of reading and writing, of the first block that has
   one. Not collective. */
flr_status flr_convert_copy(flr_convert_source *source, flr_h5_target *target, const flr_convert_options *options,
                            flr_moments *moments);

#endif
