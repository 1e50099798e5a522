/* predict: a checkpoint's class and probabilities for every sample of a split. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "report/run_log.h"
#include "report/terminal.h"

/* What rank 0 prints from. */
typedef struct printer {
  const flr_session *session;
  int csv;
  int64_t samples, errors;
} printer;

static void print_header(const printer *p, int64_t classes) {
  if (!p->csv) {
    printf("%9s  %-16s  %-16s  %s\n", "index", "label", "predicted", "probability");
    return;
  }
  printf("index,label,predicted");
  for (int64_t i = 0; i < classes; i++) printf(",p%lld", (long long)i);
  putchar('\n');
}

static void print_csv(const flr_prediction *row) {
  char number[32];
  printf("%lld,%lld,%lld", (long long)row->index, (long long)row->label, (long long)row->predicted);
  for (int64_t i = 0; i < row->classes; i++) printf(",%s", flr_format_number(number, row->probabilities[i], "nan"));
  putchar('\n');
}

static void print_text(const printer *p, const flr_prediction *row) {
  char label[FLR_CLASS_TEXT], predicted[FLR_CLASS_TEXT];
  printf("%9lld  %-16s  %-16s  %.4f%s\n", (long long)row->index, flr_class_text(label, p->session, row->label),
         flr_class_text(predicted, p->session, row->predicted), (double)row->probabilities[row->predicted],
         row->label == row->predicted ? "" : "  wrong");
}

static flr_status print_row(void *context, const flr_prediction *row) {
  printer *p = context;
  if (p->samples == 0) print_header(p, row->classes);
  if (p->csv)
    print_csv(row);
  else
    print_text(p, row);
  p->samples++;
  p->errors += row->label != row->predicted;
  return ferror(stdout) ? flr_fail(FLR_ERROR_IO, "cannot write to standard output: %s", strerror(errno)) : FLR_OK;
}

flr_status flr_cmd_predict(const flr_command_args *args) {
  flr_config config = {0};
  flr_session *session = NULL;
  const flr_session_report report = {.stream = stderr, .terminal = flr_terminal_is_live(STDERR_FILENO)};
  flr_status status = flr_command_checkpoint_config(args, &config);
  if (status == FLR_OK) status = flr_session_create(&session, &config, &report, args->operands[0]);
  printer p = {.session = session, .csv = config.csv};
  if (status == FLR_OK) status = flr_session_predict(session, config.split, print_row, &p);
  if (status == FLR_OK && flr_session_rank(session) == 0 && !config.quiet)
    fprintf(stderr, "%s: %lld samples, error rate %.6f\n", config.split, (long long)p.samples,
            (double)p.errors / (double)p.samples);
  flr_session_destroy(session);
  flr_config_clear(&config);
  return status;
}
