/* What the watchdog says when it ends a job: the inside of mpi/watchdog.c. */
#ifndef FLR_MPI_WATCHDOG_REPORT_H
#define FLR_MPI_WATCHDOG_REPORT_H

#include <pthread.h>
#include <stdint.h>

enum { FLR_HEARTBEAT_PATH = 160 };

/* Where a rank is, as it says itself. */
typedef struct flr_heartbeat {
  int64_t step;
  double age; /* seconds since its last beat */
  int32_t pid;
  int32_t waiting; /* 1: blocked in a collective */
  int32_t ask;     /* from rank 0, which is about to end the job: 0 nothing */
  char phase[20];
  char host[64];
  char doing[12];                /* to storage: "reading", "writing"; "": nothing */
  char path[FLR_HEARTBEAT_PATH]; /* what is read or written: its end where it is longer */
} flr_heartbeat;

/* What makes the watchdog end a job. */
typedef enum flr_silence {
  FLR_SILENT_PROCESS, /* no heartbeat: stopped, gone, or its host or network is */
  FLR_SILENT_THREAD,  /* heartbeats, but its training thread does not come on; in storage where `doing` says so */
  FLR_SILENT_ALL      /* every rank waits for the others */
} flr_silence;

/* Writes the one line on standard error: which rank, host, phase and step, for how long, and as far as can be known why.
   same_host: its process can be looked at. others: ranks that wait for storage as this one does. */
void flr_watchdog_report(flr_silence kind, int rank, const flr_heartbeat *last, double seconds, int same_host, int others);

/* Prints the stack of another thread of this process to standard error, by a signal (SIGURG) that interrupts it, and waits for
   it: a second at most. For a process that is about to end. */
void flr_watchdog_show_stack(pthread_t thread, int rank, const char *host);

/* Loads what the above needs while memory can still be allocated. */
void flr_watchdog_prepare_stack(void);

#endif
