/* LZ4 and zstd for HDF5 itself, so that it needs no plugins to read what this program writes. */
#ifndef FLR_DATASETS_H5_FILTERS_H
#define FLR_DATASETS_H5_FILTERS_H

/* Has HDF5 decode chunks with the libraries that this program was built with; filters that HDF5 has already stay. Idempotent.
   Not collective. */
void flr_h5_filters_register(void);

#endif
