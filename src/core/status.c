/* Status texts and the thread-local message. */
#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[1024];

const char *flr_status_text(flr_status status) {
  switch (status) {
#define FLR_STATUS_CASE(name, value, text) \
  case name: return text;
    FLR_STATUS_LIST(FLR_STATUS_CASE)
#undef FLR_STATUS_CASE
  }
  return "unknown status";
}

flr_status flr_fail(flr_status status, const char *format, ...) {
  char text[sizeof message]; /* the arguments may point into the old message */
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  memcpy(message, text, sizeof message);
  return status;
}

const char *flr_status_message(void) { return message; }

void flr_status_set_message(const char *text) { (void)snprintf(message, sizeof message, "%s", text ? text : ""); }
