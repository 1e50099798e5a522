/* What the scripts of all plots have in common: quoting, the look of pictures, files and pages made of gnuplot's answer. */
#ifndef FLR_REPORT_PLOT_SCRIPT_H
#define FLR_REPORT_PLOT_SCRIPT_H

#include <stddef.h>
#include <stdio.h>

#include "core/status.h"

typedef enum flr_plot_format { FLR_PLOT_SVG, FLR_PLOT_PNG, FLR_PLOT_TEXT } flr_plot_format;

/* Margins of a text plot, in characters. */
enum { FLR_PLOT_LEFT = 10, FLR_PLOT_RIGHT = 3, FLR_PLOT_TOP = 2, FLR_PLOT_BOTTOM = 4 };

/* Okabe and Ito's colours and two more, told apart by everyone: of the i-th thing, "#rrggbb". */
const char *flr_plot_colour(int i);

/* Writes a gnuplot string in single quotes, in which nothing but the quote has a meaning. Control characters become blanks;
   NULL is the empty string. */
void flr_plot_quote(FILE *script, const char *text);

/* Writes the terminal of a picture, SVG or PNG, `height` of 960 wide (the PNG half as large again), its border, grid and key.
 */
void flr_plot_look(FILE *script, flr_plot_format format, int height);

/* Writes the terminal of a text plot and its margins. */
void flr_plot_text_look(FILE *script, int columns, int rows);

/* columns or rows of a text plot brought into what gnuplot can draw: 40 .. 400 and 12 .. 200. */
int flr_plot_limit_columns(int columns);
int flr_plot_limit_rows(int rows);

/* The format that a file's name asks for. Errors: FLR_ERROR_USAGE unless it ends in .svg or .png. */
flr_status flr_plot_format_of(flr_plot_format *out, const char *path);

/* Copies a text plot without the blanks at line ends and the empty lines around it. */
void flr_plot_copy_text(FILE *page, const char *plot);

/* Closes a stream of open_memstream whose text, NULL when the stream could not be opened, becomes *out, owned by the caller
   (flr_free); the text itself is freed. Errors: FLR_ERROR_INTERNAL when memory is exhausted. */
flr_status flr_plot_close_page(char **out, FILE *page, char **text);

#endif
