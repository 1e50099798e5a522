/* inspect --diff. */
#ifndef FLR_CLI_INSPECT_DIFF_H
#define FLR_CLI_INSPECT_DIFF_H

#include "core/status.h"

/* Prints where two files differ. FLR_OK also when they do. Errors: FLR_ERROR_NO_INPUT, FLR_ERROR_IO, FLR_ERROR_DATA when one of
 * them is not whole. */
flr_status flr_inspect_print_diff(char *const paths[2], int json);

#endif
