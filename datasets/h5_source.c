/* Opening HDF5 files and reading their bytes. */
#include "datasets/h5_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static herr_t first_reason(unsigned n, const H5E_error2_t *error, void *context) {
  char **text = context;
  if (n == 0 && error->desc) (void)snprintf(*text, 200, "%s", error->desc);
  return 0;
}

const char *flr_h5_source_reason(char *text, size_t size) {
  char reason[256] = "";
  char *pointer = reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_reason, &pointer);
  (void)snprintf(text, size, "%s", reason[0] ? reason : "unknown reason");
  return text;
}

static flr_status check_file(flr_h5_source *s) {
  struct stat info;
  if (fstat(s->fd, &info) != 0) return flr_fail(FLR_ERROR_IO, "%s: %s", s->name, strerror(errno));
  if (S_ISDIR(info.st_mode)) return flr_fail(FLR_ERROR_NO_INPUT, "%s is a folder: give an HDF5 file", s->name);
  if (!S_ISREG(info.st_mode))
    return flr_fail(FLR_ERROR_NO_INPUT, "%s is a pipe or a device: HDF5 needs a file that can be read anywhere", s->name);
  if (info.st_size == 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s is empty (0 bytes)", s->name);
  s->bytes = (int64_t)info.st_size;
  s->changed[0] = (int64_t)info.st_mtim.tv_sec;
  s->changed[1] = (int64_t)info.st_mtim.tv_nsec;
  s->inode = (int64_t)info.st_ino;
  return FLR_OK;
}

flr_status flr_h5_source_check(const flr_h5_source *s) {
  struct stat info;
  if (s->memory) return FLR_OK;
  if (fstat(s->fd, &info) != 0) return flr_fail(FLR_ERROR_IO, "%s: %s", s->name, strerror(errno));
  if ((int64_t)info.st_size != s->bytes)
    return flr_fail(FLR_ERROR_DATA,
                    "%s changed while it was read: it had %lld bytes and has %lld: start again with data that stay", s->name,
                    (long long)s->bytes, (long long)info.st_size);
  if ((int64_t)info.st_mtim.tv_sec == s->changed[0] && (int64_t)info.st_mtim.tv_nsec == s->changed[1]) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s was written to while it was read: start again with data that stay", s->name);
}

/* HDF5 says "not HDF5" and "cut off" with the same failure; the signature tells them apart (it may lie behind a user block). */
static flr_status describe_unreadable(const char *path, int fd, int64_t bytes, const char *reason) {
  if (strstr(reason, "lock file"))
    return flr_fail(FLR_ERROR_IO, "%s: HDF5 says: %s: export HDF5_USE_FILE_LOCKING=FALSE", path, reason);
  static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  unsigned char start[8];
  for (int64_t at = 0; at + 8 <= bytes; at = at ? 2 * at : 512)
    if (pread(fd, start, sizeof start, (off_t)at) == (ssize_t)sizeof start && memcmp(start, signature, sizeof start) == 0)
      return flr_fail(FLR_ERROR_DATA, "%s is damaged or cut off (%lld bytes): HDF5 says: %s", path, (long long)bytes, reason);
  return flr_fail(FLR_ERROR_DATA, "%s is not an HDF5 file", path);
}

static flr_status open_structure(flr_h5_source *s) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
  (void)H5Pset_file_locking(access, 0, 1); /* reading needs no lock, and network file systems may have none */
#endif
  s->file = H5Fopen(s->name, H5F_ACC_RDONLY, access);
  char reason[256] = ""; /* the next call of HDF5 forgets it */
  if (s->file < 0) flr_h5_source_reason(reason, sizeof reason);
  (void)H5Pclose(access);
  return s->file >= 0 ? FLR_OK : describe_unreadable(s->name, s->fd, s->bytes, reason);
}

static flr_status cannot_open(const char *path, int error) {
  const int none = error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG || error == ENXIO;
  if (!none) return flr_fail(FLR_ERROR_IO, "%s: %s", path, strerror(error));
  return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s: give an HDF5 file, digits or synthetic:N,H,W,C,K", path, strerror(error));
}

