/* convert: other people's collections into the data set format. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/convert_team.h"
#include "core/clock.h"
#include "core/log.h"
#include "datasets/convert/convert.h"
#include "mpi/launch.h"
#include "mpi/watchdog.h"
#include "report/progress.h"
#include "report/terminal.h"

enum { DURATION = 16, SHAPE = 72 };

/* "28x28x1", "4 features" */
static const char *shape_of(char shape[SHAPE], const flr_convert_result *r) {
  if (r->features)
    (void)snprintf(shape, SHAPE, "%lld feature%s", (long long)r->channels, r->channels == 1 ? "" : "s");
  else
    (void)snprintf(shape, SHAPE, "%lldx%lldx%lld", (long long)r->height, (long long)r->width, (long long)r->channels);
  return shape;
}

static void tell(const char *path, const flr_convert_result *r, double seconds) {
  char splits[128] = "", shape[SHAPE];
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    const size_t used = strlen(splits);
    if (r->samples[split])
      (void)snprintf(splits + used, sizeof splits - used, "%s%lld %s", used ? " and " : "", (long long)r->samples[split],
                     flr_split_name((flr_split)split));
  }
  fprintf(stderr, "%s: %s samples of %s, %lld classes, %.1f MB in %.1f s\n", path, splits, shape_of(shape, r),
          (long long)r->classes, (double)r->bytes / 1e6, seconds);
}

/* A warning, also with --quiet: fewer samples than files is nothing to overlook. */
static void tell_skipped(const char *path, const flr_convert_result *r) {
  const char *reason = r->reasons;
  if (r->skipped == 0) return;
  fprintf(stderr, "fastlr_dist: warning: %lld files were left out, see %s.skipped.txt\n", (long long)r->skipped, path);
  for (int i = 0; i < FLR_CONVERT_REASONS && *reason; i++) {
    const int length = (int)strcspn(reason, "\n");
    fprintf(stderr, "  %.*s\n", length, reason);
    reason += length + (reason[length] == '\n');
  }
  if (r->skipped > FLR_CONVERT_REASONS) fprintf(stderr, "  and %lld more\n", (long long)r->skipped - FLR_CONVERT_REASONS);
}

/* ---- the live line ---- */

typedef struct live {
  flr_log *log; /* owned */
  double start;
} live;

static void show(void *context, int64_t done, int64_t total) {
  const live *l = context;
  char text[128], left[DURATION];
  const double seconds = flr_clock_seconds() - l->start, rate = (double)done / seconds;
  if (seconds < 1 || done == 0) return;
  (void)snprintf(text, sizeof text, "converting: %3.0f %% of %lld samples, %.0f samples/s, %s left",
                 100 * (double)done / (double)total, (long long)total, rate,
                 flr_format_duration(left, (double)(total - done) / rate));
  flr_log_status(l->log, text);
}

/* ---- options ---- */

/* Those that are about one kind of source, and what the others lack. */
static const struct {
  const char *option, *kind, *lack;
} own_options[] = {{"label", "csv", "has no columns"},
                   {"size", "imagefolder", "takes samples as they are"},
                   {"channels", "imagefolder", "takes samples as they are"},
                   {"max-pixels", "imagefolder", "takes samples as they are"},
                   {"strict", "imagefolder", "leaves nothing out"},
                   {"valid-fraction", "imagefolder", "takes splits as they are"}};

static flr_status check_option(const char *name, const char *kind) {
  for (size_t i = 0; i < sizeof own_options / sizeof own_options[0]; i++)
    if (strcmp(name, own_options[i].option) == 0 && strcmp(kind, own_options[i].kind) != 0)
      return flr_fail(FLR_ERROR_USAGE, "--%s: convert %s %s: only %s takes it", name, kind, own_options[i].lack,
                      own_options[i].kind);
  return FLR_OK;
}

