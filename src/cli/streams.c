/* Standard input, output and error that whoever started the program has closed. */
#include <fcntl.h>
#include <unistd.h>

#include "cli/command.h"

void flr_hold_standard_streams(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) != -1) continue;
    /* (the lowest number that is free is this one) */
    if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) return;
  }
}
