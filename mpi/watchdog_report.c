/* The line that names a silent rank, and the stack of a thread that hangs. */
#include "mpi/watchdog_report.h"

#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 1024, FRAMES = 64, CHECKS = 100, CHECK_MICROSECONDS = 10000 };

/* ---- the line ---- */

/* The state letter of a process of this host ('T' stopped, 'D' waiting in the kernel); 0: there is none. */
static char process_state(int pid) {
  char path[64], text[512] = "";
  (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  const size_t got = fread(text, 1, sizeof text - 1, file);
  (void)fclose(file);
  text[got] = '\0';
  const char *end = strrchr(text, ')'); /* of the program's name */
  return end && end[1] == ' ' ? end[2] : 0;
}

static const char *state_text(char state) {
  switch (state) {
    case 0: return "its process is gone";
    case 'T':
    case 't': return "its process is stopped";
    case 'D': return "its process waits in the kernel, as it does for storage that is silent";
    case 'Z': return "its process has died";
    default: return "its process does not answer";
  }
}

static void process_text(char *out, size_t size, const flr_heartbeat *last, int same_host) {
  const char *state = same_host ? state_text(process_state(last->pid)) : "its process, its host or the network does not answer";
  const char *space = last->doing[0] ? " " : "";
  (void)snprintf(out, size, "%s%s%s%s%s", state, last->doing[0] ? "; last seen " : "", last->doing, space, last->path);
}

static void storage_text(char *out, size_t size, const flr_heartbeat *last, int others) {
  char too[64] = "";
  if (others > 0)
    (void)snprintf(too, sizeof too, ", and so do%s %d other%s", others == 1 ? "es" : "", others, others == 1 ? "" : "s");
  (void)snprintf(out, size, "it is alive and waits for storage, %s %s%s", last->doing, last->path, too);
}

static void cause_text(char *out, size_t size, flr_silence kind, const flr_heartbeat *last, int same_host, int others) {
  if (kind == FLR_SILENT_PROCESS)
    process_text(out, size, last, same_host);
  else if (kind == FLR_SILENT_ALL)
    (void)snprintf(out, size, "all ranks wait for each other, and it is the furthest behind");
  else if (last->doing[0])
    storage_text(out, size, last, others);
  else
    (void)snprintf(out, size, "its process answers, its training thread does not come on");
}

void flr_watchdog_report(flr_silence kind, int rank, const flr_heartbeat *last, double seconds, int same_host, int others) {
  char cause[LINE];
  cause_text(cause, sizeof cause, kind, last, same_host, others);
  fprintf(stderr, "fastlr_dist: rank %d (%s) has been silent for %.0f s in %s, step %lld: the job is ended; %s\n", rank,
          last->host, seconds, last->phase, (long long)last->step, cause);
  fflush(stderr);
}

/* ---- the stack ---- */

static volatile sig_atomic_t shown;

static void on_ask(int signal_number) {
  void *frames[FRAMES];
  (void)signal_number;
  const int count = backtrace(frames, FRAMES);
  backtrace_symbols_fd(frames, count, STDERR_FILENO);
  shown = 1;
}

void flr_watchdog_prepare_stack(void) {
  void *frame[1];
  (void)backtrace(frame, 1); /* (its first call loads a library) */
}

void flr_watchdog_show_stack(pthread_t thread, int rank, const char *host) {
  struct sigaction action = {.sa_handler = on_ask};
  (void)sigemptyset(&action.sa_mask);
  shown = 0;
  fprintf(stderr, "fastlr_dist: the stack of rank %d (%s), process %d:\n", rank, host, (int)getpid());
  fflush(stderr);
  if (sigaction(SIGURG, &action, NULL) != 0 || pthread_kill(thread, SIGURG) != 0) return;
  for (int i = 0; i < CHECKS && !shown; i++) (void)usleep(CHECK_MICROSECONDS);
  if (shown) return;
  fprintf(stderr, "fastlr_dist: none: the training thread is in a call of the kernel that cannot be interrupted\n");
  fflush(stderr);
}
