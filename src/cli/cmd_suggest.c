/* suggest: what the rules read off a curve. */
#include <math.h>

#include "cli/command.h"
#include "cli/curve_csv.h"
#include "cli/json.h"
#include "core/memory.h"
#include "optim/lr_range.h"
#include "optim/suggest.h"
#include "report/run_log.h"

static void print_json(const flr_curve_csv *curve, const char *verdict, const flr_suggestion *suggestions) {
  cJSON *document = cJSON_CreateObject();
  cJSON_AddNumberToObject(document, "points", (double)curve->n);
  cJSON_AddStringToObject(document, "verdict", verdict);
  cJSON *all = cJSON_AddObjectToObject(document, "suggestions");
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++)
    flr_json_add_suggestion(all,
                            &(flr_sweep_suggestion){.name = flr_suggest_name((flr_suggest_kind)kind),
                                                    .lr = suggestions[kind].lr,
                                                    .status = flr_suggest_status_text(suggestions[kind].status),
                                                    .spread = suggestions[kind].spread},
                            1);
  flr_json_print(document);
}

static void print_table(const flr_suggestion *suggestions, int csv) {
  char number[32], words[FLR_SUGGEST_WORDS];
  puts(csv ? "name,lr,status" : "rule      rate         status");
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++) {
    const char *name = flr_suggest_name((flr_suggest_kind)kind), *status = flr_suggest_status_text(suggestions[kind].status);
    flr_suggest_words(words, sizeof words, &suggestions[kind], 1);
    if (csv)
      printf("%s,%s,%s\n", name, flr_format_number(number, suggestions[kind].lr, "nan"), status);
    else if (isfinite(suggestions[kind].lr))
      printf("%-9s %-12.4g %s%s%s\n", name, suggestions[kind].lr, status, words[0] ? ": " : "", words);
    else
      printf("%-9s %-12s %s%s%s\n", name, "-", status, words[0] ? ": " : "", words);
  }
}

/* What a sweep over these losses would have ended with, by --sweep-beta and --sweep-stop. */
static flr_status find_verdict(flr_sweep_verdict *out, const flr_config *config, const flr_curve_csv *curve) {
  flr_sweep_options options = flr_sweep_options_defaults();
  flr_sweep sweep;
  options.iterations = curve->n;
  options.beta = config->sweep_beta;
  options.stop_factor = config->sweep_stop;
  FLR_TRY(flr_sweep_init(&sweep, &options));
  for (int64_t i = 0; i < curve->n; i++) (void)flr_sweep_record(&sweep, curve->loss[i], NAN, 1, 0);
  *out = sweep.verdict == FLR_SWEEP_CONTINUE ? FLR_SWEEP_FINISHED : sweep.verdict; /* fewer points than a sweep has */
  flr_sweep_clear(&sweep);
  return FLR_OK;
}

static flr_status suggest(const flr_config *config, flr_curve_csv *curve, int rank) {
  flr_suggestion suggestions[FLR_SUGGEST_COUNT];
  flr_suggest_options options = flr_suggest_options_defaults();
  flr_sweep_verdict verdict;
  double *smooth;
  FLR_TRY(find_verdict(&verdict, config, curve));
  options.trim_start = config->trim_start;
  options.trim_end = config->trim_end;
  FLR_TRY(flr_alloc(&smooth, 3 * curve->n, sizeof(double))); /* and what the rules need besides */
  flr_smooth(smooth, curve->loss, curve->n, config->smooth);
  const flr_suggest_curve columns = {.n = curve->n, .lr = curve->lr, .loss = curve->loss, .smooth = smooth, .se = curve->se};
  flr_suggest(suggestions, &columns, &options, smooth + curve->n);
  flr_free(smooth);
  if (rank != 0) return FLR_OK;
  if (config->json)
    print_json(curve, flr_sweep_verdict_text(verdict), suggestions);
  else
    print_table(suggestions, config->csv);
  return FLR_OK;
}

flr_status flr_cmd_suggest(const flr_command_args *args) {
  flr_config config;
  flr_curve_csv curve = {0};
  flr_status status = flr_command_config(args, NULL, &config);
  if (status == FLR_OK) status = flr_curve_csv_read(&curve, args->operands[0]);
  if (status == FLR_OK) status = suggest(&config, &curve, args->rank);
  flr_curve_csv_clear(&curve);
  flr_config_clear(&config);
  return status;
}
