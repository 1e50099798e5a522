/* How fast shuffled rows of 3 KiB are read: contiguous ones beside H5Dread row by row and a gather from mapped memory, deflate
 * chunks beside H5Dread and the codec alone. All take turns in every round; medians are printed. usage: bench_reading FOLDER
 * [ROWS ROUNDS THREADS] */
#include <fcntl.h>
#include <hdf5.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "core/clock.h"
#include "core/memory.h"
#include "core/permutation.h"
#include "datasets/codec.h"
#include "datasets/loader.h"
#include "datasets/order.h"

enum {
  SIDE = 32,
  CHANNELS = 3,
  ROW = SIDE * SIDE * CHANNELS,
  CHUNK = 128,
  BATCH = 256,
  WINDOW = 64,
  MOST_ROUNDS = 99,
  PACKED_ROWS = 100,
  MOST_THREADS = 64
};

typedef enum kind { H5_ROWS, MAPPED, DIRECT, LOADED, KEPT, H5_PACKED, INFLATE, CODEC, WINDOWED, KINDS } kind;

static const char *const names[KINDS] = {"contiguous: H5Dread row by row",
                                         "contiguous: gather from mapped memory",
                                         "contiguous: flr_dataset_read, one thread",
                                         "contiguous: loader",
                                         "contiguous: loader, kept in memory",
                                         "deflate: H5Dread row by row",
                                         "deflate: zlib alone",
                                         "deflate: our decoder alone",
                                         "deflate: loader, within a window"};

typedef struct bench {
  char plain[4096], packed[4096];
  int64_t rows, chunks;
  int rounds, threads;
  double rate[KINDS][MOST_ROUNDS]; /* rows a second */
  double cost[KINDS][MOST_ROUNDS]; /* processor microseconds a row, of all threads, with opening */
  unsigned char *stored;           /* all chunks one after the other */
  int64_t *at;                     /* [chunks + 1] where each begins there */
} bench;

static void need(int good, const char *what) {
  if (good) return;
  fprintf(stderr, "bench_reading: %s: %s\n", what, flr_status_message());
  exit(1);
}
#define NEED_OK(call) need((call) == FLR_OK, #call)

/* ---- files ---- */

/* A slope under noise of three bits: deflate makes it about half. */
static void fill_rows(unsigned char *out, int64_t first, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < ROW; k++) {
      const uint32_t random = (uint32_t)((first + i) * 40503 + k) * 2654435761U;
      out[i * ROW + k] = (unsigned char)((k / 16 + first + i) % 200 + (random >> 29));
    }
}

