/* convert: other people's collections into the data set format. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "core/clock.h"
#include "datasets/convert/convert.h"
#include "mpi/launch.h"

enum { MESSAGE_BYTES = 1024 };

static void tell(const char *path, const flr_convert_result *r, double seconds) {
  char splits[128] = "";
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    const size_t used = strlen(splits);
    if (r->samples[split])
      (void)snprintf(splits + used, sizeof splits - used, "%s%lld %s", used ? " and " : "", (long long)r->samples[split],
                     flr_split_name((flr_split)split));
  }
  fprintf(stderr, "%s: %s samples of %lldx%lldx%lld, %lld classes, %.1f MB in %.1f s\n", path, splits, (long long)r->height,
          (long long)r->width, (long long)r->channels, (long long)r->classes, (double)r->bytes / 1e6, seconds);
}

static flr_status convert(const flr_command_args *args, const flr_config *config) {
  const flr_convert_options options = {
      .kind = args->operands[0], .source = args->operands[1], .label = config->label, .out = args->operands[2]};
  const double start = flr_clock_seconds();
  flr_convert_result result;
  FLR_TRY(flr_convert(&options, &result));
  if (!config->quiet) tell(options.out, &result, flr_clock_seconds() - start);
  return FLR_OK;
}

/* Rank 0 works, the others wait for what became of it. Its message stays as it is: it is not about a rank. */
static flr_status convert_together(flr_comm *comm, const flr_command_args *args, const flr_config *config) {
  char message[MESSAGE_BYTES];
  const flr_status local = comm->rank == 0 ? convert(args, config) : FLR_OK;
  (void)snprintf(message, sizeof message, "%s", flr_status_message());
  const flr_status status = flr_comm_agree(comm, local);
  if (local != FLR_OK && status == local) flr_status_set_message(message);
  return status;
}

static flr_status check_label(const flr_command_args *args) {
  for (int i = 0; i < args->setting_count; i++)
    if (strcmp(args->settings[i].name, "label") == 0 && strcmp(args->operands[0], "csv") != 0)
      return flr_fail(FLR_ERROR_USAGE, "--label: convert %s has no columns: only csv takes it", args->operands[0]);
  return FLR_OK;
}

flr_status flr_cmd_convert(const flr_command_args *args) {
  flr_config config;
  flr_comm *comm = NULL;
  flr_status status = flr_command_config(args, NULL, &config);
  if (status == FLR_OK) status = flr_convert_check_kind(args->operands[0]);
  if (status == FLR_OK) status = check_label(args);
  if (status == FLR_OK) status = flr_launch_start(&comm, config.comm);
  if (status == FLR_OK) status = convert_together(comm, args, &config);
  if (comm) flr_launch_finish(comm);
  flr_config_clear(&config);
  return status;
}
