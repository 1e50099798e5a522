/* Asking the terminal, then the environment. */
#include "report/terminal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DEFAULT_COLUMNS = 80, DEFAULT_ROWS = 24 };

int flr_terminal_is_live(int fd) {
  const char *kind = getenv("TERM");
  return isatty(fd) && kind && kind[0] && strcmp(kind, "dumb") != 0;
}

static int from_environment(const char *name, int otherwise) {
  const char *text = getenv(name);
  const long value = text ? strtol(text, NULL, 10) : 0;
  return value > 0 && value < INT_MAX ? (int)value : otherwise;
}

void flr_terminal_size(int fd, int *columns, int *rows) {
  struct winsize window = {0};
  const int known = ioctl(fd, TIOCGWINSZ, &window) == 0;
  *columns = known && window.ws_col > 0 ? window.ws_col : from_environment("COLUMNS", DEFAULT_COLUMNS);
  if (rows) *rows = known && window.ws_row > 0 ? window.ws_row : from_environment("LINES", DEFAULT_ROWS);
}
