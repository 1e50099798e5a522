/* Which line, over which x, up to where. */
#include "report/run_chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "report/plot_script.h"

enum { DASHES = 5 };
static const char *const dark = "#1f4e79", *const light = "#8fadcf", *const vermilion = "#d55e00", *const grey = "#909090";
static const double smoothed_share = 0.02, margin_share = 0.05;
static const double far_apart = 10, deepest = 1e-3; /* rates of groups in one step; below the lowest peak */

/* What x is: steps done, or epochs where the run has made at least one. */
typedef struct scale {
  int in_epochs;
  double per_epoch; /* steps; NAN: unknown */
  double end;       /* steps that were planned, NAN: no limit known */
} scale;

static scale scale_of(const flr_run_history *h) {
  scale s = {.per_epoch = NAN, .end = h->planned_steps + (h->fine_tune ? h->unfrozen : 0)};
  const int64_t last = h->epoch.n - 1;
  if (last >= 0 && h->epoch.y[last] > 0) s.per_epoch = (h->epoch.x[last] + 1) / h->epoch.y[last];
  s.in_epochs = isnan(s.per_epoch) || h->epoch.y[last] >= 1;
  return s;
}

/* `done` steps, in the units of x. */
static double at_steps(const scale *s, double done) { return s->in_epochs ? done / s->per_epoch : done; }

/* The end of an epoch, which in a run of so many steps may be before its last batch. */
static double at_epoch(const scale *s, double epoch) {
  if (isnan(s->per_epoch)) return epoch;
  const double done = epoch * s->per_epoch;
  return at_steps(s, done > s->end ? s->end : done);
}

/* ---- lines ---- */

static flr_chart_line *add_line(flr_run_chart *c, flr_chart_style style, const char *colour, char letter) {
  flr_chart_line *line = &c->lines[c->line_count++];
  *line = (flr_chart_line){.style = style, .colour = colour, .dash = 1, .letter = letter};
  return line;
}

static char *label_of(flr_run_chart *c) { return c->labels[c->line_count - 1]; }
static flr_series *series_of(flr_run_chart *c) { return &c->series[c->line_count - 1]; }

/* Points the lines to what was gathered for them. */
static void connect(flr_run_chart *c) {
  for (int i = 0; i < c->line_count; ++i) {
    c->lines[i].label = c->labels[i];
    c->lines[i].n = c->series[i].n;
    c->lines[i].x = c->series[i].x;
    c->lines[i].y = c->series[i].y;
  }
}

/* The newest line gets a curve over steps, thinned. */
static flr_status fill(flr_run_chart *c, int64_t *of_each, const scale *s, const flr_series *from, const double *y,
                       int64_t stretches, flr_thin_kind kind) {
  flr_series *to = series_of(c);
  FLR_TRY(flr_thin_series(to, of_each, from->x, y, from->n, stretches, kind));
  for (int64_t i = 0; i < to->n; ++i) to->x[i] = at_steps(s, to->x[i] + 1);
  return FLR_OK;
}

/* The newest line gets a curve over epochs. */
static flr_status fill_epochs(flr_run_chart *c, const scale *s, const flr_series *from, double factor, int64_t stretches) {
  flr_series *to = series_of(c);
  FLR_TRY(flr_thin_series(to, NULL, from->x, from->y, from->n, stretches, FLR_THIN_LINE));
  for (int64_t i = 0; i < to->n; ++i) {
    to->x[i] = at_epoch(s, to->x[i]);
    to->y[i] *= factor;
  }
  return FLR_OK;
}

/* Where the run's second phase began; nothing when it has none. */
static flr_status add_phase(flr_run_chart *c, const flr_run_history *h, const scale *s) {
  if (!(h->unfrozen > 0)) return FLR_OK;
  add_line(c, FLR_CHART_RULES, "#000000", ' ')->dash = 3;
  (void)snprintf(label_of(c), FLR_RUN_CHART_LABEL, "unfrozen");
  return flr_series_add(series_of(c), at_steps(s, h->unfrozen), 0);
}

/* Where it went on from a checkpoint; nothing when it never did. */
static flr_status add_resumes(flr_run_chart *c, const flr_run_history *h, const scale *s) {
  int64_t rollbacks = 0;
  if (h->resumes.n == 0) return FLR_OK;
  add_line(c, FLR_CHART_RULES, grey, ' ')->dash = 2;
  for (int64_t i = 0; i < h->resumes.n; ++i) {
    FLR_TRY(flr_series_add(series_of(c), at_steps(s, h->resumes.x[i]), 0));
    rollbacks += h->resumes.y[i] > 0;
  }
  (void)snprintf(label_of(c), FLR_RUN_CHART_LABEL, "%s", rollbacks == 0 ? "resumed" : "resumed or rolled back");
  return FLR_OK;
}

