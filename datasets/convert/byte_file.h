/* A file of bytes, plain or packed by gzip, read from its start to its end. */
#ifndef FLR_DATASETS_CONVERT_BYTE_FILE_H
#define FLR_DATASETS_CONVERT_BYTE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum { FLR_BYTE_FILE_PATH = 1024 };

typedef struct flr_byte_file {
  struct gzFile_s *stream; /* owned */
  char path[FLR_BYTE_FILE_PATH];
  int64_t bytes; /* on the disk */
  int packed;
} flr_byte_file;

/* Opens folder/name (folder NULL: name). The caller closes it. Errors: FLR_ERROR_NO_INPUT (missing, a folder, empty),
   FLR_ERROR_USAGE (path too long). Not collective. */
flr_status flr_byte_file_open(flr_byte_file *out, const char *folder, const char *name);
/* Whether folder/name exists. */
int flr_byte_file_exists(const char *folder, const char *name);
/* That the file can hold `bytes` bytes, and if it is not packed no more: before anything is made for them. Errors:
   FLR_ERROR_DATA with both numbers. */
flr_status flr_byte_file_check_size(const flr_byte_file *file, int64_t bytes);
/* The next n bytes. Errors: FLR_ERROR_DATA (cut off, does not unpack), FLR_ERROR_IO. */
flr_status flr_byte_file_read(flr_byte_file *file, void *out, size_t n);
/* The next line with its end, or as much of it as `size` has room for, as a string; *more 0: there is none. Errors as of
   reading. */
flr_status flr_byte_file_line(flr_byte_file *file, char *line, int size, int *more);
/* That nothing follows, and that gzip's checksum is right. Errors as of reading. */
flr_status flr_byte_file_expect_end(flr_byte_file *file);
/* Back to the start. */
flr_status flr_byte_file_rewind(flr_byte_file *file);
/* A file that is not open is allowed. */
void flr_byte_file_close(flr_byte_file *file);

#endif
