/* A thread that moves sums along while the training thread computes: MPI moves nothing unless it is called, and a message of
   several parts waits for a call at each. It sleeps between its turns, and altogether while nothing is under way. */
#ifndef FLR_MPI_PROGRESS_THREAD_H
#define FLR_MPI_PROGRESS_THREAD_H

#include "core/status.h"

typedef struct flr_progress_thread flr_progress_thread;

/* Does what can be done now, under the lock; *idle is 1 when nothing is under way any more. Does not block. */
typedef flr_status (*flr_progress_turn)(void *context, int *idle);

/* *out is owned by the caller. Errors: FLR_ERROR_INTERNAL when there is no room for a thread. None of this is collective. */
flr_status flr_progress_thread_start(flr_progress_thread **out, flr_progress_turn turn, void *context);
/* Nothing may be under way. NULL allowed, here and below: there is no thread and nothing is done. */
void flr_progress_thread_stop(flr_progress_thread *thread);

/* Between them the thread takes no turn. */
void flr_progress_thread_lock(flr_progress_thread *thread);
void flr_progress_thread_unlock(flr_progress_thread *thread);

/* Something is under way from now on. Under the lock. */
void flr_progress_thread_wake(flr_progress_thread *thread);

/* What failed in one of its turns, with the message; it takes no more of them then. Under the lock. */
flr_status flr_progress_thread_failure(const flr_progress_thread *thread);

#endif
