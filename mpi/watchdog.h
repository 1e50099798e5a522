/* Turns a hang into a message and an abort: names the silent rank, its host, phase and step. */
#ifndef FLR_MPI_WATCHDOG_H
#define FLR_MPI_WATCHDOG_H

#include <stdint.h>

#include "core/log.h"
#include "core/status.h"
#include "mpi/comm.h"

typedef struct flr_watchdog flr_watchdog;

/* Starts the watchdog thread of this rank. Ranks exchange heartbeats over their own MPI communicator (MPI_THREAD_MULTIPLE),
   several times within `timeout_seconds`. The job is ended with exit code 76 and one line on standard error (from whichever
   rank notices, once) when a rank's process answers no heartbeat for that long (stopped, swapped out, host gone), or when no
   beat of any rank has come for that long (everybody waits for a rank that does not come: named is the rank whose step is
   furthest behind). timeout_seconds <= 0 or a single rank without a launcher: *out is a watchdog that does nothing (a single
   rank still notices its own silence). The line says what is known of the cause: a process that is stopped or gone, a thread
   that hangs, storage that does not answer (flr_watchdog_enter_storage). with_stack: a silent rank whose process answers prints
   the stack of the thread that called this. Collective. */
flr_status flr_watchdog_start(flr_watchdog **out, flr_comm *comm, double timeout_seconds, int with_stack);

/* The same for work that has no steps: no beat is needed, the job is only ended when a rank's process answers no heartbeat.
   Collective. */
flr_status flr_watchdog_start_for_processes(flr_watchdog **out, flr_comm *comm, double timeout_seconds);

/* Says that this rank is alive and where it is; `phase` is a string literal of at most 19 characters ("sweep", "train",
   "checkpoint", "load", ..). Cheap (two atomic stores), callable from the training thread at every step. NULL: nothing. */
void flr_watchdog_beat(flr_watchdog *watchdog, const char *phase, int64_t step);

/* Says that this rank now waits for storage, so that silence until _leave is told from that of the rank: `doing` is "reading"
   or "writing", a literal; `path` is copied, NULL: unknown. Both are beats. Cheap (a mutex), from the training thread. NULL
   watchdog: nothing. */
void flr_watchdog_enter_storage(flr_watchdog *watchdog, const char *doing, const char *path);
void flr_watchdog_leave_storage(flr_watchdog *watchdog);

/* Ends the thread. Collective: every rank calls it, and none is taken for silent because it stopped first. NULL allowed. */
void flr_watchdog_stop(flr_watchdog *watchdog);

#endif
