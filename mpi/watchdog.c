/* Heartbeats over their own communicator: every rank tells rank 0, rank 0 tells every rank. */
#include "mpi/watchdog.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"
#include "mpi/comm_mpi.h"
#include "mpi/watchdog_report.h"

enum { HEARTBEAT_TAG = 7, ABORT_GRACE_SECONDS = 5, STACK_SECONDS = 2 };

/* What a heartbeat of rank 0 asks for, before it ends the job. */
enum { ASK_NOTHING, ASK_PATIENCE, ASK_STACK };

typedef struct peer {
  double heard; /* clock of the last heartbeat */
  flr_heartbeat last;
} peer;

struct flr_watchdog {
  flr_comm *comm;
  MPI_Comm channel; /* MPI_COMM_NULL for one rank */
  double timeout, interval;
  int with_stack;
  int processes_alone;        /* 1: a process that answers is well, whatever it does */
  pthread_t training, thread; /* who beats; who watches */
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  int stopping;
  const char *doing; /* to storage, NULL: nothing; with the path, under the mutex */
  char path[FLR_HEARTBEAT_PATH];
  /* beats of the training thread, atomic */
  const char *phase;
  int64_t step;
  double beat_time;
  /* the watchdog thread's own */
  double floor; /* ages count from here: the start, or the end of a pause of the whole process */
  peer *peers;  /* [size]; a rank other than 0 keeps rank 0's only */
  flr_heartbeat *outgoing;
  flr_heartbeat questions[2]; /* the last ones of all: to those who are to be patient, to the one whose stack is wanted */
  MPI_Request *sends;         /* [size] */
};

void flr_watchdog_beat(flr_watchdog *w, const char *phase, int64_t step) {
  if (!w) return;
  const double now = flr_clock_seconds();
  __atomic_store_n(&w->phase, phase, __ATOMIC_RELAXED);
  __atomic_store_n(&w->step, step, __ATOMIC_RELAXED);
  __atomic_store(&w->beat_time, &now, __ATOMIC_RELAXED);
}

static void set_storage(flr_watchdog *w, const char *doing, const char *path) {
  const double now = flr_clock_seconds();
  const size_t length = strlen(path), room = sizeof w->path - 1;
  (void)pthread_mutex_lock(&w->mutex);
  w->doing = doing;
  (void)snprintf(w->path, sizeof w->path, "%s", length > room ? path + length - room : path);
  (void)pthread_mutex_unlock(&w->mutex);
  __atomic_store(&w->beat_time, &now, __ATOMIC_RELAXED);
}

void flr_watchdog_enter_storage(flr_watchdog *w, const char *doing, const char *path) {
  if (w) set_storage(w, doing, path ? path : "");
}

void flr_watchdog_leave_storage(flr_watchdog *w) {
  if (w) set_storage(w, NULL, "");
}

static flr_heartbeat own_state(flr_watchdog *w, double now) {
  flr_heartbeat beat = {.step = __atomic_load_n(&w->step, __ATOMIC_RELAXED),
                        .waiting = __atomic_load_n(&w->comm->waiting, __ATOMIC_RELAXED),
                        .pid = (int32_t)getpid()};
  double time;
  __atomic_load(&w->beat_time, &time, __ATOMIC_RELAXED);
  beat.age = now - fmax(time, w->floor);
  (void)snprintf(beat.phase, sizeof beat.phase, "%s", __atomic_load_n(&w->phase, __ATOMIC_RELAXED));
  (void)snprintf(beat.host, sizeof beat.host, "%s", w->comm->host);
  (void)pthread_mutex_lock(&w->mutex);
  (void)snprintf(beat.doing, sizeof beat.doing, "%s", w->doing ? w->doing : "");
  memcpy(beat.path, w->path, sizeof beat.path);
  (void)pthread_mutex_unlock(&w->mutex);
  return beat;
}

static void on_alarm(int signal_number) {
  (void)signal_number;
  _exit(FLR_ERROR_PEER);
}

static int first_peer(const flr_watchdog *w) { return w->comm->rank == 0 ? 1 : 0; }
static int last_peer(const flr_watchdog *w) { return w->comm->rank == 0 ? w->comm->size - 1 : 0; }

static void send_heartbeats(flr_watchdog *w, double now) {
  const flr_heartbeat own = own_state(w, now);
  for (int rank = first_peer(w); rank <= last_peer(w); rank++) {
    int done = 1;
    if (w->sends[rank] != MPI_REQUEST_NULL) (void)MPI_Test(&w->sends[rank], &done, MPI_STATUS_IGNORE);
    if (!done) continue;
    w->outgoing[rank] = own;
    (void)MPI_Isend(&w->outgoing[rank], sizeof own, MPI_BYTE, rank, HEARTBEAT_TAG, w->channel, &w->sends[rank]);
  }
}

