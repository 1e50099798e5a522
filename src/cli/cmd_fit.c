/* fit: train. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "report/terminal.h"

static void summarize(const flr_session *session, const flr_config *config, const flr_fit_result *r) {
  if (flr_session_rank(session) != 0 || config->quiet) return;
  fprintf(stderr, "trained %lld steps in %.2f s (%.0f samples/s)", (long long)(r->steps - r->first_step), r->seconds,
          r->samples_per_second);
  if (r->first_step > 0) fprintf(stderr, ", %lld in all", (long long)r->steps);
  if (!isnan(r->error_rate)) fprintf(stderr, ": valid loss %.4f, error rate %.4f", r->valid_loss, r->error_rate);
  fprintf(stderr, "\nwaited %.3f s for samples, %.2f %% of %.2f s of training", r->stall_seconds,
          r->train_seconds > 0 ? 100 * r->stall_seconds / r->train_seconds : 0, r->train_seconds);
  fprintf(stderr, "\nrun directory: %s\n", flr_session_directory(session));
}

flr_status flr_cmd_fit(const flr_command_args *args) {
  flr_config config;
  flr_session *session = NULL;
  flr_fit_result result;
  const flr_session_report report = {.stream = stderr, .terminal = flr_terminal_is_live(STDERR_FILENO)};
  flr_status status = flr_command_config(args, NULL, &config);
  if (status == FLR_OK && config.sweep_wd && strcmp(config.lr, "auto") != 0)
    status =
        flr_fail(FLR_ERROR_USAGE, "--sweep-wd is for a sweep, which --lr %.80s does without: leave one of them out", config.lr);
  if (status == FLR_OK) flr_catch_signals();
  if (status == FLR_OK) status = flr_session_create(&session, &config, &report, NULL);
  if (status == FLR_OK && !config.dry_run) status = flr_session_fit(session, &result);
  if (status == FLR_OK && !config.dry_run) summarize(session, &config, &result);
  flr_session_destroy(session);
  flr_config_clear(&config);
  return status;
}
