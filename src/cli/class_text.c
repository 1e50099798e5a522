/* Classes as people read them. */
#include <ctype.h>

#include "cli/command.h"

char *flr_class_text(char *text, const flr_session *session, int64_t class_index) {
  const char *name = flr_session_class_name(session, class_index);
  if (name)
    (void)snprintf(text, FLR_CLASS_TEXT, "%s", name);
  else
    (void)snprintf(text, FLR_CLASS_TEXT, "%lld", (long long)class_index);
  for (char *c = text; *c; c++)
    if (iscntrl((unsigned char)*c)) *c = '?';
  return text;
}
