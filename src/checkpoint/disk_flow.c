/* The caller copies pieces into a ring of memory, the thread writes them. All go through it, small ones too: file systems let
 * only one write at a time into a file, so a small one beside it would wait for a large one. */
#include "checkpoint/disk_flow.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, PIECES = 256, PIECE_BYTES = 1 << 21, RING_BYTES = 4 * PIECE_BYTES, LARGE_BYTES = 1 << 18 };

typedef struct piece {
  size_t place, bytes; /* in the ring */
  int64_t at;          /* in the file */
  int direct;
} piece;

struct flr_disk_flow {
  int direct, cached; /* two descriptors of the file; cached: borrowed */
  char *ring;         /* [RING_BYTES], on a page */
  size_t next_place;  /* of the caller alone */
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  piece pieces[PIECES];    /* under the mutex, as all below */
  int64_t filled, written; /* pieces so far; number i is pieces[i % PIECES] */
  int ending;
  int failure; /* errno */
};

/* ---- the thread ---- */

/* 0, or errno. What a write past the page cache does not take goes through it: file systems may refuse one only now, or take a
 * part that is no whole number of pages. */
static int write_piece(const flr_disk_flow *f, const piece *p) {
  size_t done = 0;
  int direct = p->direct;
  while (done < p->bytes) {
    const ssize_t put =
        pwrite(direct ? f->direct : f->cached, f->ring + p->place + done, p->bytes - done, (off_t)p->at + (off_t)done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0 && !(direct && errno == EINVAL)) return put < 0 ? errno : EIO;
    if (put > 0) done += (size_t)put;
    direct = 0;
  }
  return 0;
}

static void *write_pieces(void *context) {
  flr_disk_flow *f = context;
  (void)pthread_mutex_lock(&f->mutex);
  for (;;) {
    while (!f->ending && f->written == f->filled) (void)pthread_cond_wait(&f->changed, &f->mutex);
    if (f->written == f->filled) break;
    const piece next = f->pieces[f->written % PIECES];
    int failure = f->failure;
    (void)pthread_mutex_unlock(&f->mutex);
    if (!failure) failure = write_piece(f, &next);
    (void)pthread_mutex_lock(&f->mutex);
    f->failure = failure;
    f->written++;
    (void)pthread_cond_broadcast(&f->changed);
  }
  (void)pthread_mutex_unlock(&f->mutex);
  return NULL;
}

/* ---- the caller ---- */

static int has_ring(flr_disk_flow *f) {
  void *memory;
  if (posix_memalign(&memory, PAGE_BYTES, RING_BYTES) != 0) return 0;
  f->ring = memory;
  return 1;
}

static void release(flr_disk_flow *f) {
  if (f->direct >= 0) (void)close(f->direct);
  (void)pthread_cond_destroy(&f->changed);
  (void)pthread_mutex_destroy(&f->mutex);
  free(f->ring);
  free(f);
}

flr_disk_flow *flr_disk_flow_open(const char *path, int fd) {
  flr_disk_flow *f = calloc(1, sizeof *f);
  if (!f) return NULL;
  (void)pthread_mutex_init(&f->mutex, NULL);
  (void)pthread_cond_init(&f->changed, NULL);
  f->direct = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
  f->cached = fd;
  if (f->direct >= 0 && has_ring(f) && pthread_create(&f->thread, NULL, write_pieces, f) == 0) return f;
  release(f);
  return NULL;
}

/* Whether a piece may be put there; under the mutex. */
static int is_free(const flr_disk_flow *f, size_t place, size_t bytes) {
  if (f->filled - f->written == PIECES) return 0;
  for (int64_t i = f->written; i < f->filled; i++) {
    const piece *p = &f->pieces[i % PIECES];
    if (place < p->place + p->bytes && p->place < place + bytes) return 0;
  }
  return 1;
}

/* The next place of the ring, once it is free. */
static size_t wait_for_place(flr_disk_flow *f, size_t bytes, int direct) {
  size_t place = f->next_place;
  if (direct) place = (place + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  if (place + bytes > RING_BYTES) place = 0;
  (void)pthread_mutex_lock(&f->mutex);
  while (!is_free(f, place, bytes)) (void)pthread_cond_wait(&f->changed, &f->mutex);
  (void)pthread_mutex_unlock(&f->mutex);
  f->next_place = place + bytes;
  return place;
}

static void hand_over(flr_disk_flow *f, const piece *p) {
  (void)pthread_mutex_lock(&f->mutex);
  f->pieces[f->filled++ % PIECES] = *p;
  (void)pthread_cond_broadcast(&f->changed);
  (void)pthread_mutex_unlock(&f->mutex);
}

static void write_part(flr_disk_flow *f, int64_t at, const char *from, size_t bytes, int direct) {
  while (bytes > 0 && !flr_disk_flow_failure(f)) {
    piece p = {.bytes = bytes < PIECE_BYTES ? bytes : PIECE_BYTES, .at = at, .direct = direct};
    p.place = wait_for_place(f, p.bytes, direct);
    memcpy(f->ring + p.place, from, p.bytes);
    hand_over(f, &p);
    from += p.bytes;
    at += (int64_t)p.bytes;
    bytes -= p.bytes;
  }
}

void flr_disk_flow_write(flr_disk_flow *f, int64_t at, const void *data, size_t bytes) {
  const char *from = data;
  const size_t head = (size_t)((PAGE_BYTES - at % PAGE_BYTES) % PAGE_BYTES);
  const size_t pages = bytes > head ? (bytes - head) / PAGE_BYTES * PAGE_BYTES : 0;
  if (pages < LARGE_BYTES) {
    write_part(f, at, from, bytes, 0);
    return;
  }
  write_part(f, at, from, head, 0);
  write_part(f, at + (int64_t)head, from + head, pages, 1);
  write_part(f, at + (int64_t)(head + pages), from + head + pages, bytes - head - pages, 0);
}

int flr_disk_flow_failure(flr_disk_flow *f) {
  (void)pthread_mutex_lock(&f->mutex);
  const int failure = f->failure;
  (void)pthread_mutex_unlock(&f->mutex);
  return failure;
}

int flr_disk_flow_drain(flr_disk_flow *f) {
  (void)pthread_mutex_lock(&f->mutex);
  while (f->written < f->filled) (void)pthread_cond_wait(&f->changed, &f->mutex);
  const int failure = f->failure;
  (void)pthread_mutex_unlock(&f->mutex);
  return failure;
}

void flr_disk_flow_close(flr_disk_flow *f) {
  if (!f) return;
  (void)pthread_mutex_lock(&f->mutex);
  f->ending = 1;
  (void)pthread_cond_broadcast(&f->changed);
  (void)pthread_mutex_unlock(&f->mutex);
  (void)pthread_join(f->thread, NULL);
  release(f);
}
