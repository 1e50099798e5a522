/* The configuration of a command that works on a checkpoint. */
#include "checkpoint/weights.h"
#include "cli/command.h"

flr_status flr_command_checkpoint_config(const flr_command_args *args, flr_config *out) {
  flr_weights_info info = {0};
  FLR_TRY(flr_weights_info_load(args->operands[0], &info));
  flr_status status = flr_command_config(args, info.config, out);
  if (status == FLR_OK && info.model[0] && !out->model) status = flr_config_set(out, "model", info.model);
  flr_weights_info_clear(&info);
  return status;
}
