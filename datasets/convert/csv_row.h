/* One line of a table and its fields. */
#ifndef FLR_DATASETS_CONVERT_CSV_ROW_H
#define FLR_DATASETS_CONVERT_CSV_ROW_H

#include "datasets/convert/byte_file.h"

enum { FLR_CSV_LINE_BYTES = 1 << 22, FLR_CSV_MOST_COLUMNS = 1 << 16 };

typedef struct flr_csv_row {
  const flr_byte_file *file; /* the line's; NULL: none was read */
  int64_t line;              /* its number in the file, from 1; set to 0 when a file is begun */
  char *text;                /* the line without its end, until it is split */
  char **fields;             /* [count], after the split; in text */
  int count;
} flr_csv_row;

/* The caller clears it, also after an error. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_csv_row_init(flr_csv_row *out);
void flr_csv_row_clear(flr_csv_row *row);
/* The next line that is not blank; *more 0: there is none. Errors: FLR_ERROR_DATA (too long, cut off), FLR_ERROR_IO. */
flr_status flr_csv_row_read(flr_csv_row *row, flr_byte_file *file, int *more);
/* Cuts the line at its commas; fields in double quotes may hold commas, and quotes as two of them. Errors: FLR_ERROR_DATA. */
flr_status flr_csv_row_split(flr_csv_row *row, const flr_byte_file *file);

#endif
