/* INI text line by line: names and values of any length and of any characters. */
#ifndef FLR_CORE_INI_H
#define FLR_CORE_INI_H

#include <stddef.h>

/* Takes the next "name = value" from *cursor, which it moves on; *line counts lines from the caller's 0. Blank lines, lines
   that start with ';' or '#', and "[section]" are passed over; a ';' after white space begins a comment. A value between double
   quotes is taken as it is, but for \\, \", \n and \r. The text is changed: name and value point into it, without the white
   space around them. Returns 1; 0 at the end; -1 for a line that is none of these (*name and *value are unchanged then). */
int flr_ini_next(char **cursor, int *line, const char **name, const char **value);

/* Writes `value` so that flr_ini_next reads it back: as it is where that does, else between double quotes. out: at least twice
   its length and 3 bytes. Returns the length. */
size_t flr_ini_write_value(char *out, const char *value);

#endif
