/* Read by clang-tidy before every file: tells its analyzer, which sees one file at a time, that flr_fail returns the status it
 * was given. */
#include "core/status.h"
#define flr_fail(status, ...) (flr_fail((status), __VA_ARGS__), (status))
/* gcc's omp.h, which is used where clang has none, gives this attribute an argument that clang does not know. */
#define __malloc__(...)
