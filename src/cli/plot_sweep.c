/* sweep.csv and the rules. */
#include "cli/plot_sweep.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/curve_csv.h"
#include "core/memory.h"
#include "optim/suggest.h"

static const double usual_smoothing = 0.98;

static void add_rules(flr_run_history *h, const flr_suggest_curve *curve, double *scratch) {
  flr_suggestion suggestions[FLR_SUGGEST_COUNT];
  const flr_suggest_options options = flr_suggest_options_defaults();
  flr_suggest(suggestions, curve, &options, scratch);
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++) {
    flr_history_rule *rule = &h->rule[h->rules++];
    (void)snprintf(rule->name, sizeof rule->name, "%s", flr_suggest_name((flr_suggest_kind)kind));
    rule->lr = suggestions[kind].lr;
    rule->low = rule->high = NAN;
  }
}

static flr_status add_curve(flr_run_history *h, const flr_curve_csv *csv) {
  double *smooth;
  FLR_TRY(flr_alloc(&smooth, 3 * csv->n, sizeof(double))); /* and what the rules need besides */
  flr_smooth(smooth, csv->loss, csv->n, usual_smoothing);
  flr_status status = FLR_OK;
  for (int64_t i = 0; i < csv->n && status == FLR_OK; i++) {
    status = flr_series_add(&h->sweep_loss, csv->lr[i], csv->loss[i]);
    if (status == FLR_OK) status = flr_series_add(&h->sweep_smooth, csv->lr[i], smooth[i]);
  }
  const flr_suggest_curve curve = {.n = csv->n, .lr = csv->lr, .loss = csv->loss, .smooth = smooth, .se = csv->se};
  if (status == FLR_OK) add_rules(h, &curve, smooth + csv->n);
  flr_free(smooth);
  return status;
}

flr_status flr_plot_add_sweep(flr_run_history *history, const char *directory) {
  enum { PATH_BYTES = 4096 };
  char path[PATH_BYTES];
  flr_curve_csv csv;
  const int length = snprintf(path, sizeof path, "%s/sweep.csv", directory);
  if (history->sweep_smooth.n > 0 || length >= PATH_BYTES || access(path, F_OK) != 0) return FLR_OK;
  FLR_TRY(flr_curve_csv_read(&csv, path));
  const flr_status status = add_curve(history, &csv);
  flr_curve_csv_clear(&csv);
  return status;
}