/* ---- frames ---- */

static void begin(flr_run_chart *c, const flr_run_history *h, const scale *s, const char *what) {
  const int64_t steps = h->loss.n, epochs = h->train_loss.n;
  *c = (flr_run_chart){.chart = {.title = c->title, .panels = c->panels}};
  if (h->batch > 0)
    (void)snprintf(c->title, sizeof c->title, "%s, batch %lld: %s", h->model, (long long)h->batch, what);
  else
    (void)snprintf(c->title, sizeof c->title, "%s", what);
  c->chart.x_label = s->in_epochs ? "epoch" : "step";
  c->chart.right = s->in_epochs ? 0 : 1;
  if (steps > 0) c->chart.right = at_steps(s, h->loss.x[steps - 1] + 1);
  if (epochs > 0) c->chart.right = fmax(c->chart.right, at_epoch(s, h->train_loss.x[epochs - 1]));
  if (!(c->chart.right > 0)) c->chart.right = 1;
}

/* The next panel shows the lines from the first-th on. */
static flr_chart_panel *add_panel(flr_run_chart *c, int first, const char *y_label, double low, double high) {
  flr_chart_panel *panel = &c->panels[c->chart.panel_count++];
  *panel = (flr_chart_panel){
      .y_label = y_label, .low = low, .high = high, .share = 1, .lines = &c->lines[first], .line_count = c->line_count - first};
  return panel;
}

static void extremes(const flr_series *s, double *least, double *greatest) {
  for (int64_t i = 0; i < s->n; ++i) {
    if (!isfinite(s->y[i])) continue;
    *least = fmin(*least, s->y[i]);
    *greatest = fmax(*greatest, s->y[i]);
  }
}

/* ---- the schedule ---- */

static void name_group(char *label, int group, int groups) {
  const char *where = group == 0 ? " (input)" : group == groups - 1 ? " (head)" : "";
  (void)snprintf(label, FLR_RUN_CHART_LABEL, "layer group %d%s", group, where);
}

/* What the rates' axis has to know: the highest, the least above 0, the lowest of the groups' peaks, and how far apart the
   groups are at most in one step. */
typedef struct rate_range {
  double highest, least, lowest_peak, apart;
} rate_range;

static rate_range range_of_rates(const flr_run_history *h) {
  rate_range r = {.least = INFINITY, .lowest_peak = INFINITY, .apart = 1};
  double peak[FLR_HISTORY_GROUPS] = {0};
  for (int64_t i = 0; i < h->loss.n; ++i) {
    double low = INFINITY, high = 0;
    for (int group = 0; group < h->groups; ++group) {
      const double lr = h->lr[group].y[i];
      peak[group] = fmax(peak[group], lr);
      high = fmax(high, lr);
      if (lr > 0) low = fmin(low, lr);
    }
    r.least = fmin(r.least, low);
    r.highest = fmax(r.highest, high);
    r.apart = fmax(r.apart, high / low);
  }
  for (int group = 0; group < h->groups; ++group)
    if (peak[group] > 0) r.lowest_peak = fmin(r.lowest_peak, peak[group]);
  return r;
}

static flr_status add_rates(flr_run_chart *c, const flr_run_history *h, const scale *s, int64_t stretches) {
  const rate_range r = range_of_rates(h);
  FLR_TRY(add_phase(c, h, s));
  FLR_TRY(add_resumes(c, h, s));
  for (int group = 0; group < h->groups; ++group) {
    const int alone = h->groups == 1;
    flr_chart_line *line = add_line(c, FLR_CHART_LINE, alone ? dark : flr_plot_colour(group), (char)('0' + group % 10));
    if (alone) line->letter = '*';
    line->dash = alone ? 1 : 1 + group % DASHES;
    if (!alone) name_group(label_of(c), group, h->groups);
    FLR_TRY(fill(c, NULL, s, &h->lr[group], h->lr[group].y, stretches, FLR_THIN_LINE));
  }
  flr_chart_panel *panel = add_panel(c, 0, "learning rate", 0, r.highest > 0 ? (1 + margin_share) * r.highest : 1);
  if (!(r.apart > far_apart)) return FLR_OK;
  panel->logarithmic = 1;
  panel->y_label = "learning rate (log scale)";
  panel->low = fmax(r.least, deepest * r.lowest_peak) / 1.5;
  panel->high = 1.5 * r.highest;
  return FLR_OK;
}

