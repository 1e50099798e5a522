/* Files that are there whole or not at all. */
#ifndef FLR_REPORT_REPLACE_FILE_H
#define FLR_REPORT_REPLACE_FILE_H

#include <stddef.h>

#include "core/status.h"

/* Writes `bytes` bytes to a temporary name beside `path`, then renames it to `path`; on failure nothing is left and an older
   file stays. Errors: FLR_ERROR_IO with path and reason. Not collective. */
flr_status flr_replace_file(const char *path, const void *data, size_t bytes);

#endif