flr_status flr_h5_source_open_bytes(flr_h5_source *out, const char *path) {
  *out = (flr_h5_source){.file = H5I_INVALID_HID, .fd = -1};
  const size_t length = strlen(path);
  if (length >= sizeof out->name) return flr_fail(FLR_ERROR_USAGE, "--data: the path %.60s... is too long", path);
  memcpy(out->name, path, length + 1);
  const int how = O_RDONLY | O_CLOEXEC | O_NONBLOCK;            /* opening a pipe would wait for its writer */
  out->fd = open(path, how | O_NOATIME);                        /* no read has to look at the file's times */
  if (out->fd < 0 && errno == EPERM) out->fd = open(path, how); /* it is somebody else's */
  if (out->fd < 0) return cannot_open(path, errno);
  const flr_status status = check_file(out);
  if (status != FLR_OK) flr_h5_source_close(out);
  return status;
}

flr_status flr_h5_source_open(flr_h5_source *out, const char *path) {
  FLR_TRY(flr_h5_source_open_bytes(out, path));
  (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const flr_status status = open_structure(out);
  if (status != FLR_OK) flr_h5_source_close(out);
  return status;
}

flr_status flr_h5_source_match(const flr_h5_source *s, const flr_h5_source *seen) {
  const char *what = s->bytes != seen->bytes                                                  ? "length"
                     : s->changed[0] != seen->changed[0] || s->changed[1] != seen->changed[1] ? "time of writing"
                                                                                              : "inode";
  if (s->bytes == seen->bytes && s->changed[0] == seen->changed[0] && s->changed[1] == seen->changed[1] &&
      s->inode == seen->inode)
    return FLR_OK;
  return flr_fail(FLR_ERROR_DATA,
                  "%s is another file here than for the first rank of this node (its %s differs: %lld bytes, inode %lld; there "
                  "%lld bytes, inode %lld): give all ranks the same file, and start again if it was just replaced",
                  s->name, what, (long long)s->bytes, (long long)s->inode, (long long)seen->bytes, (long long)seen->inode);
}

void flr_h5_source_open_memory_bytes(flr_h5_source *out, const char *name, const void *memory, size_t bytes) {
  *out = (flr_h5_source){.file = H5I_INVALID_HID, .fd = -1, .memory = memory, .bytes = (int64_t)bytes};
  (void)snprintf(out->name, sizeof out->name, "%s", name);
}

flr_status flr_h5_source_open_memory(flr_h5_source *out, const char *name, const void *memory, size_t bytes) {
  flr_h5_source_open_memory_bytes(out, name, memory, bytes);
  (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  void *image = (void *)(uintptr_t)memory; /* HDF5 copies it */
  if (H5Pset_fapl_core(access, 65536, 0) >= 0 && H5Pset_file_image(access, image, bytes) >= 0)
    out->file = H5Fopen(name, H5F_ACC_RDONLY, access);
  char reason[256] = "";
  if (out->file < 0) flr_h5_source_reason(reason, sizeof reason);
  (void)H5Pclose(access);
  if (out->file >= 0) return FLR_OK;
  return flr_fail(FLR_ERROR_INTERNAL, "%s cannot be opened from memory: %s", name, reason);
}

void flr_h5_source_close_structure(flr_h5_source *s) {
  if (s->file >= 0) (void)H5Fclose(s->file);
  s->file = H5I_INVALID_HID;
}

void flr_h5_source_close(flr_h5_source *s) {
  flr_h5_source_close_structure(s);
  if (s->fd >= 0) (void)close(s->fd);
  s->fd = -1;
}

flr_status flr_h5_source_read(const flr_h5_source *s, int64_t offset, size_t bytes, void *out) {
  if (s->memory) {
    memcpy(out, s->memory + offset, bytes);
    return FLR_OK;
  }
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = pread(s->fd, (char *)out + done, bytes - done, (off_t)(offset + (int64_t)done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return flr_fail(FLR_ERROR_IO, "%s: reading %zu bytes at byte %lld: %s", s->name, bytes, (long long)offset,
                      got == 0 ? "the file has become shorter" : strerror(errno));
    done += (size_t)got;
  }
  return FLR_OK;
}
