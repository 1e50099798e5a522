/* Names of files under way, and what killed conversions left under such names. */
#ifndef FLR_DATASETS_CONVERT_LEFTOVERS_H
#define FLR_DATASETS_CONVERT_LEFTOVERS_H

#include "core/status.h"

/* "PATH.tmp.HOST.PID" of this process; owned by the caller. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_leftovers_name(char **out, const char *path);
/* Removes files of such names for this path whose process, on this host, has ended. What cannot be removed stays. Errors:
   FLR_ERROR_INTERNAL (memory). Not collective. */
flr_status flr_leftovers_remove(const char *path);

#endif
