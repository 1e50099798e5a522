/* An open HDF5 file: HDF5's handle for structure, a descriptor or the memory image for bytes. */
#ifndef FLR_DATASETS_H5_SOURCE_H
#define FLR_DATASETS_H5_SOURCE_H

#include <hdf5.h>
#include <stdint.h>

#include "core/status.h"

typedef struct flr_h5_source {
  char name[1024];
  hid_t file;
  int fd; /* -1 when it is in memory */
  const unsigned char *memory;
  int64_t bytes;
  int64_t changed[2]; /* when the file was last written: seconds, nanoseconds */
  int64_t inode;      /* 0 in memory */
} flr_h5_source;

/* Opens a file read-only after checking what it is. Errors: FLR_ERROR_NO_INPUT, FLR_ERROR_DATA, FLR_ERROR_IO. */
flr_status flr_h5_source_open(flr_h5_source *out, const char *path);
/* The same over bytes in memory (borrowed). */
flr_status flr_h5_source_open_memory(flr_h5_source *out, const char *name, const void *memory, size_t bytes);
/* The same for bytes alone: without HDF5, `file` stays invalid. */
flr_status flr_h5_source_open_bytes(flr_h5_source *out, const char *path);
void flr_h5_source_open_memory_bytes(flr_h5_source *out, const char *name, const void *memory, size_t bytes);
/* Whether an open file is the one that another rank of this host has seen: length, time of writing, inode. Errors:
   FLR_ERROR_DATA. */
flr_status flr_h5_source_match(const flr_h5_source *source, const flr_h5_source *seen);
/* Closes HDF5's handle; the descriptor stays for reading rows. */
void flr_h5_source_close_structure(flr_h5_source *source);
void flr_h5_source_close(flr_h5_source *source);

/* Reads `bytes` at byte `offset` of the file. Thread-safe. Errors: FLR_ERROR_IO naming file and offset. */
flr_status flr_h5_source_read(const flr_h5_source *source, int64_t offset, size_t bytes, void *out);

/* Whether the file is as long and as old as it was when it was opened. Thread-safe. Errors: FLR_ERROR_DATA, FLR_ERROR_IO. */
flr_status flr_h5_source_check(const flr_h5_source *source);

/* HDF5's own words on the last failure. */
const char *flr_h5_source_reason(char *text, size_t size);

#endif
