/* One sample as it is delivered, from the row that it is in the file. */
#ifndef FLR_DATASETS_H5_SAMPLE_H
#define FLR_DATASETS_H5_SAMPLE_H

#include "datasets/h5_rows.h"

typedef struct flr_h5_form {
  int64_t height, width, channels;
  int planes;        /* 1: [C, H, W] in the file */
  int numbers;       /* 1: delivered as float32; 0: bytes */
  float least, most; /* of numbers; both NAN: they are not looked at */
} flr_h5_form;

/* Reads row `row` to out [h, w, c]. Thread-safe; allocates nothing. Errors: those of flr_h5_rows_read; FLR_ERROR_DATA naming
   file, row, place and value for a number outside the form's range. */
flr_status flr_h5_sample_read(const flr_h5_rows *part, const flr_h5_form *form, int64_t row, void *out);

#endif
