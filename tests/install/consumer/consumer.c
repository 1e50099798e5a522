/* What a program of somebody else does: configure, find a rate, train, evaluate. */
#include <fastlr.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static flr_status configure(flr_config *config) {
  FLR_TRY(flr_config_set(config, "epochs", "3"));
  FLR_TRY(flr_config_set(config, "comm", "self"));
  FLR_TRY(flr_config_set(config, "out", "consumer-run"));
  return flr_config_check(config);
}

static flr_status train(flr_session *session) {
  flr_sweep_result sweep;
  flr_fit_result fit;
  flr_eval_result result;
  FLR_TRY(flr_session_find(session, &sweep));
  FLR_TRY(flr_session_fit(session, &fit));
  FLR_TRY(flr_session_evaluate(session, "valid", &result));
  printf("%s: %g; %lld steps; error rate %g of %lld samples\n", sweep.picked, sweep.picked_lr, (long long)fit.steps,
         result.error_rate, (long long)result.samples);
  return sweep.picked_lr > 0 && fit.steps == 66 && result.samples == 360 && result.error_rate < 0.5 ? FLR_OK
                                                                                                    : FLR_ERROR_INTERNAL;
}

int main(void) {
  flr_config config;
  flr_session *session = NULL;
  flr_status status = flr_config_init(&config);
  if (status == FLR_OK) status = configure(&config);
  if (status == FLR_OK) status = flr_session_create(&session, &config, NULL, NULL);
  if (status == FLR_OK) status = train(session);
  if (status != FLR_OK) fprintf(stderr, "status %d: %s\n", (int)status, flr_status_message());
  flr_session_destroy(session);
  flr_config_clear(&config);
  return (int)status;
}
