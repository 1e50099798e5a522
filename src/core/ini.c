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

static const char escapes[] = "\\\"nr", escaped[] = "\\\"\n\r";

/* The closing quote of a value that opens with one; NULL where there is none, or more than a comment behind it. */
static char *closing_quote(char *opening) {
  char *at = opening + 1;
  while (*at && *at != '"') at += *at == '\\' && at[1] ? 2 : 1;
  if (!*at) return NULL;
  const char *rest = at + 1;
  while (isspace((unsigned char)*rest)) rest++;
  return *rest && *rest != ';' ? NULL : at;
}

/* What stands between the quotes, in place. */
static char *unquote(char *opening, const char *closing) {
  char *to = opening;
  for (const char *from = opening + 1; from < closing; from++) {
    const char *escape = *from == '\\' ? strchr(escapes, from[1]) : NULL;
    *to++ = escape ? escaped[escape - escapes] : *from;
    from += escape != NULL;
  }
  *to = '\0';
  return opening;
}

static char *take_value(char *text) {
  while (isspace((unsigned char)*text)) text++;
  char *closing = *text == '"' ? closing_quote(text) : NULL;
  if (closing) return unquote(text, closing);
  cut_comment(text);
  return trim(text);
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
    *name = trim(text);
    *value = take_value(equals + 1);
    return 1;
  }
  return 0;
}

/* 1: read as it stands it would lose something. */
static int wants_quotes(const char *value) {
  const size_t length = strlen(value);
  if (length == 0) return 0;
  if (isspace((unsigned char)value[0]) || isspace((unsigned char)value[length - 1]) || value[0] == '"') return 1;
  for (const char *at = value; *at; at++)
    if (*at == '\n' || *at == '\r' || (*at == ';' && (at == value || isspace((unsigned char)at[-1])))) return 1;
  return 0;
}

size_t flr_ini_write_value(char *out, const char *value) {
  const int quotes = wants_quotes(value);
  char *to = out;
  if (quotes) *to++ = '"';
  for (; *value; value++) {
    const char *special = quotes ? strchr(escaped, *value) : NULL;
    if (special) *to++ = '\\';
    *to++ = special ? escapes[special - escaped] : *value;
  }
  if (quotes) *to++ = '"';
  *to = '\0';
  return (size_t)(to - out);
}
