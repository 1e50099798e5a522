/* A line between two network namespaces, with a delay and a rate, where the kernel has no emulator of its own.
   usage: delayed_line NAMESPACE_A NAMESPACE_B INTERFACE DELAY_US RATE_MBIT
   Makes the TAP interface of that name in both (/run/netns/NAME), says "ready" and carries frames until it is killed.
   Segments are cut and summed by neither end, as where the network card does that: the line costs its hosts little time. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
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

/* A frame has the head that says how it is to be cut. What the line cannot send within AHEAD nanoseconds waits at the sender.
 */
enum { FRAME_BYTES = 65536 + 256, AHEAD = 1000000 };

typedef struct frame {
  struct frame *next;
  int64_t due; /* nanoseconds */
  ssize_t bytes;
  unsigned char data[FRAME_BYTES];
} frame;

/* Frames on their way in one direction, oldest first. */
typedef struct direction {
  frame *first, *last;
  frame *unused; /* the one used last first, which the cache still holds */
  int64_t busy;  /* until then the sender's end is occupied */
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
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  (void)snprintf(path, sizeof path, "/run/netns/%s", name_space);
  const int space = open(path, O_RDONLY | O_CLOEXEC);
  need(space >= 0 && setns(space, CLONE_NEWNET) == 0, path);
  (void)close(space);
  const int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  (void)snprintf(request.ifr_name, IFNAMSIZ, "%s", interface);
  need(tap >= 0 && ioctl(tap, TUNSETIFF, &request) == 0, "/dev/net/tun");
  need(ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) == 0, "offload of segments");
  return tap;
}

static frame *unused_frame(direction *d) {
  if (!d->unused) d->unused = calloc(1, sizeof(frame));
  need(d->unused != NULL, "memory");
  return d->unused;
}

static void append(direction *d, frame *f) {
  d->unused = f->next;
  f->next = NULL;
  if (d->first) d->last->next = f;
  if (!d->first) d->first = f;
  d->last = f;
}

/* 0 when the line is free; else when it is to be asked again. */
static int64_t full_until(const direction *d) { return d->busy - now() < AHEAD ? 0 : d->busy - AHEAD; }

static void take(direction *d, int from, int64_t delay, double nanoseconds_per_byte) {
  while (!full_until(d)) {
    frame *f = unused_frame(d);
    f->bytes = read(from, f->data, FRAME_BYTES);
    if (f->bytes <= 0) return;
    const int64_t begins = now() > d->busy ? now() : d->busy;
    d->busy = begins + (int64_t)((double)(f->bytes - (ssize_t)sizeof(struct virtio_net_hdr)) * nanoseconds_per_byte);
    f->due = d->busy + delay;
    append(d, f);
  }
}

/* Hands over what has arrived; returns when the next does, INT64_MAX: nothing is on its way. */
static int64_t give(direction *d, int to) {
  for (frame *f = d->first; f; f = d->first) {
    if (f->due > now()) return f->due;
    const ssize_t written = write(to, f->data, (size_t)f->bytes);
    (void)written; /* where the other end is down a frame is lost, as on any line */
    d->first = f->next;
    f->next = d->unused;
    d->unused = f;
  }
  return INT64_MAX;
}

static int64_t sooner(int64_t a, int64_t b) { return a < b ? a : b; }

static void carry(const int taps[2], int64_t delay, double nanoseconds_per_byte) {
  direction directions[2] = {{0}};
  for (;;) {
    int64_t next = now() + 1000000000;
    struct pollfd ready[2] = {{.fd = -1}, {.fd = -1}};
    for (int i = 0; i < 2; i++) {
      direction *d = &directions[i];
      next = sooner(next, give(d, taps[1 - i]));
      const int64_t full = full_until(d);
      if (full) next = sooner(next, full);
      if (!full) ready[i] = (struct pollfd){.fd = taps[i], .events = POLLIN};
    }
    const int64_t left = next > now() ? next - now() : 0;
    const struct timespec pause = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
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
