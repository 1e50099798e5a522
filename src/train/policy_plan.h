/* From the configuration to a schedule: its options, the epochs that cycles need, the part of it that a run trains. */
#ifndef FLR_TRAIN_POLICY_PLAN_H
#define FLR_TRAIN_POLICY_PLAN_H

#include "fastlr.h"
#include "optim/schedule.h"

/* Finds options of the schedule that contradict each other or are out of range, as far as that does not depend on data and
   model. Errors: FLR_ERROR_USAGE. Not collective. */
flr_status flr_policy_plan_check(const flr_config *config);

/* The epoch at whose end the run ends: --epochs, or what --cycle-len makes them. Errors: FLR_ERROR_USAGE when both are given
   and differ. Pure. */
flr_status flr_policy_plan_epochs(int64_t *out, const flr_config *config);

/* The part of a schedule that a run trains: steps first .. end - 1 of the `whole` schedule's. */
typedef struct flr_policy_span {
  int64_t first, end, whole;
  int64_t frozen; /* fine-tune: its first phase, the last layer group alone, is the steps before this one; else 0 */
} flr_policy_span;

/* The span of a run whose epochs have this many steps: from --start-epoch to flr_policy_plan_epochs or --steps (after those of
 * --freeze-epochs), of --tot-epochs. Errors: FLR_ERROR_USAGE when nothing is left to train, or the schedule ends before the
 * run. Pure. */
flr_status flr_policy_plan_span(flr_policy_span *out, const flr_config *config, int64_t steps_per_epoch);

/* The policy's options by the configuration but for its rates, which stay NAN. Borrows the policy's name. Errors:
   FLR_ERROR_USAGE. Not collective. */
flr_status flr_policy_plan_options(flr_schedule_options *out, const flr_config *config, const flr_policy_span *span,
                                   int groups);

#endif
