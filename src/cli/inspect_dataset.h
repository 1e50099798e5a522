/* The part of inspect's document that is about a data set for training. */
#ifndef FLR_CLI_INSPECT_DATASET_H
#define FLR_CLI_INSPECT_DATASET_H

#include <cJSON.h>

#include "checkpoint/inspect.h"
#include "fastlr.h"

/* Adds shape, classes, what each split is like, warnings, mean and std; reads every sample. What makes it no data set for
 * training is noted in the file. Errors: FLR_ERROR_NO_INPUT, FLR_ERROR_IO, FLR_ERROR_INTERNAL. */
flr_status flr_inspect_add_dataset(cJSON *document, flr_inspect *file, const char *path, const flr_config *config);

#endif
