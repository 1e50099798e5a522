/* What is known of the terminal that people look at. */
#ifndef FLR_REPORT_TERMINAL_H
#define FLR_REPORT_TERMINAL_H

/* Whether the file descriptor is a terminal on which text can be overwritten: TERM is neither empty nor "dumb". */
int flr_terminal_is_live(int fd);

/* Its columns and rows, else those that COLUMNS and LINES say, else 80 x 24. rows NULL: not asked for. */
void flr_terminal_size(int fd, int *columns, int *rows);

#endif
