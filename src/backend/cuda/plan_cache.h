/* Which plan was the fastest for a problem, kept in a file from run to run. Texts only: nothing here knows CUDA. */
#ifndef FLR_BACKEND_CUDA_PLAN_CACHE_H
#define FLR_BACKEND_CUDA_PLAN_CACHE_H

#include "core/status.h"

typedef struct plan_cache plan_cache;

/* Opens the cache of an environment (GPU, compute capability, versions of everything that plans depend on: one line of text).
   It lives in `folder`; NULL: $FASTLR_CACHE_DIR, else $XDG_CACHE_HOME/fastlr_dist, else $HOME/.cache/fastlr_dist. What cannot
   be read, was written for another environment or version, or is damaged counts as not there, line by line; it is no error,
   and neither is a folder that cannot be written. Errors: memory, FLR_ERROR_USAGE for an environment of several lines. *out is
   owned by the caller. Not collective. */
flr_status plan_cache_open(plan_cache **out, const char *folder, const char *environment);

/* The plan kept for a problem, NULL when there is none. Borrowed until the next put or save. */
const char *plan_cache_find(const plan_cache *cache, const char *problem);

/* Keeps a plan for a problem in place of an older one. Texts with control characters in them are refused (FLR_ERROR_USAGE). */
flr_status plan_cache_put(plan_cache *cache, const char *problem, const char *plan);

/* Adds what was put to the file, which other processes may be doing too: everything is written under a temporary name and
   renamed, so that a reader sees a whole file. Entries of others that came in since are kept. */
void plan_cache_save(plan_cache *cache);

/* Saves and frees. NULL is allowed. */
void plan_cache_close(plan_cache *cache);

/* Path of the file, "" when there is nowhere to keep one. Borrowed. */
const char *plan_cache_path(const plan_cache *cache);

#endif
