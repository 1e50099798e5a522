/* export: a checkpoint's weights under the model's usual names. */
#include "checkpoint/weights.h"
#include "cli/command.h"

flr_status flr_cmd_export(const flr_command_args *args) {
  flr_config config;
  const flr_status status = flr_command_config(args, NULL, &config);
  flr_config_clear(&config);
  if (status != FLR_OK || args->rank != 0) return status;
  return flr_weights_export(args->operands[0], args->operands[1]);
}
