/* The configuration: the option table applied to flr_config. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "datasets/augment.h"
#include "fastlr.h"
#include "optim/decay.h"
#include "train/config_table.h"
#include "train/policy_plan.h"

flr_status flr_config_init(flr_config *out) {
  memset(out, 0, sizeof *out);
  return flr_options_init(&flr_config_table, out);
}

void flr_config_clear(flr_config *config) { flr_options_clear(&flr_config_table, config); }

flr_status flr_config_set(flr_config *config, const char *name, const char *value) {
  return flr_options_set(&flr_config_table, config, name, value);
}

flr_status flr_config_load(flr_config *config, const char *path) { return flr_options_load(&flr_config_table, config, path); }

flr_status flr_config_load_text(flr_config *config, const char *text, const char *origin) {
  return flr_options_load_text(&flr_config_table, config, text, origin);
}

flr_status flr_config_text(char **out, const flr_config *config) {
  flr_config effective = *config; /* (its strings are config's) */
  FLR_TRY(flr_policy_plan_epochs(&effective.epochs, config));
  return flr_options_text(&flr_config_table, &effective, out);
}

void flr_config_free_text(char *text) { flr_free(text); }

static flr_status check_word(const char *option, const char *value, const char *known) {
  char list[256], *rest = NULL;
  strcpy(list, known);
  for (const char *word = strtok_r(list, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
    if (strcmp(word, value) == 0) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--%s: %s is not allowed: one of %s", option, value, known);
}

static flr_status check_policy(const char *policy) {
  char known[256] = "";
  for (int i = 0; flr_schedule_policy_name(i); i++) {
    const size_t used = strlen(known);
    (void)snprintf(known + used, sizeof known - used, "%s%s", i ? "," : "", flr_schedule_policy_name(i));
  }
  return check_word("policy", policy, known);
}

static flr_status check_words(const flr_config *c) {
  FLR_TRY(check_policy(c->policy));
  FLR_TRY(check_word("pick", c->pick, "consensus,minimum,steepest,valley,slide"));
  FLR_TRY(check_word("optimizer", c->optimizer, "sgd,adam,adamw,lamb"));
  FLR_TRY(check_word("comm", c->comm, "auto,mpi,self,nccl"));
  return check_word("backend", c->backend, "auto,cpu,ref,cuda");
}

/* An empty name is a mistake (a shell variable that is not set), never a wish. */
static flr_status check_names(const flr_config *c) {
  const struct {
    const char *option, *value, *wanted;
  } names[] = {{"data", c->data, "a file, digits or synthetic:N,H,W,C,K"},
               {"init-weights", c->init_weights, "a .safetensors or .h5 file"},
               {"out", c->out, "a folder"},
               {"model", c->model, "a model, --model help lists them"}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (names[i].value && !names[i].value[0])
      return flr_fail(FLR_ERROR_USAGE, "--%s: \"\" is not allowed: give %s", names[i].option, names[i].wanted);
  return FLR_OK;
}

/* The form only: how many values a list needs is known once the model is. */
static flr_status check_rates(const char *option, const char *text) {
  double rates[FLR_MAX_GROUPS];
  int groups = 1;
  for (const char *c = text; *c; c++) groups += *c == ',';
  return flr_parse_group_rates(rates, groups == 1 ? 2 : groups, text, option);
}

/* A decay that is asked for must be one of those that are compared: the rate is read off its curve. */
static flr_status check_decays(const flr_config *c) {
  flr_decays decays;
  FLR_TRY(flr_decays_parse(&decays, c->sweep_wd));
  if (decays.count == 0 || isnan(c->weight_decay)) return FLR_OK;
  for (int i = 0; i < decays.count; i++)
    if (decays.wd[i] >= c->weight_decay && decays.wd[i] <= c->weight_decay) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--wd %g is none of --sweep-wd %.80s: give one of them, or leave --wd out", c->weight_decay,
                  c->sweep_wd);
}

static flr_status check_forms(const flr_config *c) {
  double least, most;
  FLR_TRY(flr_augment_parse_scale(c->crop_scale, &least, &most));
  FLR_TRY(check_decays(c));
  if (strcmp(c->lr, "auto") != 0) FLR_TRY(check_rates("--lr", c->lr));
  FLR_TRY(check_rates("--sweep-start", c->sweep_start));
  return check_rates("--sweep-end", c->sweep_end);
}

flr_status flr_config_check(const flr_config *c) {
  FLR_TRY(check_words(c));
  FLR_TRY(check_names(c));
  FLR_TRY(check_forms(c));
  FLR_TRY(flr_policy_plan_check(c));
  if (c->sync_bn && c->accum > 1)
    return flr_fail(
        FLR_ERROR_USAGE,
        "--sync-bn and --accum %lld contradict each other: statistics over the global batch need all of it at once; "
        "for less memory lower --batch or start more ranks",
        (long long)c->accum);
  if (c->quiet && c->verbose) return flr_fail(FLR_ERROR_USAGE, "--quiet and --verbose contradict each other: give one");
  if (c->freeze && c->freeze_to > 0)
    return flr_fail(FLR_ERROR_USAGE, "--freeze and --freeze-to %lld contradict each other: give one", (long long)c->freeze_to);
  if (c->json && c->csv) return flr_fail(FLR_ERROR_USAGE, "--json and --csv contradict each other: give one");
  if (c->reschedule && !c->resume) return flr_fail(FLR_ERROR_USAGE, "--reschedule is for --resume: give both or none");
  if ((c->x_path == NULL) != (c->y_path == NULL))
    return flr_fail(FLR_ERROR_USAGE, "--x-path and --y-path go together: one is missing");
  if ((c->valid_x_path == NULL) != (c->valid_y_path == NULL))
    return flr_fail(FLR_ERROR_USAGE, "--valid-x-path and --valid-y-path go together: one is missing");
  if (c->shards > 0 && c->shards > c->batch)
    return flr_fail(FLR_ERROR_USAGE, "--batch: %lld is smaller than --shards %lld: raise --batch or lower --shards",
                    (long long)c->batch, (long long)c->shards);
  if (strcmp(c->optimizer, "adamw") == 0 && strcmp(c->wd_mode, "l2") == 0)
    return flr_fail(FLR_ERROR_USAGE, "--optimizer adamw and --wd-mode l2 contradict each other: adamw is decoupled");
  return FLR_OK;
}
