/* convert imagefolder against a plain loop of libjpeg-turbo over the same files: reading and decoding alone, on all cores.
 * usage: bench_convert FOLDER ROUNDS [SIZE [CODEC]]    JPEG files in class folders; SIZE 0: they have one size; CODEC of
 * --compress Rounds alternate; prints the medians and their ratio. Files come from the page cache from the second round on. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
/* it wants stdio.h before it */
#include <jpeglib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench_stats.h"
#include "core/clock.h"
#include "datasets/convert/convert.h"
#include "datasets/convert/image_list.h"
#include "tests/harness/temporary_folder.h"

enum { MOST_ROUNDS = 100, MOST_THREADS = 256, PATH = 4096, FIRST_ROOM = 1 << 20 };

typedef struct plain {
  const char *folder;
  const flr_image_list *list;
  int64_t next, decoded; /* atomic */
} plain;

/* What one thread of the plain loop has. */
typedef struct decoder {
  struct jpeg_decompress_struct c;
  struct jpeg_error_mgr errors;
  jmp_buf back;
  unsigned char *file, *pixels;
  size_t file_room, pixels_room;
} decoder;

/* Of all threads: what other work on the machine does not change so much. */
static double cpu_seconds(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void leave(j_common_ptr c) { longjmp(((decoder *)c->client_data)->back, 1); }
static void say_nothing(j_common_ptr c) { (void)c; }

static void need(unsigned char **data, size_t *room, size_t bytes) {
  if (bytes <= *room) return;
  free(*data);
  *data = malloc(bytes);
  *room = bytes;
  if (!*data) exit(1);
}

static size_t read_file(decoder *d, const char *path) {
  struct stat info;
  const int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &info) != 0) return 0;
  need(&d->file, &d->file_room, (size_t)info.st_size);
  const ssize_t got = read(fd, d->file, (size_t)info.st_size);
  (void)close(fd);
  return got > 0 ? (size_t)got : 0;
}

static int decode(decoder *d, size_t size) {
  if (setjmp(d->back)) {
    jpeg_abort_decompress(&d->c);
    return 0;
  }
  jpeg_mem_src(&d->c, d->file, size);
  (void)jpeg_read_header(&d->c, TRUE);
  d->c.out_color_space = JCS_RGB;
  (void)jpeg_start_decompress(&d->c);
  const size_t row_bytes = (size_t)d->c.output_width * 3;
  need(&d->pixels, &d->pixels_room, row_bytes * d->c.output_height);
  while (d->c.output_scanline < d->c.output_height) {
    JSAMPROW row = d->pixels + d->c.output_scanline * row_bytes;
    (void)jpeg_read_scanlines(&d->c, &row, 1);
  }
  (void)jpeg_finish_decompress(&d->c);
  return 1;
}

static void *work(void *context) {
  plain *p = context;
  decoder *d = calloc(1, sizeof *d);
  char path[PATH];
  if (!d) exit(1);
  d->c.err = jpeg_std_error(&d->errors);
  d->errors.error_exit = leave;
  d->errors.output_message = say_nothing;
  d->c.client_data = d;
  jpeg_create_decompress(&d->c);
  need(&d->file, &d->file_room, FIRST_ROOM);
  for (int64_t i; (i = __atomic_fetch_add(&p->next, 1, __ATOMIC_RELAXED)) < flr_image_list_count(p->list);) {
    (void)snprintf(path, sizeof path, "%s/%s", p->folder, flr_image_list_path(p->list, i));
    const size_t size = read_file(d, path);
    if (size > 0 && decode(d, size)) __atomic_fetch_add(&p->decoded, 1, __ATOMIC_RELAXED);
  }
  jpeg_destroy_decompress(&d->c);
  free(d->file);
  free(d->pixels);
  free(d);
  return NULL;
}

static double run_plain(const char *folder, const flr_image_list *list, int threads, int64_t *decoded) {
  plain p = {.folder = folder, .list = list};
  pthread_t ids[MOST_THREADS];
  const double start = flr_clock_seconds();
  for (int i = 0; i < threads; i++)
    if (pthread_create(&ids[i], NULL, work, &p) != 0) exit(1);
  for (int i = 0; i < threads; i++) (void)pthread_join(ids[i], NULL);
  *decoded = p.decoded;
  return flr_clock_seconds() - start;
}

static double run_convert(const char *folder, const char *out, int threads, int64_t size, const char *codec) {
  flr_convert_options options;
  flr_convert_result result;
  flr_convert_options_defaults(&options);
  options.kind = "imagefolder";
  options.source = folder;
  options.out = out;
  options.workers = threads;
  options.size = size;
  options.compress = codec;
  const double start = flr_clock_seconds();
  const flr_status status = flr_convert(&options, &result);
  const double seconds = flr_clock_seconds() - start;
  if (status != FLR_OK) {
    fprintf(stderr, "%s\n", flr_status_message());
    exit((int)status);
  }
  flr_convert_result_clear(&result);
  return seconds;
}

static void measure(const char *folder, const char *out, int rounds, int64_t size, const char *codec) {
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  const int threads = cores < MOST_THREADS ? (int)cores : MOST_THREADS;
  double loop[MOST_ROUNDS], whole[MOST_ROUNDS], loop_cpu[MOST_ROUNDS], whole_cpu[MOST_ROUNDS];
  int64_t decoded = 0;
  flr_image_list list;
  if (flr_image_list_walk(&list, folder) != FLR_OK) {
    fprintf(stderr, "%s\n", flr_status_message());
    exit(1);
  }
  for (int i = 0; i < rounds; i++) {
    const double start = cpu_seconds();
    loop[i] = run_plain(folder, &list, threads, &decoded);
    const double middle = cpu_seconds();
    whole[i] = run_convert(folder, out, threads, size, codec);
    loop_cpu[i] = middle - start;
    whole_cpu[i] = cpu_seconds() - middle;
  }
  const double a = bench_median(loop, rounds), b = bench_median(whole, rounds);
  printf("%lld of %lld files, %d threads, %d rounds: plain loop %.3f s, convert %.3f s (%.0f files/s): ratio %.3f\n",
         (long long)decoded, (long long)flr_image_list_count(&list), threads, rounds, a, b,
         (double)flr_image_list_count(&list) / b, a / b);
  const double c = bench_median(loop_cpu, rounds), d = bench_median(whole_cpu, rounds);
  printf("processor time: plain loop %.3f s, convert %.3f s: ratio %.3f\n", c, d, c / d);
  flr_image_list_clear(&list);
}

int main(int argc, char **argv) {
  char folder[PATH / 4], out[PATH];
  const int rounds = argc > 2 ? atoi(argv[2]) : 0;
  if (rounds < 1 || rounds > MOST_ROUNDS) {
    fprintf(stderr, "usage: bench_convert FOLDER ROUNDS [SIZE [CODEC]]\n");
    return 64;
  }
  if (!temporary_folder(folder, sizeof folder, "flr_bench")) return 1;
  (void)snprintf(out, sizeof out, "%s/out.h5", folder);
  measure(argv[1], out, rounds, argc > 3 ? atoll(argv[3]) : 0, argc > 4 ? argv[4] : "none");
  (void)unlink(out);
  (void)strcat(out, ".skipped.txt");
  (void)unlink(out);
  (void)rmdir(folder);
  return 0;
}