static void write_file(const char *path, int64_t rows, int packed) {
  const hsize_t dims[] = {(hsize_t)rows, SIDE, SIDE, CHANNELS}, chunk[] = {CHUNK, SIDE, SIDE, CHANNELS}, n = (hsize_t)rows;
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), list = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t group = H5Gcreate2(file, "train", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(4, dims, NULL), line = H5Screate_simple(1, &n, NULL);
  if (packed) need(H5Pset_chunk(list, 4, chunk) >= 0 && H5Pset_deflate(list, 4) >= 0, "filters");
  const hid_t set = H5Dcreate2(group, "images", H5T_NATIVE_UINT8, space, H5P_DEFAULT, list, H5P_DEFAULT);
  const hid_t labels = H5Dcreate2(group, "labels", H5T_NATIVE_INT32, line, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  unsigned char *data;
  int32_t *zeros;
  NEED_OK(flr_alloc(&data, rows, ROW));
  NEED_OK(flr_alloc(&zeros, rows, sizeof *zeros));
  fill_rows(data, 0, rows);
  need(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0, path);
  need(H5Dwrite(labels, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros) >= 0, path);
  flr_free(zeros);
  flr_free(data);
  H5Dclose(set);
  H5Dclose(labels);
  H5Sclose(space);
  H5Sclose(line);
  H5Pclose(list);
  H5Gclose(group);
  H5Fclose(file);
}

static void load_chunks(bench *b) {
  const hid_t file = H5Fopen(b->packed, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, "train/images", H5P_DEFAULT);
  b->chunks = (b->rows + CHUNK - 1) / CHUNK;
  NEED_OK(flr_alloc(&b->at, b->chunks + 1, sizeof *b->at));
  for (int64_t i = 0; i < b->chunks; i++) {
    const hsize_t first[] = {(hsize_t)(i * CHUNK), 0, 0, 0};
    hsize_t bytes;
    need(H5Dget_chunk_storage_size(set, first, &bytes) >= 0, b->packed);
    b->at[i + 1] = b->at[i] + (int64_t)bytes;
  }
  NEED_OK(flr_alloc(&b->stored, b->at[b->chunks], 1));
  for (int64_t i = 0; i < b->chunks; i++) {
    const hsize_t first[] = {(hsize_t)(i * CHUNK), 0, 0, 0};
    uint32_t mask;
    need(H5Dread_chunk(set, H5P_DEFAULT, first, &mask, b->stored + b->at[i]) >= 0, b->packed);
  }
  H5Dclose(set);
  H5Fclose(file);
}

/* ---- one way of reading each; all return rows a second ---- */

static double h5_rows(const char *path, int64_t rows, int64_t n) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, "train/images", H5P_DEFAULT);
  const hid_t space = H5Dget_space(set);
  const hsize_t count[] = {1, SIDE, SIDE, CHANNELS};
  const hid_t memory = H5Screate_simple(4, count, NULL);
  unsigned char row[ROW];
  const double began = flr_clock_seconds();
  for (int64_t i = 0; i < n; i++) {
    const hsize_t first[] = {(hsize_t)flr_permute(7, rows, i % rows), 0, 0, 0};
    (void)H5Sselect_hyperslab(space, H5S_SELECT_SET, first, NULL, count, NULL);
    need(H5Dread(set, H5T_NATIVE_UINT8, memory, space, H5P_DEFAULT, row) >= 0, path);
  }
  const double seconds = flr_clock_seconds() - began;
  H5Sclose(memory);
  H5Sclose(space);
  H5Dclose(set);
  H5Fclose(file);
  return (double)n / seconds;
}

static double mapped_rows(const bench *b) {
  const hid_t file = H5Fopen(b->plain, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, "train/images", H5P_DEFAULT);
  const size_t offset = (size_t)H5Dget_offset(set);
  H5Dclose(set);
  H5Fclose(file);
  struct stat info;
  const int fd = open(b->plain, O_RDONLY);
  need(fd >= 0 && fstat(fd, &info) == 0, b->plain);
  unsigned char *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0), *batch;
  need(map != MAP_FAILED, b->plain);
  NEED_OK(flr_alloc(&batch, BATCH, ROW));
  const double began = flr_clock_seconds();
  for (int64_t i = 0; i < b->rows; i++)
    memcpy(batch + i % BATCH * ROW, map + offset + (size_t)flr_permute(7, b->rows, i) * ROW, ROW);
  const double seconds = flr_clock_seconds() - began;
  flr_free(batch);
  (void)munmap(map, (size_t)info.st_size);
  close(fd);
  return (double)b->rows / seconds;
}

static flr_dataset *open_set(const char *path, int in_memory) {
  const flr_dataset_options options = {.source = path, .valid_fraction = 0, .seed = 1, .in_memory = in_memory};
  flr_dataset *d;
  NEED_OK(flr_dataset_open(&d, &options));
  return d;
}

static double direct_rows(const bench *b) {
  flr_dataset *d = open_set(b->plain, 0);
  unsigned char *batch;
  int64_t rows[BATCH];
  NEED_OK(flr_alloc(&batch, BATCH, ROW));
  const double began = flr_clock_seconds();
  for (int64_t i = 0; i + BATCH <= b->rows; i += BATCH) {
    for (int64_t k = 0; k < BATCH; k++) rows[k] = flr_permute(7, b->rows, i + k);
    NEED_OK(flr_dataset_read(d, FLR_SPLIT_TRAIN, rows, BATCH, batch));
  }
  const double seconds = flr_clock_seconds() - began;
  flr_free(batch);
  flr_dataset_destroy(d);
  return (double)(b->rows / BATCH * BATCH) / seconds;
}

