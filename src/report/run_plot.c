/* One of a run's plots, into a file or as text. */
#include "report/run_plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "report/plot.h"
#include "report/run_chart.h"

enum { STRETCHES = 400 }; /* of a long curve in a picture */

const char *flr_run_plot_name(flr_run_plot kind) {
  static const char *const names[] = {
      [FLR_RUN_PLOT_SWEEP] = "sweep", [FLR_RUN_PLOT_SCHEDULE] = "schedule", [FLR_RUN_PLOT_LOSS] = "loss"};
  return names[kind];
}

static int has_finite(const flr_series *s) {
  for (int64_t i = 0; i < s->n; ++i)
    if (isfinite(s->y[i])) return 1;
  return 0;
}

int flr_run_plot_has(flr_run_plot kind, const flr_run_history *h) {
  if (kind == FLR_RUN_PLOT_SWEEP) return has_finite(&h->sweep_smooth);
  if (kind == FLR_RUN_PLOT_SCHEDULE) return h->loss.n > 0;
  return has_finite(&h->loss) || has_finite(&h->valid_loss);
}

/* ---- the sweep ---- */

typedef struct sweep_plot {
  flr_plot_curve curve;
  flr_plot_marker markers[FLR_HISTORY_RULES];
  char labels[FLR_HISTORY_RULES][96];
  flr_plot_line lines[FLR_HISTORY_DECAYS];
  char names[FLR_HISTORY_DECAYS][48];
  char name[48], title[128];
  double *losses; /* [repeats, n] of several sweeps; owned */
} sweep_plot;

/* The point of the sweep where a rule's marker stands: minimum's at the minimum, ten times its rate. */
static int64_t point_of(const flr_run_history *h, const flr_history_rule *rule) {
  const double lr = strcmp(rule->name, "minimum") == 0 ? 10 * rule->lr : rule->lr;
  int64_t nearest = -1;
  double least = INFINITY;
  for (int64_t i = 0; i < h->sweep_smooth.n; ++i) {
    const double away = fabs(log(h->sweep_smooth.x[i] / lr));
    if (!(away < least)) continue;
    least = away;
    nearest = i;
  }
  return nearest;
}

static int add_markers(sweep_plot *p, const flr_run_history *h) {
  int count = 0;
  for (int i = 0; i < h->rules; ++i) {
    const flr_history_rule *rule = &h->rule[i];
    const char *name = strcmp(rule->name, "minimum") == 0 ? "minimum/10" : rule->name;
    char range[48] = "";
    const int64_t point = isfinite(rule->lr) ? point_of(h, rule) : -1;
    if (point < 0) continue;
    if (isfinite(rule->low)) (void)snprintf(range, sizeof range, " (%.2g to %.2g)", rule->low, rule->high);
    (void)snprintf(p->labels[count], sizeof p->labels[count], "%s: %.3g%s", name, rule->lr, range);
    p->markers[count] =
        (flr_plot_marker){.label = p->labels[count], .x = h->sweep_smooth.x[point], .y = h->sweep_smooth.y[point]};
    ++count;
  }
  return count;
}

/* The curves of the other decays. */
static void add_decays(sweep_plot *p, const flr_run_history *h) {
  if (h->decays == 0 || isnan(h->taken)) return;
  (void)snprintf(p->name, sizeof p->name, "weight decay %g (taken)", h->taken);
  p->curve.name = p->name;
  p->curve.lines = p->lines;
  for (int i = 0; i < h->decays; ++i) {
    const flr_history_decay *decay = &h->decay[i];
    const int k = p->curve.line_count;
    if (decay->wd >= h->taken && decay->wd <= h->taken) continue;
    (void)snprintf(p->names[k], sizeof p->names[k], "weight decay %g", decay->wd);
    p->lines[k] = (flr_plot_line){.label = p->names[k], .n = decay->smooth.n, .x = decay->smooth.x, .y = decay->smooth.y};
    ++p->curve.line_count;
  }
}

