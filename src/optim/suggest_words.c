/* What to say of suggestions to people. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optim/suggest.h"

static const double disagreement = 10; /* a factor from which on an error bar is worth a warning */

static void say_estimates(char *out, size_t size, double spread, int repeats) {
  if (spread < disagreement)
    (void)snprintf(out, size, "estimates within %.2gx", spread);
  else
    (void)snprintf(out, size, "estimates disagree by %.0fx: look at the plot or use %s", spread,
                   repeats > 1 ? "more points" : "--sweep-repeats 3");
}

/* The range of the repeats' own rates. */
static void say_repeats(char *out, size_t size, const flr_suggestion *s, int repeats) {
  const char *doubt = s->high / s->low < disagreement ? "" : ", far apart: look at the plot";
  if (s->repeats == 0)
    (void)snprintf(out, size, "no repeat alone gives a rate");
  else if (s->repeats < repeats)
    (void)snprintf(out, size, "%lld of %d repeats give %.3g to %.3g%s", (long long)s->repeats, repeats, s->low, s->high, doubt);
  else
    (void)snprintf(out, size, "repeats %.3g to %.3g%s", s->low, s->high, doubt);
}

void flr_suggest_words(char *out, size_t size, const flr_suggestion *s, int repeats) {
  static const char *const words[] = {[FLR_SUGGEST_OK] = "",
                                      [FLR_SUGGEST_TOO_FEW_POINTS] = "too few points, or too far apart",
                                      [FLR_SUGGEST_MONOTONE] = "the loss never fell",
                                      [FLR_SUGGEST_NO_MINIMUM] = "the loss never fell",
                                      [FLR_SUGGEST_NONFINITE] = "there is no finite loss"};
  if (s->spread >= 1)
    say_estimates(out, size, s->spread, repeats);
  else
    (void)snprintf(out, size, "%s", words[s->status]);
  if (repeats <= 1 || (s->status != FLR_SUGGEST_OK && s->repeats == 0)) return;
  const size_t used = strlen(out);
  (void)snprintf(out + used, size - used, "%s", used ? "; " : "");
  say_repeats(out + strlen(out), size - strlen(out), s, repeats);
}

double flr_suggest_error_bar(const flr_suggestion *s) {
  if (s->spread >= 1) return s->spread;
  return s->status == FLR_SUGGEST_OK ? s->high / s->low : NAN;
}

flr_suggest_kind flr_suggest_other(const flr_suggestion suggestions[FLR_SUGGEST_COUNT], flr_suggest_kind kind) {
  static const flr_suggest_kind order[] = {FLR_SUGGEST_CONSENSUS, FLR_SUGGEST_MINIMUM, FLR_SUGGEST_STEEPEST, FLR_SUGGEST_VALLEY,
                                           FLR_SUGGEST_SLIDE};
  if (suggestions[kind].status != FLR_SUGGEST_TOO_FEW_POINTS) return FLR_SUGGEST_COUNT;
  for (size_t i = 0; i < sizeof order / sizeof order[0]; ++i)
    if (order[i] != kind && suggestions[order[i]].status == FLR_SUGGEST_OK) return order[i];
  return FLR_SUGGEST_COUNT;
}