static flr_status add_momentum(flr_run_chart *c, const flr_run_history *h, const scale *s, int64_t stretches) {
  const char *label = strcmp(h->optimizer, "sgd") == 0 || !h->optimizer[0] ? "momentum" : "momentum (beta1)";
  const int first = c->line_count;
  double least = INFINITY, greatest = -INFINITY;
  extremes(&h->momentum, &least, &greatest);
  if (!isfinite(least)) return FLR_OK;
  FLR_TRY(add_phase(c, h, s));
  FLR_TRY(add_resumes(c, h, s));
  for (int i = first; i < c->line_count; ++i) c->labels[i][0] = '\0'; /* the key has them above */
  add_line(c, FLR_CHART_LINE, dark, '*');
  FLR_TRY(fill(c, NULL, s, &h->momentum, h->momentum.y, stretches, FLR_THIN_LINE));
  const double margin = greatest > least ? 2 * margin_share * (greatest - least) : margin_share;
  add_panel(c, first, label, least - margin, greatest + margin)->share = 0.4;
  c->panels[0].share = 0.6;
  return FLR_OK;
}

flr_status flr_run_chart_schedule(flr_run_chart *out, const flr_run_history *h, int64_t stretches) {
  const scale s = scale_of(h);
  begin(out, h, &s, "learning rate and momentum");
  if (h->loss.n == 0) return flr_fail(FLR_ERROR_NO_INPUT, "there is no schedule to draw: no step was logged");
  FLR_TRY(add_rates(out, h, &s, stretches));
  FLR_TRY(add_momentum(out, h, &s, stretches));
  connect(out);
  return FLR_OK;
}

/* ---- losses ---- */

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The greatest loss that is shown: of the smoothed and the validation losses, but a diverging end is cut. */
static flr_status find_top(double *top, const flr_series *smooth, const flr_series *valid) {
  const int64_t most = smooth->n + valid->n;
  double *values;
  int64_t count = 0;
  FLR_TRY(flr_alloc(&values, most, sizeof *values));
  for (int64_t i = 0; i < smooth->n; ++i)
    if (isfinite(smooth->y[i])) values[count++] = smooth->y[i];
  for (int64_t i = 0; i < valid->n; ++i)
    if (isfinite(valid->y[i])) values[count++] = valid->y[i];
  *top = NAN;
  if (count > 0) {
    const double first = values[0];
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    const double usual = fmax(first, values[count / 2]);
    *top = fmin(values[count - 1], usual + 0.2 * fabs(usual));
  }
  flr_free(values);
  return FLR_OK;
}

/* "each batch", or which. */
static void name_dots(char *label, const flr_series *loss, int64_t of_each, int64_t above) {
  const double gap = loss->n > 1 ? (loss->x[loss->n - 1] - loss->x[0]) / (double)(loss->n - 1) : 1;
  int regular = 1;
  for (int64_t i = 1; i < loss->n; ++i) regular &= fabs(loss->x[i] - loss->x[i - 1] - gap) < 1e-6;
  int used = regular && gap < 1.5 ? snprintf(label, FLR_RUN_CHART_LABEL, "each batch")
             : regular            ? snprintf(label, FLR_RUN_CHART_LABEL, "one batch in %.0f", gap)
                                  : snprintf(label, FLR_RUN_CHART_LABEL, "logged batches");
  if (of_each > 1)
    used += snprintf(label + used, (size_t)(FLR_RUN_CHART_LABEL - used), "; of each %lld of them first, least, greatest",
                     (long long)of_each);
  if (above > 0) (void)snprintf(label + used, (size_t)(FLR_RUN_CHART_LABEL - used), " (%lld above)", (long long)above);
}

static int64_t count_above(const flr_series *s, double top) {
  int64_t count = 0;
  for (int64_t i = 0; i < s->n; ++i) count += s->y[i] > top;
  return count;
}

static flr_status add_dots(flr_run_chart *c, const flr_run_history *h, const scale *s, double top, int64_t stretches) {
  int64_t of_each;
  add_line(c, FLR_CHART_DOTS, light, '.');
  FLR_TRY(fill(c, &of_each, s, &h->loss, h->loss.y, stretches, FLR_THIN_DOTS));
  name_dots(label_of(c), &h->loss, of_each, count_above(&h->loss, top));
  return FLR_OK;
}

/* A cross at the top where the loss was not finite. */
static flr_status add_crosses(flr_run_chart *c, const flr_run_history *h, const scale *s, double top, int64_t stretches) {
  flr_series lost = {0};
  flr_status status = FLR_OK;
  for (int64_t i = 0; i < h->loss.n && status == FLR_OK; ++i)
    if (!isfinite(h->loss.y[i])) status = flr_series_add(&lost, h->loss.x[i], top);
  if (status == FLR_OK && lost.n > 0) {
    add_line(c, FLR_CHART_CROSSES, "#000000", 'x');
    (void)snprintf(label_of(c), FLR_RUN_CHART_LABEL, "not finite (%lld)", (long long)lost.n);
    status = fill(c, NULL, s, &lost, lost.y, stretches, FLR_THIN_DOTS);
  }
  flr_series_clear(&lost);
  return status;
}

