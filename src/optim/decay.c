/* The rule for weight decay. */
#include "optim/decay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double loss_tolerance = 0.1, rate_tolerance = 2;

static flr_status refuse(const char *text) {
  return flr_fail(FLR_ERROR_USAGE,
                  "--sweep-wd: %.80s is not allowed: up to %d different numbers of at least 0, such as 0,1e-4,1e-2",
                  text[0] ? text : "\"\"", FLR_MOST_DECAYS);
}

flr_status flr_decays_parse(flr_decays *out, const char *text) {
  *out = (flr_decays){0};
  for (const char *rest = text; rest;) {
    char *end;
    const double value = strtod(rest, &end);
    if (end == rest || (*end && *end != ',') || !(value >= 0 && isfinite(value)) || out->count == FLR_MOST_DECAYS)
      return refuse(text);
    for (int i = 0; i < out->count; ++i)
      if (out->wd[i] >= value && out->wd[i] <= value) return refuse(text);
    out->wd[out->count++] = value;
    rest = *end ? end + 1 : NULL;
  }
  return FLR_OK;
}

static flr_decay_row read_curve(const flr_sweep_curve *c) {
  flr_decay_row row = {.least_loss = NAN, .least_lr = NAN, .highest_lr = NAN};
  int64_t least = -1;
  for (int64_t i = 0; i < c->n; ++i)
    if (isfinite(c->smooth[i]) && (least < 0 || c->smooth[i] < c->smooth[least])) least = i;
  if (least < 0) return row;
  int64_t last = least;
  while (last + 1 < c->n && c->smooth[last + 1] <= c->smooth[0]) ++last;
  row.least_loss = c->smooth[least];
  row.least_lr = c->lr[least];
  row.highest_lr = c->lr[last];
  return row;
}

/* The place of the least loss; -1: there is no finite one. */
static int find_lowest(const flr_decay_row *rows, int count) {
  int lowest = -1;
  for (int i = 0; i < count; ++i)
    if (!isnan(rows[i].least_loss) && (lowest < 0 || rows[i].least_loss < rows[lowest].least_loss)) lowest = i;
  return lowest;
}

int flr_decay_choose(flr_decay_row *rows, const double *wd, const flr_sweep_findings *findings, int count) {
  for (int i = 0; i < count; ++i) rows[i] = read_curve(&findings[i].curve);
  const int lowest = find_lowest(rows, count);
  if (lowest < 0) return 0;
  const double least = rows[lowest].least_loss, limit = least + loss_tolerance * (findings[lowest].curve.smooth[0] - least);
  double highest = 0;
  for (int i = 0; i < count; ++i)
    if (rows[i].least_loss <= limit) highest = fmax(highest, rows[i].highest_lr);
  int chosen = -1;
  for (int i = 0; i < count; ++i)
    if (rows[i].least_loss <= limit && rows[i].highest_lr >= highest / rate_tolerance && (chosen < 0 || wd[i] > wd[chosen]))
      chosen = i;
  return chosen;
}