static flr_status check_options(const flr_command_args *args, const flr_config *config) {
  FLR_TRY(flr_convert_check_kind(args->operands[0]));
  for (int i = 0; i < args->setting_count; i++) FLR_TRY(check_option(args->settings[i].name, args->operands[0]));
  if (config->image_channels != 2) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--channels: 2 is not allowed: 3 for colours or 1 for grey");
}

static flr_convert_options options_of(const flr_comm *comm, const flr_command_args *args, const flr_config *config) {
  const long cores = sysconf(_SC_NPROCESSORS_ONLN) / (comm->local_size > 1 ? comm->local_size : 1);
  flr_convert_options o;
  flr_convert_options_defaults(&o);
  o.kind = args->operands[0];
  o.source = args->operands[1];
  o.out = args->operands[2];
  o.workers = config->workers > 0 ? (int)config->workers : cores > 0 ? (int)cores : 1;
  o.label = config->label;
  o.size = config->image_size > 0 ? config->image_size : 0;
  o.channels = (int)config->image_channels;
  o.max_pixels = config->max_pixels;
  o.strict = config->strict;
  o.sorted = strcmp(config->order, "sequential") == 0;
  o.valid_fraction = config->valid_fraction;
  o.seed = config->seed;
  o.compress = config->compress;
  o.level = config->compress_level > 0 ? config->compress_level : 0;
  o.chunk_rows = config->chunk_rows > 0 ? config->chunk_rows : 0;
  o.checksum = config->checksum;
  return o;
}

/* ---- the work ---- */

static flr_status convert_watched(const flr_convert_options *options, int quiet, int first) {
  flr_convert_result result;
  const double start = flr_clock_seconds();
  const flr_status status = flr_convert(options, &result);
  flr_log_status(((const live *)options->context)->log, "");
  if (status == FLR_OK && first) tell_skipped(options->out, &result);
  if (status == FLR_OK && !quiet) tell(options->out, &result, flr_clock_seconds() - start);
  flr_convert_result_clear(&result);
  return status;
}

/* Listing a large folder or syncing a large file may take longer than any silence that is allowed elsewhere. */
static flr_status guard(flr_watchdog **out, flr_comm *comm, double seconds) {
  *out = NULL;
  if (comm->size == 1) return FLR_OK;
  FLR_TRY(flr_watchdog_start_for_processes(out, comm, seconds));
  flr_watchdog_beat(*out, "convert", 0);
  return FLR_OK;
}

/* On all ranks; rank 0 tells of it. */
static flr_status convert(flr_comm *comm, const flr_command_args *args, const flr_config *config) {
  const int quiet = config->quiet || comm->rank > 0;
  flr_convert_options options = options_of(comm, args, config);
  const flr_convert_team team = flr_convert_team_of(comm);
  live line = {.start = flr_clock_seconds()};
  if (comm->size > 1) options.team = &team;
  FLR_TRY(flr_log_create(&line.log, quiet ? NULL : stderr, FLR_LOG_INFO, flr_terminal_is_live(STDERR_FILENO)));
  options.progress = quiet ? NULL : show;
  options.context = &line;
  const flr_status status = convert_watched(&options, quiet, comm->rank == 0);
  flr_log_destroy(line.log);
  return status;
}

flr_status flr_cmd_convert(const flr_command_args *args) {
  flr_config config;
  flr_comm *comm = NULL;
  flr_watchdog *watchdog = NULL;
  flr_status status = flr_command_config(args, NULL, &config);
  if (status == FLR_OK) status = check_options(args, &config);
  if (status == FLR_OK) status = flr_launch_start(&comm, config.comm, NULL);
  if (status == FLR_OK) status = guard(&watchdog, comm, config.watchdog);
  if (status == FLR_OK) status = convert(comm, args, &config);
  flr_watchdog_stop(watchdog);
  if (comm) flr_launch_finish(comm);
  flr_config_clear(&config);
  return status;
}