/* The rank itself prints it, if it can; the others hear that nobody's silence counts any more. */
static void ask_for_stack(flr_watchdog *w, int silent) {
  MPI_Request sent; /* never waited for: the job ends, with the watchdog still there */
  w->questions[0] = w->questions[1] = own_state(w, flr_clock_seconds());
  w->questions[0].ask = ASK_PATIENCE;
  w->questions[1].ask = ASK_STACK;
  for (int rank = first_peer(w); rank <= last_peer(w); rank++)
    (void)MPI_Isend(&w->questions[rank == silent], sizeof *w->questions, MPI_BYTE, rank, HEARTBEAT_TAG, w->channel, &sent);
  if (silent == w->comm->rank) flr_watchdog_show_stack(w->training, silent, w->comm->host);
  const struct timespec pause = {.tv_sec = STACK_SECONDS};
  if (silent != w->comm->rank) (void)nanosleep(&pause, NULL);
}

/* How many ranks other than this one wait for storage too. */
static int others_in_storage(const flr_watchdog *w, int rank) {
  int count = 0;
  for (int i = 0; w->comm->rank == 0 && i < w->comm->size; i++)
    count += i != rank && w->peers[i].last.doing[0] && w->peers[i].last.age > 0.5 * w->timeout;
  return count;
}

/* One line, then the end of the job; if MPI_Abort hangs, of this process. */
static void end_job(flr_watchdog *w, flr_silence kind, int rank, double silent) {
  const flr_heartbeat *last = &w->peers[rank].last;
  flr_watchdog_report(kind, rank, last, silent, strcmp(last->host, w->comm->host) == 0, others_in_storage(w, rank));
  if (w->with_stack && kind != FLR_SILENT_PROCESS) ask_for_stack(w, rank);
  signal(SIGALRM, on_alarm);
  alarm(ABORT_GRACE_SECONDS);
  flr_comm_abort(w->comm, FLR_ERROR_PEER);
}

static void receive_heartbeats(flr_watchdog *w, double now) {
  for (;;) {
    int there = 0;
    MPI_Status status;
    flr_heartbeat beat;
    if (MPI_Iprobe(MPI_ANY_SOURCE, HEARTBEAT_TAG, w->channel, &there, &status) != MPI_SUCCESS || !there) return;
    if (MPI_Recv(&beat, sizeof beat, MPI_BYTE, status.MPI_SOURCE, HEARTBEAT_TAG, w->channel, MPI_STATUS_IGNORE) != MPI_SUCCESS)
      return;
    if (beat.ask) {
      w->floor = now + STACK_SECONDS + ABORT_GRACE_SECONDS;
      if (beat.ask == ASK_STACK) flr_watchdog_show_stack(w->training, w->comm->rank, w->comm->host);
      continue;
    }
    w->peers[status.MPI_SOURCE] = (peer){.heard = now, .last = beat};
  }
}

/* Rank 0 watches all; the others watch rank 0, one after the other, so that one line is printed. */
static void check_processes(flr_watchdog *w, double now) {
  const double patience = w->timeout + (w->comm->rank > 1 ? fmin(2, 0.5 * w->timeout) + w->interval : 0);
  for (int rank = first_peer(w); rank <= last_peer(w); rank++) {
    const double silent = now - fmax(w->peers[rank].heard, w->floor);
    if (silent > patience) end_job(w, FLR_SILENT_PROCESS, rank, silent);
  }
}

/* Rank 0: a rank that computes without a beat for too long; or, when all wait for each other, the one furthest behind. */
static void check_progress(flr_watchdog *w, double now) {
  int all_stalled = 1, behind = 0;
  w->peers[0] = (peer){.heard = now, .last = own_state(w, now)};
  for (int rank = 0; rank < w->comm->size; rank++) {
    const flr_heartbeat *last = &w->peers[rank].last;
    if (last->age <= w->timeout) all_stalled = 0;
    if (last->age > w->timeout && !last->waiting) end_job(w, FLR_SILENT_THREAD, rank, last->age);
    if (last->step < w->peers[behind].last.step) behind = rank;
  }
  if (all_stalled) end_job(w, FLR_SILENT_ALL, behind, w->peers[behind].last.age);
}

/* Sleeps one interval; returns 1 when it is time to stop. */
static int rest(flr_watchdog *w) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  const int64_t nanoseconds = (int64_t)until.tv_nsec + (int64_t)(w->interval * 1e9);
  until.tv_sec += nanoseconds / 1000000000;
  until.tv_nsec = nanoseconds % 1000000000;
  pthread_mutex_lock(&w->mutex);
  int waited = 0;
  while (!w->stopping && waited != ETIMEDOUT) waited = pthread_cond_timedwait(&w->wake, &w->mutex, &until);
  const int stopping = w->stopping;
  pthread_mutex_unlock(&w->mutex);
  return stopping;
}

