/* Plain files, written past the page cache or by pwrite. HDF5 never hears of failures. */
#include "checkpoint/h5_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#include "checkpoint/disk_flow.h"

static const haddr_t most_bytes = (haddr_t)INT64_MAX;
static const uint64_t mark = 0x6b7369645f726c66; /* "flr_disk" */

/* HDF5's own part comes first. */
typedef struct disk_file {
  H5FD_t head;
  flr_h5_disk *disk;   /* borrowed */
  haddr_t end_used;    /* of what HDF5 has given out */
  haddr_t end_there;   /* of the file */
  flr_disk_flow *flow; /* which writes; NULL: pwrite does */
} disk_file;

/* What the access list carries to open. */
typedef struct disk_info {
  flr_h5_disk *disk;
} disk_info;

/* number: errno, 0: none. */
static void note_failure(disk_file *f, int number) {
  if (!f->disk->failure) f->disk->failure = number;
}

static H5FD_t *open_file(const char *name, unsigned flags, hid_t access, haddr_t limit) {
  const disk_info *info = H5Pget_driver_info(access);
  (void)limit;
  if (!info || !(flags & H5F_ACC_CREAT)) return NULL; /* (HDF5 first asks whether the file is there) */
  disk_file *f = calloc(1, sizeof *f);
  if (!f) return NULL;
  f->disk = info->disk;
  f->disk->fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (f->disk->fd >= 0) {
    f->flow = flr_disk_flow_open(name, f->disk->fd);
    return &f->head;
  }
  note_failure(f, errno);
  free(f);
  return NULL;
}

/* Once all is written that was handed over. */
static void drain(disk_file *f) {
  if (f->flow) note_failure(f, flr_disk_flow_drain(f->flow));
}

static herr_t close_file(H5FD_t *head) {
  disk_file *f = (disk_file *)(void *)head;
  drain(f);
  flr_disk_flow_close(f->flow);
  if (close(f->disk->fd) != 0) note_failure(f, errno);
  f->disk->fd = -1;
  free(f);
  return 0;
}

static herr_t query(const H5FD_t *head, unsigned long *flags) {
  (void)head;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA |
           H5FD_FEAT_POSIX_COMPAT_HANDLE | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

static haddr_t get_eoa(const H5FD_t *head, H5FD_mem_t type) {
  (void)type;
  return ((const disk_file *)(const void *)head)->end_used;
}

static herr_t set_eoa(H5FD_t *head, H5FD_mem_t type, haddr_t end) {
  (void)type;
  ((disk_file *)(void *)head)->end_used = end;
  return 0;
}

static haddr_t get_eof(const H5FD_t *head, H5FD_mem_t type) {
  (void)type;
  return ((const disk_file *)(const void *)head)->end_there;
}

static herr_t get_handle(H5FD_t *head, hid_t access, void **handle) {
  (void)access;
  *handle = ((disk_file *)(void *)head)->disk;
  return 0;
}

/* What was dropped reads as zeros. */
static herr_t read_bytes(H5FD_t *head, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t bytes, void *out) {
  disk_file *f = (disk_file *)(void *)head;
  char *to = out;
  (void)type;
  (void)transfer;
  drain(f);
  while (bytes > 0) {
    const ssize_t got = pread(f->disk->fd, to, bytes, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) note_failure(f, errno);
    if (got <= 0) break;
    to += got;
    at += (haddr_t)got;
    bytes -= (size_t)got;
  }
  memset(to, 0, bytes);
  return 0;
}

static void write_cached(disk_file *f, haddr_t at, const char *from, size_t bytes) {
  while (bytes > 0 && !f->disk->failure) {
    const ssize_t put = pwrite(f->disk->fd, from, bytes, (off_t)at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      note_failure(f, put < 0 ? errno : EIO);
      break;
    }
    from += put;
    at += (haddr_t)put;
    bytes -= (size_t)put;
  }
}

static herr_t write_bytes(H5FD_t *head, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t bytes, const void *data) {
  disk_file *f = (disk_file *)(void *)head;
  (void)type;
  (void)transfer;
  if (f->flow) {
    flr_disk_flow_write(f->flow, (int64_t)at, data, bytes);
    note_failure(f, flr_disk_flow_failure(f->flow));
  } else {
    write_cached(f, at, data, bytes);
  }
  if (at + bytes > f->end_there) f->end_there = at + bytes;
  return 0;
}

static herr_t cut(H5FD_t *head, hid_t transfer, hbool_t closing) {
  disk_file *f = (disk_file *)(void *)head;
  (void)transfer;
  (void)closing;
  if (f->end_used == f->end_there) return 0;
  drain(f);
  if (!f->disk->failure && ftruncate(f->disk->fd, (off_t)f->end_used) != 0) note_failure(f, errno);
  f->end_there = f->end_used;
  return 0;
}

/* A copy for HDF5 to change: it wants the address of one that is not const in some versions. */
static H5FD_class_t make_class(void) {
  return (H5FD_class_t) {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION, .value = (H5FD_class_value_t)512,
#endif
    .name = "fastlr_disk", .maxaddr = most_bytes, .fc_degree = H5F_CLOSE_STRONG, .fapl_size = sizeof(disk_info),
    .open = open_file, .close = close_file, .query = query, .get_eoa = get_eoa, .set_eoa = set_eoa, .get_eof = get_eof,
    .get_handle = get_handle, .read = read_bytes, .write = write_bytes, .truncate = cut, .fl_map = H5FD_FLMAP_DICHOTOMY,
  };
}

hid_t flr_h5_disk_create(const char *path, hid_t create, hid_t access, flr_h5_disk *disk) {
  const H5FD_class_t class = make_class();
  const disk_info info = {disk};
  *disk = (flr_h5_disk){.fd = -1, .mark = mark};
  disk->driver = H5FDregister(&class);
  if (disk->driver < 0 || H5Pset_driver(access, disk->driver, &info) < 0) return H5I_INVALID_HID;
  return H5Fcreate(path, H5F_ACC_TRUNC, create, access);
}

void flr_h5_disk_release(flr_h5_disk *disk) {
  if (disk->driver > 0) (void)H5FDunregister(disk->driver);
  disk->driver = 0;
}

flr_h5_disk *flr_h5_disk_of(hid_t object) {
  void *handle = NULL;
  flr_h5_disk *disk;
  const hid_t file = H5Iget_file_id(object);
  if (file < 0) return NULL;
  if (H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0) handle = NULL;
  (void)H5Fclose(file); /* the count of its users that was raised above */
  disk = handle;
  return disk && disk->mark == mark ? disk : NULL;
}
