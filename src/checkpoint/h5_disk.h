/* The files that HDF5 writes, by a driver of ours. HDF5 does not survive a write that fails while it closes a file: it cannot
 * close it then, and crashes at the end of the process. This driver keeps a failure for itself: what follows is dropped, and
 * the writer asks. */
#ifndef FLR_CHECKPOINT_H5_DISK_H
#define FLR_CHECKPOINT_H5_DISK_H

#include <hdf5.h>
#include <stdint.h>

/* A file being written; outlives its closing. */
typedef struct flr_h5_disk {
  int fd;        /* first: what H5Fget_vfd_handle points to is also an int */
  int failure;   /* errno of the first call that failed, 0: none */
  uint64_t mark; /* tells it from the handles of HDF5's own drivers, which lie in structs that are larger */
  hid_t driver;  /* until flr_h5_disk_release; 0: none */
} flr_h5_disk;

/* Creates the file, as H5Fcreate with `create` and `access` (whose driver is set). `disk` must live until the file is closed.
   Negative: an error; its reason is in disk->failure, or HDF5's own. */
hid_t flr_h5_disk_create(const char *path, hid_t create, hid_t access, flr_h5_disk *disk);

/* Once the file is closed, or was not created: gives the driver back, which must outlive the file, since HDF5 calls it to close
   after it has given up its own hold on it. Does nothing for a disk of zeros. */
void flr_h5_disk_release(flr_h5_disk *disk);

/* The file of any object in it; borrowed. NULL: none of this driver's. */
flr_h5_disk *flr_h5_disk_of(hid_t object);

#endif
