/* HDF5 handles and small writes: every call checked, every error with the file's name. */
#ifndef FLR_CHECKPOINT_H5_H
#define FLR_CHECKPOINT_H5_H

#include <hdf5.h>
#include <stdint.h>

#include "core/status.h"

/* Silences HDF5's own error printing on this thread; called before the first use. */
void flr_h5_quiet(void);

/* A file being written under a temporary name beside `path`. */
typedef struct flr_h5_writer {
  hid_t file;
  char path[4096];
  char temporary[4096];
} flr_h5_writer;

/* Creates the temporary file. Errors: FLR_ERROR_IO with path and reason. */
flr_status flr_h5_writer_begin(flr_h5_writer *out, const char *path);
/* Closes, fsyncs file and folder, renames over path. */
flr_status flr_h5_writer_commit(flr_h5_writer *writer);
/* Closes and removes the temporary file; allowed after a commit or a failed begin. */
void flr_h5_writer_abandon(flr_h5_writer *writer);

/* Writes a dense data set (intermediate groups are created). rank 0: scalar. memory_type as H5T_NATIVE_*. */
flr_status flr_h5_write(hid_t file, const char *name, hid_t memory_type, int rank, const int64_t *dims, const void *data);
flr_status flr_h5_write_string(hid_t file, const char *name, const char *text);           /* a data set */
flr_status flr_h5_write_attribute(hid_t object, const char *name, hid_t memory_type, const void *value);
flr_status flr_h5_write_attribute_string(hid_t object, const char *name, const char *text);

/* The HDF5 library's own words on the last failure, for flr_fail. */
const char *flr_h5_reason(char *text, size_t size);

#endif