/* A median of several sweeps: its band, and the losses of one sweep after the other. */
static flr_status add_repeats(sweep_plot *p, const flr_run_history *h) {
  const int64_t n = h->sweep_smooth.n;
  char median[32];
  if (h->repeats < 2 || h->sweep_low.n != n || h->sweep_losses.n != n * h->repeats) return FLR_OK;
  FLR_TRY(flr_alloc(&p->losses, h->sweep_losses.n, sizeof(double)));
  for (int64_t i = 0; i < h->sweep_losses.n; ++i)
    p->losses[i % h->repeats * n + i / h->repeats] = h->sweep_losses.y[i]; /* the log has them point by point */
  p->curve.raw = p->losses;
  p->curve.raw_count = h->repeats;
  p->curve.low = h->sweep_low.y;
  p->curve.high = h->sweep_high.y;
  (void)snprintf(median, sizeof median, ", median of %d", h->repeats);
  strncat(p->title, median, sizeof p->title - strlen(p->title) - 1);
  return FLR_OK;
}

/* The caller frees the losses, also after an error. */
static flr_status make_sweep(sweep_plot *p, const flr_run_history *h) {
  p->losses = NULL;
  if (h->batch > 0)
    (void)snprintf(p->title, sizeof p->title, "%s, batch %lld: learning rate sweep", h->model, (long long)h->batch);
  else
    (void)snprintf(p->title, sizeof p->title, "learning rate sweep");
  p->curve = (flr_plot_curve){.title = p->title,
                              .n = h->sweep_smooth.n,
                              .x = h->sweep_smooth.x,
                              .y = h->sweep_smooth.y,
                              .raw = h->sweep_loss.y,
                              .linear_x = h->sweep_linear,
                              .markers = p->markers,
                              .marker_count = add_markers(p, h)};
  add_decays(p, h);
  return add_repeats(p, h);
}

static flr_status write_sweep(const char *path, const flr_run_history *h) {
  sweep_plot plot;
  flr_status status = make_sweep(&plot, h);
  if (status == FLR_OK) status = flr_plot_write(path, &plot.curve);
  flr_free(plot.losses);
  return status;
}

static flr_status sweep_text(char **out, const flr_run_history *h, int columns, int rows) {
  sweep_plot plot;
  flr_status status = make_sweep(&plot, h);
  if (status == FLR_OK) status = flr_plot_text(out, &plot.curve, columns, rows);
  flr_free(plot.losses);
  return status;
}

/* ---- all ---- */

static flr_status make_chart(flr_run_chart *out, flr_run_plot kind, const flr_run_history *h, int64_t stretches) {
  return kind == FLR_RUN_PLOT_SCHEDULE ? flr_run_chart_schedule(out, h, stretches) : flr_run_chart_loss(out, h, stretches, 1);
}

flr_status flr_run_plot_write(const char *path, flr_run_plot kind, const flr_run_history *h) {
  if (kind == FLR_RUN_PLOT_SWEEP) return write_sweep(path, h);
  flr_run_chart chart;
  flr_status status = make_chart(&chart, kind, h, STRETCHES);
  if (status == FLR_OK) status = flr_chart_write(path, &chart.chart);
  flr_run_chart_clear(&chart);
  return status;
}

flr_status flr_run_plot_text(char **out, flr_run_plot kind, const flr_run_history *h, int columns, int rows) {
  if (kind == FLR_RUN_PLOT_SWEEP) return sweep_text(out, h, columns, rows);
  flr_run_chart chart;
  flr_status status = make_chart(&chart, kind, h, 2 * (int64_t)columns);
  if (status == FLR_OK) status = flr_chart_text(out, &chart.chart, columns, rows);
  flr_run_chart_clear(&chart);
  return status;
}

flr_status flr_run_plot_small(char **out, const flr_run_history *h, int columns, int rows) {
  flr_run_chart chart;
  flr_status status = flr_run_chart_loss(&chart, h, 2 * (int64_t)columns, 0);
  if (status == FLR_OK && rows < flr_chart_least_rows(&chart.chart))
    status = flr_fail(FLR_ERROR_UNAVAILABLE, "%d lines are too few for a plot", rows);
  if (status == FLR_OK) status = flr_chart_text(out, &chart.chart, columns, rows);
  flr_run_chart_clear(&chart);
  return status;
}
