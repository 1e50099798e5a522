/* zlib reads both: what does not begin as gzip does it hands on as it is. */
#include "datasets/convert/byte_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { BUFFER_BYTES = 1 << 18, MOST_RATIO = 1032 /* deflate packs no better */ };

static flr_status join(char out[FLR_BYTE_FILE_PATH], const char *folder, const char *name) {
  const int length = snprintf(out, FLR_BYTE_FILE_PATH, "%s%s%s", folder ? folder : "", folder ? "/" : "", name);
  if (length < FLR_BYTE_FILE_PATH) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "the path %.60s... is too long", folder ? folder : name);
}

int flr_byte_file_exists(const char *folder, const char *name) {
  char path[FLR_BYTE_FILE_PATH];
  struct stat info;
  return join(path, folder, name) == FLR_OK && stat(path, &info) == 0;
}

static flr_status check_kind(flr_byte_file *file) {
  struct stat info;
  if (stat(file->path, &info) != 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s", file->path, strerror(errno));
  if (S_ISDIR(info.st_mode)) return flr_fail(FLR_ERROR_NO_INPUT, "%s is a folder: a file is wanted there", file->path);
  if (info.st_size == 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s is empty (0 bytes)", file->path);
  file->bytes = (int64_t)info.st_size;
  return FLR_OK;
}

flr_status flr_byte_file_open(flr_byte_file *out, const char *folder, const char *name) {
  *out = (flr_byte_file){0};
  FLR_TRY(join(out->path, folder, name));
  FLR_TRY(check_kind(out));
  out->stream = gzopen(out->path, "rbe");
  if (!out->stream) return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s", out->path, strerror(errno ? errno : ENOMEM));
  (void)gzbuffer(out->stream, BUFFER_BYTES);
  out->packed = !gzdirect(out->stream);
  return FLR_OK;
}

flr_status flr_byte_file_check_size(const flr_byte_file *file, int64_t bytes) {
  if (file->packed && bytes / MOST_RATIO > file->bytes)
    return flr_fail(FLR_ERROR_DATA, "%s is cut off: its %lld packed bytes cannot hold the %lld that it should have", file->path,
                    (long long)file->bytes, (long long)bytes);
  if (file->packed || bytes == file->bytes) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s is %s: it has %lld bytes, its header says %lld", file->path,
                  file->bytes < bytes ? "cut off" : "too long", (long long)file->bytes, (long long)bytes);
}

static flr_status read_failed(const flr_byte_file *file) {
  const int system = errno;
  int code;
  const char *reason = gzerror(file->stream, &code);
  if (code == Z_ERRNO) return flr_fail(FLR_ERROR_IO, "%s cannot be read: %s", file->path, strerror(system));
  if (code == Z_OK || code == Z_BUF_ERROR || code == Z_STREAM_END)
    return flr_fail(FLR_ERROR_DATA, "%s is cut off: it ends before the last sample", file->path);
  return flr_fail(FLR_ERROR_DATA, "%s does not unpack: %s", file->path, reason[0] ? reason : "it is damaged");
}

flr_status flr_byte_file_read(flr_byte_file *file, void *out, size_t n) {
  unsigned char *to = out;
  while (n > 0) {
    const unsigned part = n < INT_MAX ? (unsigned)n : INT_MAX;
    errno = 0;
    const int got = gzread(file->stream, to, part);
    if (got <= 0) return read_failed(file);
    to += got;
    n -= (size_t)got;
  }
  return FLR_OK;
}

flr_status flr_byte_file_line(flr_byte_file *file, char *line, int size, int *more) {
  int code;
  errno = 0;
  *more = gzgets(file->stream, line, size) != NULL;
  (void)gzerror(file->stream, &code);
  return code == Z_OK || code == Z_STREAM_END ? FLR_OK : read_failed(file);
}

flr_status flr_byte_file_expect_end(flr_byte_file *file) {
  unsigned char byte;
  int code;
  errno = 0;
  const int got = gzread(file->stream, &byte, 1);
  if (got > 0) return flr_fail(FLR_ERROR_DATA, "%s is too long: there is more behind its last sample", file->path);
  (void)gzerror(file->stream, &code);
  return got == 0 && (code == Z_OK || code == Z_STREAM_END) ? FLR_OK : read_failed(file);
}

flr_status flr_byte_file_rewind(flr_byte_file *file) {
  if (gzrewind(file->stream) == 0) return FLR_OK;
  return flr_fail(FLR_ERROR_IO, "%s cannot be read again: %s", file->path, strerror(errno));
}

void flr_byte_file_close(flr_byte_file *file) {
  if (file->stream) (void)gzclose(file->stream);
  file->stream = NULL;
}