static void *watch(void *context) {
  flr_watchdog *w = context;
  double before = flr_clock_seconds();
  while (!rest(w)) {
    const double now = flr_clock_seconds();
    /* this process itself was stopped or starved: nobody's silence can be judged from before, nor by the first look after it,
       which may miss what has arrived */
    if (now - before > 2 * w->interval) w->floor = now;
    before = now;
    if (w->comm->size > 1) {
      receive_heartbeats(w, now);
      send_heartbeats(w, now);
      check_processes(w, now);
    }
    if (w->comm->rank == 0 && !w->processes_alone) check_progress(w, now);
  }
  return NULL;
}

static void release(flr_watchdog *w) {
  pthread_cond_destroy(&w->wake);
  pthread_mutex_destroy(&w->mutex);
  flr_free(w->peers);
  flr_free(w->outgoing);
  flr_free(w->sends);
  flr_free(w);
}

static void init_clocked_wake(flr_watchdog *w) {
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&w->wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&w->mutex, NULL);
}

/* Everybody's host and state, so that a rank which falls silent before its first heartbeat can be named. */
static flr_status learn_peers(flr_watchdog *w) {
  const flr_heartbeat own = own_state(w, w->floor);
  flr_heartbeat *all;
  FLR_TRY(flr_alloc(&all, w->comm->size, sizeof *all));
  const flr_status status = flr_comm_all_gather(w->comm, &own, all, sizeof own);
  for (int rank = 0; rank < w->comm->size; rank++) w->peers[rank] = (peer){.heard = w->floor, .last = all[rank]};
  flr_free(all);
  return status;
}

static flr_status start_thread(flr_watchdog *w) {
  const int size = w->comm->size;
  FLR_TRY(flr_alloc(&w->peers, size, sizeof *w->peers));
  FLR_TRY(flr_alloc(&w->outgoing, size, sizeof *w->outgoing));
  FLR_TRY(flr_alloc(&w->sends, size, sizeof *w->sends));
  for (int rank = 0; rank < size; rank++) w->sends[rank] = MPI_REQUEST_NULL;
  FLR_TRY(learn_peers(w));
  if (pthread_create(&w->thread, NULL, watch, w) != 0)
    return flr_fail(FLR_ERROR_INTERNAL, "cannot start the watchdog's thread");
  return FLR_OK;
}

static flr_status start(flr_watchdog **out, flr_comm *comm, double timeout_seconds, int with_stack, int processes_alone) {
  *out = NULL;
  if (!(timeout_seconds > 0)) return FLR_OK;
  flr_watchdog *w;
  FLR_TRY(flr_alloc(&w, 1, sizeof *w));
  w->comm = comm;
  w->channel = flr_comm_mpi_heartbeat(comm);
  w->timeout = timeout_seconds;
  w->with_stack = with_stack;
  w->processes_alone = processes_alone;
  w->training = pthread_self();
  if (with_stack) flr_watchdog_prepare_stack();
  w->interval = fmin(1, fmax(0.05, timeout_seconds / 8));
  w->floor = flr_clock_seconds();
  init_clocked_wake(w);
  flr_watchdog_beat(w, "start", 0);
  const flr_status status = start_thread(w);
  if (status != FLR_OK) {
    release(w);
    return status;
  }
  *out = w;
  return FLR_OK;
}

flr_status flr_watchdog_start(flr_watchdog **out, flr_comm *comm, double timeout_seconds, int with_stack) {
  return start(out, comm, timeout_seconds, with_stack, 0);
}

flr_status flr_watchdog_start_for_processes(flr_watchdog **out, flr_comm *comm, double timeout_seconds) {
  return start(out, comm, timeout_seconds, 0, 1);
}

/* Takes what is still on the way, so that the communicator can be freed. */
static void drain(flr_watchdog *w) {
  for (int rank = first_peer(w); rank <= last_peer(w); rank++) (void)MPI_Wait(&w->sends[rank], MPI_STATUS_IGNORE);
  (void)flr_comm_barrier(w->comm);
  receive_heartbeats(w, 0);
}

void flr_watchdog_stop(flr_watchdog *w) {
  if (!w) return;
  flr_watchdog_beat(w, "end", __atomic_load_n(&w->step, __ATOMIC_RELAXED));
  (void)flr_comm_barrier(w->comm); /* guarded: a rank that does not come is still noticed */
  pthread_mutex_lock(&w->mutex);
  w->stopping = 1;
  pthread_cond_signal(&w->wake);
  pthread_mutex_unlock(&w->mutex);
  pthread_join(w->thread, NULL);
  if (w->comm->size > 1) drain(w);
  release(w);
}
