/* Whether the data are still the data: what a checkpoint keeps of a data set. */
#ifndef FLR_TRAIN_FINGERPRINT_H
#define FLR_TRAIN_FINGERPRINT_H

#include "datasets/dataset.h"

enum { FLR_FINGERPRINT_BYTES = 2048 }; /* at most, with the end */

/* Lines "name = value": source, shape, classes, and for each split its size, a hash of all labels and one of up to 256 samples
   spread over it. *out is owned by the caller (flr_free). Reads samples. Errors: what reading met. Not collective. */
flr_status flr_fingerprint_take(char **out, flr_dataset *dataset);

/* Writes everything but the source that differs, with both values: "classes: 10, WORD 12; ..", "" for nothing. Pure. */
void flr_fingerprint_differences(char *text, size_t size, const char *kept, const char *now, const char *word);

/* FLR_ERROR_DATA naming everything but the source that differs, with both values; `origin` names the file of `kept`. Pure. */
flr_status flr_fingerprint_compare(const char *kept, const char *now, const char *origin);

#endif
