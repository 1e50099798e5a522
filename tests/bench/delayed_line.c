/* A line between two network namespaces, with a delay and a rate, where the kernel has no emulator of its own.
   usage: delayed_line NAMESPACE_A NAMESPACE_B INTERFACE DELAY_US RATE_MBIT
   Makes the TAP interface of that name in both (/run/netns/NAME), says "ready" and carries frames until it is killed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES = 1024, FRAME_BYTES = 9216, AT_ONCE = 64 };

typedef struct frame {
  int64_t due; /* nanoseconds */
  ssize_t bytes;
  unsigned char data[FRAME_BYTES];
} frame;

/* Frames on their way in one direction, oldest first. */
typedef struct direction {
  frame *frames; /* [FRAMES] */
  unsigned head, tail;
  int64_t busy; /* until then the sender's end is occupied */
} direction;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void need(int good, const char *what) {
  if (good) return;
  fprintf(stderr, "delayed_line: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int open_tap(const char *name_space, const char *interface) {
  char path[256];
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  (void)snprintf(path, sizeof path, "/run/netns/%s", name_space);
  const int space = open(path, O_RDONLY | O_CLOEXEC);
  need(space >= 0 && setns(space, CLONE_NEWNET) == 0, path);
  (void)close(space);
  const int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  (void)snprintf(request.ifr_name, IFNAMSIZ, "%s", interface);
  need(tap >= 0 && ioctl(tap, TUNSETIFF, &request) == 0, "/dev/net/tun");
  return tap;
}

/* Takes what came in; what finds no room is lost, as on a real line. */
static void take(direction *d, int from, int64_t delay, double nanoseconds_per_byte) {
  unsigned char lost[FRAME_BYTES];
  for (int i = 0; i < AT_ONCE; i++) {
    const int room = d->tail - d->head < FRAMES;
    frame *f = &d->frames[d->tail % FRAMES];
    const ssize_t bytes = read(from, room ? f->data : lost, FRAME_BYTES);
    if (bytes <= 0) return;
    if (!room) continue;
    const int64_t begins = now() > d->busy ? now() : d->busy;
    d->busy = begins + (int64_t)((double)bytes * nanoseconds_per_byte);
    f->due = d->busy + delay;
    f->bytes = bytes;
    d->tail++;
  }
}

/* Hands over what has arrived; returns when the next does, INT64_MAX: nothing is on its way. */
static int64_t give(direction *d, int to) {
  for (; d->head != d->tail; d->head++) {
    const frame *f = &d->frames[d->head % FRAMES];
    if (f->due > now()) return f->due;
    if (write(to, f->data, (size_t)f->bytes) < 0) continue; /* the other end is down */
  }
  return INT64_MAX;
}

static void carry(const int taps[2], int64_t delay, double nanoseconds_per_byte) {
  direction directions[2] = {{0}};
  for (int i = 0; i < 2; i++) {
    directions[i].frames = calloc(FRAMES, sizeof(frame));
    need(directions[i].frames != NULL, "memory");
  }
  for (;;) {
    const int64_t a = give(&directions[0], taps[1]), b = give(&directions[1], taps[0]), next = a < b ? a : b;
    const int64_t left = next == INT64_MAX ? 1000000000 : next - now();
    const struct timespec pause = {.tv_sec = left > 0 ? left / 1000000000 : 0, .tv_nsec = left > 0 ? left % 1000000000 : 0};
    struct pollfd ready[2] = {{.fd = taps[0], .events = POLLIN}, {.fd = taps[1], .events = POLLIN}};
    if (ppoll(ready, 2, &pause, NULL) <= 0) continue;
    for (int i = 0; i < 2; i++)
      if (ready[i].revents & POLLIN) take(&directions[i], taps[i], delay, nanoseconds_per_byte);
  }
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: delayed_line NAMESPACE_A NAMESPACE_B INTERFACE DELAY_US RATE_MBIT\n");
    return 64;
  }
  const int taps[2] = {open_tap(argv[1], argv[3]), open_tap(argv[2], argv[3])};
  const int64_t delay = strtoll(argv[4], NULL, 10) * 1000;
  const double rate = strtod(argv[5], NULL);
  need(delay >= 0 && rate > 0, "delay and rate");
  (void)prctl(PR_SET_TIMERSLACK, 1);
  puts("ready");
  (void)fflush(stdout);
  carry(taps, delay, 8000 / rate);
  return 0;
}
