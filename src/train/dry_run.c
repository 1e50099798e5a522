/* The sum of what a session has allocated or will. */
#include "train/dry_run.h"

#include <stdio.h>
#include <string.h>

#include "train/plan.h"

void flr_dry_run_tell(const flr_session *s) {
  const flr_params *layout = flr_graph_params(s->graph);
  const int copies = 1 + flr_optimizer_slot_count(s->state.optimizer);
  /* twice: a sweep keeps what it starts from */
  const double state = 4.0 * (2.0 * copies * (double)layout->elements + (double)layout->grad_elements);
  const double batch = (double)flr_plan_largest_shard(s) * (double)s->plan.sample_bytes;
  const double batches = batch * (flr_session_prefetch(s) + 1);
  const double activations = (double)flr_executor_arena_bytes(s->executor);
  char sweep[48] = "";
  if (strcmp(s->config->lr, "auto") == 0)
    (void)snprintf(sweep, sizeof sweep, " and a sweep of %lld points", (long long)s->config->sweep_iters);
  flr_log_write(
      s->log, FLR_LOG_INFO,
      "dry run: all is well for %lld steps%s, nothing was trained or written; a rank with one shard takes %.0f MiB beside "
      "the program: weights and their state %.0f, activations %.0f, batches %.0f",
      (long long)s->plan.span.end, sweep, (state + activations + batches) / 0x1p20, state / 0x1p20, activations / 0x1p20,
      batches / 0x1p20);
}
