/* Checksums over a whole HDF5 file that do not depend on how HDF5 lays it out: a file that another program rewrote with the
 * same content passes. */
#ifndef FLR_CHECKPOINT_SEAL_H
#define FLR_CHECKPOINT_SEAL_H

#include <hdf5.h>
#include <stdint.h>

#include "core/status.h"

/* Hash of the values of a data set as flr_h5_write keeps it in the attribute "checksum". */
uint64_t flr_h5_checksum(const void *data, size_t bytes);

/* Writes the root's attribute "digest": over names, shapes and kinds of all objects, all attributes, and the data sets'
   checksums. Last thing before a file is closed. Errors: FLR_ERROR_IO. */
flr_status flr_h5_seal(hid_t file);

/* The checksum of what the data set `name` of the file holds now. Errors: FLR_ERROR_DATA, FLR_ERROR_INTERNAL (memory). */
flr_status flr_h5_hash_values(uint64_t *out, hid_t file, hid_t set, const char *name);

/* Reads the checksum that a data set keeps. Returns 1; 0: it has none. */
int flr_h5_kept_checksum(hid_t set, uint64_t *out);

/* Compares the digest alone, not the data sets' values. *sealed 0: the file has none. Errors: FLR_ERROR_DATA saying what
 * differs. */
flr_status flr_h5_verify_structure(hid_t file, int *sealed);

/* Recomputes all of it from what the file holds. *sealed 0: it has no digest, nothing was compared. Errors: FLR_ERROR_DATA
   naming `path` and what differs. */
flr_status flr_h5_verify(hid_t file, const char *path, int *sealed);

#endif
