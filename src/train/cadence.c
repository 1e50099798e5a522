/* Reading spans of time, and comparing with them. */
#include "train/cadence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double unit_seconds(char unit) {
  switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 3600;
    case 'd': return 86400;
    default: return 0;
  }
}

/* A whole number from 0 to `most` that ends at `end` ('\0': with the text); moves *text behind it. */
static int take_whole(const char **text, char end, long most, double *out) {
  char *after;
  if (**text < '0' || **text > '9') return 0;
  const long number = strtol(*text, &after, 10);
  if (*after != end || number > most) return 0;
  *text = *after ? after + 1 : after;
  *out = (double)number;
  return 1;
}

/* "1:30:00", "1-12:00:00": days before a dash, then hours, minutes and seconds. 0: it is none. */
static int clock_time(const char *text, double *seconds) {
  double days = 0, hours, minutes, rest;
  const long most = 1000000;
  if (strchr(text, '-') && !take_whole(&text, '-', most, &days)) return 0;
  if (!take_whole(&text, ':', most, &hours) || !take_whole(&text, ':', 59, &minutes) || !take_whole(&text, '\0', 59, &rest))
    return 0;
  *seconds = ((days * 24 + hours) * 60 + minutes) * 60 + rest;
  return 1;
}

/* A number with a unit, or without one. 0: it is none. */
static int span(const char *text, double *seconds) {
  char *end;
  const double number = strtod(text, &end);
  if (end == text) return 0;
  const double unit = *end ? unit_seconds(*end) : 1;
  if (unit <= 0 || (*end && end[1]) || !isfinite(number)) return 0;
  *seconds = number * unit;
  return 1;
}

flr_status flr_duration_parse(double *seconds, const char *text, const char *option) {
  if ((clock_time(text, seconds) || span(text, seconds)) && *seconds > 0) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "%s: %.80s is not allowed: a time above 0, such as 2h, 90m, 5400s or 1-12:00:00", option,
                  *text ? text : "\"\"");
}

/* A whole number from 1 on, followed by `unit`. */
static int whole(const char *text, char unit, int64_t *out) {
  char *end;
  const long long number = strtoll(text, &end, 10);
  if (end == text || number < 1 || number > (1LL << 53) || *end != unit || (unit && end[1])) return 0;
  *out = number;
  return 1;
}

flr_status flr_cadence_parse(flr_cadence *out, const char *text, const char *option) {
  *out = (flr_cadence){0};
  if (whole(text, '\0', &out->steps) || whole(text, 'e', &out->epochs)) return FLR_OK;
  if (strpbrk(text, "smhd") && span(text, &out->seconds) && out->seconds > 0) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "%s: %.80s is not allowed: 300s (or m, h), 500 for steps, 1e for epochs", option,
                  *text ? text : "\"\"");
}

int flr_cadence_is_due(const flr_cadence *cadence, int64_t step, int64_t steps_per_epoch) {
  if (cadence->steps > 0) return (step + 1) % cadence->steps == 0;
  return cadence->epochs > 0 && steps_per_epoch > 0 && (step + 1) % (steps_per_epoch * cadence->epochs) == 0;
}

double flr_stop_lead(double step_seconds, double checkpoint_seconds) {
  const double unknown = 5;
  return 2 * step_seconds + 2 * checkpoint_seconds + unknown;
}
