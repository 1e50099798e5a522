/* Listing chunks where H5Dchunk_iter is not there or cannot be trusted. HDF5 below 1.10.10 (1.12.3, 1.14) finds the n-th one
   only by counting from the first, so it is asked to read each by its place instead, through a file driver that notes where it
   would read. */
#include "core/memory.h"
#include "datasets/h5_chunk_list.h"
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

/* ---- a file driver that reads structure and notes data ---- */

typedef struct noting_file {
  H5FD_t base; /* HDF5's own part, first */
  const flr_h5_source *source;
  haddr_t end;
  int noting;
  haddr_t address; /* of the last read of data */
  size_t bytes;
} noting_file;

typedef struct noting_access {
  const flr_h5_source *source;
  noting_file **opened;
} noting_access;

static H5FD_t *open_noting(const char *name, unsigned flags, hid_t access, haddr_t most) {
  (void)name, (void)flags, (void)most;
  const noting_access *given = H5Pget_driver_info(access);
  noting_file *file;
  if (!given || flr_alloc(&file, 1, sizeof *file) != FLR_OK) return NULL;
  file->source = given->source;
  *given->opened = file;
  return &file->base;
}

static herr_t close_noting(H5FD_t *file) {
  flr_free(file);
  return 0;
}

static herr_t query_noting(const H5FD_t *file, unsigned long *flags) {
  (void)file;
  *flags = 0;
  return 0;
}

static haddr_t get_end(const H5FD_t *file, H5FD_mem_t type) {
  (void)type;
  return ((const noting_file *)file)->end;
}

static herr_t set_end(H5FD_t *file, H5FD_mem_t type, haddr_t end) {
  (void)type;
  ((noting_file *)file)->end = end;
  return 0;
}

static haddr_t get_file_end(const H5FD_t *file, H5FD_mem_t type) {
  (void)type;
  return (haddr_t)((const noting_file *)file)->source->bytes;
}

static herr_t read_noting(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t bytes, void *out) {
  noting_file *file = (noting_file *)base;
  (void)transfer;
  if (file->noting && type == H5FD_MEM_DRAW) {
    file->address = address;
    file->bytes = bytes;
    return 0;
  }
  const haddr_t end = (haddr_t)file->source->bytes;
  if (address > end || bytes > end - address) return -1;
  return flr_h5_source_read(file->source, (int64_t)address, bytes, out) == FLR_OK ? 0 : -1;
}

static herr_t refuse_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t bytes, const void *data) {
  (void)file, (void)type, (void)transfer, (void)address, (void)bytes, (void)data;
  return -1;
}

static const H5FD_class_t noting_driver = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)513,
#endif
    .name = "fastlr_noting",
    .maxaddr = HADDR_MAX,
    .fc_degree = H5F_CLOSE_WEAK,
    .fapl_size = sizeof(noting_access),
    .open = open_noting,
    .close = close_noting,
    .query = query_noting,
    .get_eoa = get_end,
    .set_eoa = set_end,
    .get_eof = get_file_end,
    .read = read_noting,
    .write = refuse_write,
    .fl_map = H5FD_FLMAP_SINGLE};

static flr_status note_chunks(flr_h5_chunk *out, noting_file *file, hid_t dataset, const char *path, const flr_h5_grid *grid) {
  for (int64_t i = 0; i < grid->chunks; i++) {
    hsize_t first[FLR_H5_MOST_AXES];
    uint32_t skipped = 0;
    unsigned char nothing; /* the driver does not write to it */
    flr_h5_chunk_place(grid, i, first);
    file->noting = 1;
    file->bytes = 0;
    const herr_t found = H5Dread_chunk(dataset, H5P_DEFAULT, first, &skipped, &nothing);
    file->noting = 0;
    if (found < 0 || file->bytes == 0 || file->bytes > UINT32_MAX) return flr_h5_chunk_absent(file->source, path, first);
    out[i] = (flr_h5_chunk){.offset = (int64_t)file->address, .bytes = (uint32_t)file->bytes, .skipped = skipped};
  }
  return FLR_OK;
}

static flr_status open_and_note(flr_h5_chunk *out, hid_t driver, const flr_h5_source *source, const char *path,
                                const flr_h5_grid *grid) {
  noting_file *noting = NULL;
  const noting_access given = {.source = source, .opened = &noting};
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  hid_t file = H5I_INVALID_HID, dataset = H5I_INVALID_HID;
  if (H5Pset_driver(access, driver, &given) >= 0) file = H5Fopen(source->name, H5F_ACC_RDONLY, access);
  if (file >= 0) dataset = H5Dopen2(file, path, H5P_DEFAULT);
  const flr_status status =
      dataset >= 0 ? note_chunks(out, noting, dataset, path, grid)
                   : flr_fail(FLR_ERROR_DATA, "%s: %s: its chunks cannot be listed: the file is damaged", source->name, path);
  if (dataset >= 0) (void)H5Dclose(dataset);
  if (file >= 0) (void)H5Fclose(file);
  (void)H5Pclose(access);
  return status;
}

flr_status flr_h5_chunk_note(flr_h5_chunk *out, const flr_h5_source *source, const char *path, const flr_h5_grid *grid) {
  const hid_t driver = H5FDregister(&noting_driver);
  if (driver < 0) return flr_fail(FLR_ERROR_INTERNAL, "HDF5 takes no file driver");
  const flr_status status = open_and_note(out, driver, source, path, grid);
  (void)H5FDunregister(driver);
  return status;
}
