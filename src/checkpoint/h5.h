/* HDF5 for this room: small writes into a file that appears whole or not at all, and the library's own words on failures. */
#ifndef FLR_CHECKPOINT_H5_H
#define FLR_CHECKPOINT_H5_H

#include <hdf5.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* Silences HDF5's own error printing on this thread; called before the first use. */
void flr_h5_quiet(void);

/* Opens for reading, without a lock. Errors: FLR_ERROR_NO_INPUT (missing, a folder, empty), FLR_ERROR_IO (no permission),
 * FLR_ERROR_DATA (not HDF5, damaged, cut off). The caller closes it with H5Fclose. */
flr_status flr_h5_open(hid_t *out, const char *path);

/* A file being written under a temporary name beside `path`. */
typedef struct flr_h5_writer {
  hid_t file;
  const char *path; /* borrowed until commit or abandon */
  char *temporary;
  struct flr_h5_disk *disk; /* what became of the writes (h5_disk.h) */
} flr_h5_writer;

/* Creates the temporary file. Errors: FLR_ERROR_IO with path and reason. */
flr_status flr_h5_writer_begin(flr_h5_writer *out, const char *path);
/* Closes, fsyncs, renames over path, fsyncs the folder. Errors: FLR_ERROR_IO; the older file is untouched then. */
flr_status flr_h5_writer_commit(flr_h5_writer *writer);
/* Closes and removes the temporary file; allowed after a commit or a failed begin. */
void flr_h5_writer_abandon(flr_h5_writer *writer);

/* Opens the group of that path, made with those above it when they are not there; the caller closes it. Names have up to 255
 * characters. Errors: FLR_ERROR_IO. */
flr_status flr_h5_make_group(hid_t *out, hid_t file, const char *name);
/* Writes a dense data set with its checksum (seal.h); intermediate groups are created. rank 0: scalar. memory_type as
 * H5T_NATIVE_*, which is also the file's type. Errors: FLR_ERROR_IO with name and reason. */
flr_status flr_h5_write(hid_t file, const char *name, hid_t memory_type, int rank, const int64_t *dims, const void *data);
/* The same, with the checksum of data's bytes that the caller has computed already (flr_h5_checksum). */
flr_status flr_h5_write_summed(hid_t file, const char *name, hid_t memory_type, int rank, const int64_t *dims, const void *data,
                               uint64_t checksum);
/* A scalar data set of fixed-length UTF-8 text. Errors: FLR_ERROR_IO. */
flr_status flr_h5_write_string(hid_t file, const char *name, const char *text);
/* Attributes of a group, a data set or (given the file) the root. Errors: FLR_ERROR_IO. */
flr_status flr_h5_write_attribute(hid_t object, const char *name, hid_t memory_type, const void *value);
flr_status flr_h5_write_attribute_string(hid_t object, const char *name, const char *text);

/* Reads text of any HDF5 string kind from the data set or root attribute `name`. *out is owned by the caller (flr_free), NULL
 * when there is none. Errors: FLR_ERROR_DATA when it is there but not one text. */
flr_status flr_h5_read_string(char **out, hid_t file, const char *name);
flr_status flr_h5_read_attribute_string(char **out, hid_t file, const char *name);
/* Reads a scalar integer attribute of a group or (given the file) the root; `fallback` when there is none. */
int64_t flr_h5_read_attribute_integer(hid_t file, const char *name, int64_t fallback);

typedef enum flr_h5_stored {
  FLR_H5_NOTHING, /* nothing was written, or the file is too short for it */
  FLR_H5_IN_PART, /* chunks are missing */
  FLR_H5_ALL
} flr_h5_stored;

/* Whether the values of a data set lie in its file: what was never written reads as zeros, of any size. */
flr_h5_stored flr_h5_find_stored(hid_t set);

/* The HDF5 library's own words on the last failure, in one line. Returns text. */
const char *flr_h5_reason(char *text, size_t size);

#endif
