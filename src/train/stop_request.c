/* The one thing a signal handler can reach: a flag of the process. */
#include "train/stop_request.h"

#include <signal.h>

#include "fastlr.h"

static volatile sig_atomic_t requested;

void flr_request_stop(void) { requested = 1; }

int flr_stop_is_requested(void) { return requested != 0; }

void flr_stop_forget(void) { requested = 0; }