/* Reads every row once, so that all blocks are there. */
static void warm(const bench *b, flr_dataset *d) {
  unsigned char row[ROW];
  NEED_OK(d->ops->reserve(d, flr_block_cache_blocks(d->cache), b->threads));
  for (int64_t i = 0; i < b->rows; i++) NEED_OK(flr_dataset_read(d, FLR_SPLIT_TRAIN, &i, 1, row));
}

/* The second epoch of a loader, as most are: what is set up once is there. `window` blocks, 0: all samples. */
static double loaded_rows(const bench *b, const char *path, int64_t window, int keep) {
  flr_dataset *d = open_set(path, keep);
  flr_block_map map = {0};
  if (keep) warm(b, d);
  if (window > 0) {
    NEED_OK(flr_block_map_init(&map, d, FLR_SPLIT_TRAIN));
    NEED_OK(d->ops->reserve(d, 3 * window / 2 + 3 * b->threads + 4, b->threads));
  }
  flr_loader_options o = {.sampler = {.seed = 1,
                                      .stream = FLR_STREAM_SHUFFLE,
                                      .samples = b->rows,
                                      .batch = BATCH,
                                      .shuffled = 1,
                                      .drop_last = 1,
                                      .window = window,
                                      .map = &map},
                          .shards = 1,
                          .shard_count = 1,
                          .workers = b->threads,
                          .prefetch = 4};
  const int64_t epoch = flr_sampler_steps(&o.sampler);
  o.steps = 2 * epoch;
  flr_loader *loader;
  flr_batch batch;
  NEED_OK(flr_loader_create(&loader, d, &o));
  for (int64_t i = 0; i < epoch; i++) NEED_OK(flr_loader_next(loader, &batch));
  const double began = flr_clock_seconds();
  for (int64_t i = 0; i < epoch; i++) NEED_OK(flr_loader_next(loader, &batch));
  const double seconds = flr_clock_seconds() - began;
  flr_loader_destroy(loader);
  flr_block_map_clear(&map);
  flr_dataset_destroy(d);
  return (double)(epoch * BATCH) / seconds;
}

/* ---- the codec alone, in all threads ---- */

typedef struct codec_work {
  const bench *b;
  int first, with_zlib;
} codec_work;

static void *decode(void *context) {
  const codec_work *w = context;
  const bench *b = w->b;
  static const flr_filters filters = {.count = 1, .id = {FLR_FILTER_DEFLATE}};
  flr_decoder_sizes sizes = {0};
  flr_decoder *decoder;
  unsigned char *out;
  flr_decoder_sizes_add(&sizes, &filters, 2 * CHUNK * ROW, CHUNK * ROW);
  NEED_OK(flr_decoder_create(&decoder, &sizes));
  NEED_OK(flr_alloc(&out, CHUNK, ROW));
  for (int64_t i = w->first; i < b->chunks; i += b->threads) {
    const size_t bytes = (size_t)(b->at[i + 1] - b->at[i]);
    uLongf size = CHUNK * ROW;
    if (w->with_zlib) {
      need(uncompress(out, &size, b->stored + b->at[i], bytes) == Z_OK, "uncompress");
      continue;
    }
    memcpy(flr_decoder_stored(decoder), b->stored + b->at[i], bytes);
    NEED_OK(flr_decoder_run(decoder, &filters, bytes, 0, out, CHUNK * ROW));
  }
  flr_free(out);
  flr_decoder_destroy(decoder);
  return NULL;
}

static double codec_rows(const bench *b, int with_zlib) {
  pthread_t threads[MOST_THREADS];
  codec_work work[MOST_THREADS];
  const double began = flr_clock_seconds();
  for (int i = 0; i < b->threads; i++) {
    work[i] = (codec_work){.b = b, .first = i, .with_zlib = with_zlib};
    need(pthread_create(&threads[i], NULL, decode, &work[i]) == 0, "thread");
  }
  for (int i = 0; i < b->threads; i++) (void)pthread_join(threads[i], NULL);
  return (double)b->rows / (flr_clock_seconds() - began);
}

