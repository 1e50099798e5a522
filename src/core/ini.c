/* INI text cut up in place. */
#include "core/ini.h"

#include <ctype.h>
#include <string.h>

static char *trim(char *text) {
  while (isspace((unsigned char)*text)) text++;
  for (size_t length = strlen(text); length > 0 && isspace((unsigned char)text[length - 1]);) text[--length] = '\0';
  return text;
}

/* Ends the value where a comment begins. */
static void cut_comment(char *value) {
  for (char *at = value; (at = strchr(at, ';')); at++)
    if (at == value || isspace((unsigned char)at[-1])) {
      *at = '\0';
      return;
    }
}

/* The line at *cursor, ended in place; NULL at the end of the text. */
static char *take_line(char **cursor) {
  char *line = *cursor;
  if (!*line) return NULL;
  const size_t length = strcspn(line, "\n");
  *cursor = line + length + (line[length] == '\n');
  line[length] = '\0';
  return line;
}

int flr_ini_next(char **cursor, int *line, const char **name, const char **value) {
  static const char byte_order_mark[] = "\xef\xbb\xbf";
  if (*line == 0 && strncmp(*cursor, byte_order_mark, 3) == 0) *cursor += 3;
  for (char *text; (text = take_line(cursor));) {
    ++*line;
    text = trim(text);
    if (!*text || *text == ';' || *text == '#') continue;
    if (*text == '[' && strchr(text, ']')) continue;
    char *equals = strchr(text, '=');
    if (!equals || equals == text || *text == '[') return -1;
    *equals = '\0';
    cut_comment(equals + 1);
    *name = trim(text);
    *value = trim(equals + 1);
    return 1;
  }
  return 0;
}
