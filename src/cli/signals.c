/* Signals as wishes to stop. */
#include <signal.h>

#include "cli/command.h"

static void ask_to_stop(int signal_number) {
  (void)signal_number;
  flr_request_stop();
}

void flr_catch_signals(void) {
  static const struct {
    int number;
    unsigned flags;
  } wishes[] = {{SIGUSR2, SA_RESTART}, {SIGTERM, SA_RESTART}, {SIGINT, SA_RESTART | SA_RESETHAND}};
  for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
    struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = (int)wishes[i].flags};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(wishes[i].number, &action, NULL);
  }
}