/* ---- all of it ---- */

static int64_t rows_of(const bench *b, kind k) {
  const int two_epochs = k == LOADED || k == KEPT || k == WINDOWED;
  return k == H5_ROWS ? b->rows / 4 + 1 : k == H5_PACKED ? PACKED_ROWS : two_epochs ? 2 * b->rows : b->rows;
}

static double measure(const bench *b, kind k) {
  switch (k) {
    case H5_ROWS: return h5_rows(b->plain, b->rows, rows_of(b, k));
    case MAPPED: return mapped_rows(b);
    case DIRECT: return direct_rows(b);
    case LOADED: return loaded_rows(b, b->plain, 0, 0);
    case KEPT: return loaded_rows(b, b->plain, 0, 1);
    case H5_PACKED: return h5_rows(b->packed, b->rows, rows_of(b, k));
    case INFLATE: return codec_rows(b, 1);
    case CODEC: return codec_rows(b, 0);
    default: return loaded_rows(b, b->packed, WINDOW, 0);
  }
}

static void run(bench *b, kind k, int round) {
  struct timespec before, after;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  b->rate[k][round] = measure(b, k);
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  const double seconds = (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
  b->cost[k][round] = seconds / (double)rows_of(b, k) * 1e6;
}

static int compare(const void *a, const void *b) {
  double x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static void print(bench *b) {
  double median[KINDS];
  for (int k = 0; k < KINDS; k++) {
    qsort(b->rate[k], (size_t)b->rounds, sizeof(double), compare);
    median[k] = b->rate[k][b->rounds / 2];
    qsort(b->cost[k], (size_t)b->rounds, sizeof(double), compare);
    printf("%-44s %10.0f rows/s %9.1f MiB/s %10.2f CPU us/row\n", names[k], median[k], median[k] * ROW / 0x1p20,
           b->cost[k][b->rounds / 2]);
  }
  printf(
      "contiguous, loader over H5Dread: %.1f, over mapped memory: %.2f; one thread over mapped memory: %.2f, kept in memory "
      "over it: %.2f\n",
      median[LOADED] / median[H5_ROWS], median[LOADED] / median[MAPPED], median[DIRECT] / median[MAPPED],
      median[KEPT] / median[MAPPED]);
  printf("deflate, loader over H5Dread: %.0f, over zlib: %.2f, over our decoder (%s): %.2f\n",
         median[WINDOWED] / median[H5_PACKED], median[WINDOWED] / median[INFLATE], flr_codec_inflater(),
         median[WINDOWED] / median[CODEC]);
}

int main(int argc, char **argv) {
  bench b = {.rows = argc > 2 ? atoll(argv[2]) : 40000,
             .rounds = argc > 3 ? atoi(argv[3]) : 5,
             .threads = argc > 4 ? atoi(argv[4]) : 2};
  if (argc < 2 || b.rows < 2 * BATCH || b.rounds < 1 || b.rounds > MOST_ROUNDS || b.threads < 1 || b.threads > MOST_THREADS) {
    fprintf(stderr, "usage: bench_reading FOLDER [ROWS ROUNDS THREADS]\n");
    return 64;
  }
  (void)snprintf(b.plain, sizeof b.plain, "%s/bench_plain.h5", argv[1]);
  (void)snprintf(b.packed, sizeof b.packed, "%s/bench_packed.h5", argv[1]);
  write_file(b.plain, b.rows, 0);
  write_file(b.packed, b.rows, 1);
  load_chunks(&b);
  printf("%lld rows of %d bytes, chunks of %d rows (deflate to %.2f), %d threads, %d rounds\n", (long long)b.rows, ROW, CHUNK,
         (double)b.at[b.chunks] / (double)(b.rows * ROW), b.threads, b.rounds);
  for (int round = 0; round < b.rounds; round++)
    for (int k = 0; k < KINDS; k++) run(&b, (kind)k, round);
  print(&b);
  (void)unlink(b.plain);
  (void)unlink(b.packed);
  flr_free(b.stored);
  flr_free(b.at);
  return 0;
}