/* The smoothed training loss over steps; owned by the caller. */
static flr_status smooth_loss(flr_series *out, double *horizon, const flr_run_history *h) {
  const int64_t n = h->loss.n;
  const double gap = n > 1 ? h->loss.x[1] - h->loss.x[0] : 1;
  *horizon = n > 0 ? smoothed_share * (h->loss.x[n - 1] - h->loss.x[0] + gap) : 1;
  for (int64_t i = 0; i < n; ++i) FLR_TRY(flr_series_add(out, h->loss.x[i], h->loss.y[i]));
  if (n > 0) flr_smooth_series(out->y, h->loss.x, h->loss.y, n, *horizon);
  return FLR_OK;
}

static flr_status add_losses(flr_run_chart *c, const flr_run_history *h, const scale *s, const flr_series *smooth,
                             double horizon, int64_t stretches) {
  double top, least = INFINITY, greatest = -INFINITY;
  FLR_TRY(find_top(&top, smooth, &h->valid_loss));
  if (isnan(top)) return flr_fail(FLR_ERROR_NO_INPUT, "there are no losses to draw: none that was logged is finite");
  extremes(&h->loss, &least, &greatest);
  extremes(&h->valid_loss, &least, &greatest);
  const double margin = top > least ? margin_share * (top - least) : fmax(margin_share * fabs(top), 1e-3);
  FLR_TRY(add_phase(c, h, s));
  FLR_TRY(add_resumes(c, h, s));
  FLR_TRY(add_dots(c, h, s, top + margin, stretches));
  add_line(c, FLR_CHART_LINE, dark, '*');
  (void)snprintf(label_of(c), FLR_RUN_CHART_LABEL, horizon < 2 ? "training" : "training, smoothed over %.0f batches", horizon);
  FLR_TRY(fill(c, NULL, s, smooth, smooth->y, stretches, FLR_THIN_LINE));
  add_line(c, FLR_CHART_JOINED, vermilion, 'V');
  (void)snprintf(label_of(c), FLR_RUN_CHART_LABEL, "validation");
  FLR_TRY(fill_epochs(c, s, &h->valid_loss, 1, stretches));
  FLR_TRY(add_crosses(c, h, s, top + margin, stretches));
  add_panel(c, 0, "loss", least >= 0 ? fmax(0, least - margin) : least - margin, top + margin);
  return FLR_OK;
}

static int has_errors(const flr_run_history *h) {
  double least = INFINITY, greatest = -INFINITY;
  extremes(&h->error_rate, &least, &greatest);
  return isfinite(least);
}

static flr_status add_errors(flr_run_chart *c, const flr_run_history *h, const scale *s, int64_t stretches) {
  const int first = c->line_count;
  double least = INFINITY, greatest = 0;
  extremes(&h->error_rate, &least, &greatest);
  int64_t best = 0;
  for (int64_t i = 0; i < h->error_rate.n; ++i)
    if (h->error_rate.y[i] <= least) {
      best = i;
      break;
    }
  add_line(c, FLR_CHART_JOINED, vermilion, 'V');
  (void)snprintf(label_of(c), FLR_RUN_CHART_LABEL, "validation: least %.2f %%, first after epoch %.0f", 100 * least,
                 h->error_rate.x[best]);
  FLR_TRY(fill_epochs(c, s, &h->error_rate, 100, stretches));
  add_panel(c, first, "error rate (%)", 0, greatest > 0 ? 100 * (1 + margin_share) * greatest : 1)->share = 0.42;
  c->panels[0].share = 0.58;
  return FLR_OK;
}

flr_status flr_run_chart_loss(flr_run_chart *out, const flr_run_history *h, int64_t stretches, int with_errors) {
  const scale s = scale_of(h);
  flr_series smooth = {0};
  double horizon;
  begin(out, h, &s, with_errors && has_errors(h) ? "loss and error rate" : "loss");
  flr_status status = smooth_loss(&smooth, &horizon, h);
  if (status == FLR_OK) status = add_losses(out, h, &s, &smooth, horizon, stretches);
  flr_series_clear(&smooth);
  if (status == FLR_OK && with_errors && has_errors(h)) status = add_errors(out, h, &s, stretches);
  if (status == FLR_OK) connect(out);
  return status;
}

void flr_run_chart_clear(flr_run_chart *c) {
  for (int i = 0; i < FLR_RUN_CHART_LINES; ++i) flr_series_clear(&c->series[i]);
}
