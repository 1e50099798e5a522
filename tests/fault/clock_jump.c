/* Preloaded into a program, makes the date jump: one second after the start a day ahead, two seconds after it a year back.
 * Clocks that only go on are left alone, as a real jump leaves them. */
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

typedef int (*clock_call)(clockid_t, struct timespec *);

static clock_call real_clock(void) { return __extension__(clock_call) dlsym(RTLD_NEXT, "clock_gettime"); }

static struct timespec began;

__attribute__((constructor)) static void note_start(void) { (void)real_clock()(CLOCK_MONOTONIC, &began); }

static time_t jump(void) {
  const time_t day = 86400, after = 1, later = 2;
  struct timespec now;
  (void)real_clock()(CLOCK_MONOTONIC, &now);
  const time_t passed = now.tv_sec - began.tv_sec;
  return passed < after ? 0 : passed < later ? day : -365 * day;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
  const int result = real_clock()(clock, out);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) out->tv_sec += jump();
  return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  (void)zone;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
