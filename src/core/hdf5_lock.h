/* One thread at a time in the HDF5 library, which is not thread-safe as distributions build it. */
#ifndef FLR_CORE_HDF5_LOCK_H
#define FLR_CORE_HDF5_LOCK_H

/* Taken by every function that calls HDF5 and may run beside another that does; may be taken again by the thread that has it,
   which gives it back as often. Not collective. */
void flr_hdf5_lock(void);
void flr_hdf5_unlock(void);

#endif
