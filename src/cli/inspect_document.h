/* What `inspect` says of a file, as one JSON object. */
#ifndef FLR_CLI_INSPECT_DOCUMENT_H
#define FLR_CLI_INSPECT_DOCUMENT_H

#include <cJSON.h>

#include "checkpoint/inspect.h"
#include "fastlr.h"

/* Fills the object from a file that was looked through. A data set is opened as training would open it: what that finds wrong
 * is blamed on the file too. Errors: FLR_ERROR_IO, FLR_ERROR_INTERNAL. */
flr_status flr_inspect_document(cJSON *document, flr_inspect *file, const char *path, const flr_config *config);

#endif
