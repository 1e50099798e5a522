/* Command line in, exit code out. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "core/memory.h"
#include "mpi/launch.h"
#include "nn/graph.h"
#include "train/config_table.h"

static const flr_command commands[] = {
    {"fit", "", "train (default); without --lr sweep first", 0, "resume,reschedule,time-limit,dry-run", flr_cmd_fit},
    {"find", "", "the sweep alone: curve, suggestions, plot", 0, "json,csv,resume,reschedule,time-limit,dry-run", flr_cmd_find},
    {"eval", "CKPT", "loss and error rate of a checkpoint", 1, "json,split", flr_cmd_eval},
    {"predict", "CKPT", "its class and probabilities for every sample", 1, "csv,split", flr_cmd_predict},
    {"plot", "RUN", "a run directory's plots, drawn again", 1, "which,format", flr_cmd_plot},
    {"schedule", "", "the schedule, one row per step", 0, "json,csv,groups", flr_cmd_schedule},
    {"suggest", "CURVE.csv", "suggestions from columns lr,loss", 1, "json,csv,smooth", flr_cmd_suggest},
    {"inspect", "FILE.h5 | --diff A B", "what a file holds, and whether it is whole", 1, "json,diff", flr_cmd_inspect},
    {"convert", "imagefolder|idx|cifar|csv SRC OUT.h5", "other files into a data set", 3,
     "label,size,channels,max-pixels,strict,compress,compress-level,chunk-rows,checksum", flr_cmd_convert},
    {"export", "CKPT.h5 OUT.safetensors", "weights under the model's usual names", 2, "", flr_cmd_export},
    {"backends", "", "what this build and this machine can use", 0, "json", flr_cmd_backends},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0], EXTRA_OPTIONS = 4, FIRST_KEY = 1000, NAMES_BYTES = 256 };
enum { KEY_CONFIG = FIRST_KEY - 4, KEY_HELP = FIRST_KEY - 3, KEY_VERSION = FIRST_KEY - 2, KEY_MANUAL = FIRST_KEY - 1 };

static flr_status print_models(void) {
  for (int i = 0; flr_model_name(i); i++) printf("%-10s %s\n", flr_model_name(i), flr_model_description(i));
  return FLR_OK;
}

/* ---- parsing ---- */

typedef struct parsed {
  flr_command_args args;
  const flr_command *command;
  int help, version, manual;
} parsed;

/* "[FILE|DIR]": the value may be left out. */
static int is_optional(const flr_option *o) {
  return o->argument && o->argument[0] == '[' && o->argument[strlen(o->argument) - 1] == ']';
}

static int argument_kind(const flr_option *o) {
  if (!o->argument) return no_argument;
  return is_optional(o) ? optional_argument : required_argument;
}

static void fill_long_options(struct option *out) {
  const int n = flr_config_table.count;
  for (int i = 0; i < n; i++) {
    const flr_option *o = &flr_config_table.options[i];
    out[i] = (struct option){o->name, argument_kind(o), NULL, FIRST_KEY + i};
  }
  out[n] = (struct option){"config", required_argument, NULL, KEY_CONFIG};
  out[n + 1] = (struct option){"help", no_argument, NULL, KEY_HELP};
  out[n + 2] = (struct option){"version", no_argument, NULL, KEY_VERSION};
  out[n + 3] = (struct option){"manual", no_argument, NULL, KEY_MANUAL};
}

/* The options that begin with `start`: "--a, --b" in `names` (cut where they are too many), their number. */
static int list_beginning(char names[NAMES_BYTES], const struct option *list, const char *start) {
  int count = 0;
  names[0] = '\0';
  for (const struct option *o = list; o->name; o++) {
    const size_t used = strlen(names);
    if (strncmp(o->name, start, strlen(start)) != 0) continue;
    (void)snprintf(names + used, NAMES_BYTES - used, "%s--%s", count++ ? ", " : "", o->name);
  }
  return count;
}

/* What getopt did not understand. */
static flr_status explain(int code, char **argv, const struct option *list) {
  const char *culprit = argv[optind - 1];
  const size_t length = strcspn(culprit, "=");
  flr_config scratch;
  char name[64], names[NAMES_BYTES];
  if (code == ':') return flr_fail(FLR_ERROR_USAGE, "%s needs a value", culprit);
  if (strncmp(culprit, "--", 2) != 0) return flr_fail(FLR_ERROR_USAGE, "-%c is no option: --help lists all", optopt);
  (void)snprintf(name, sizeof name, "%.*s", (int)length - 2, culprit + 2);
  const int count = list_beginning(names, list, name);
  if (count == 1 && culprit[length] == '=') return flr_fail(FLR_ERROR_USAGE, "%s takes no value", names);
  for (const struct option *o = list; o->name; o++)
    if (strcmp(o->name, name) == 0) return flr_fail(FLR_ERROR_USAGE, "--%s takes no value", name);
  if (count > 1 && name[0]) return flr_fail(FLR_ERROR_USAGE, "--%s is short for several options: %s", name, names);
  return flr_config_set(&scratch, name, ""); /* the table's own words on an unknown name; nothing is set */
}

static int is_command(const char *word) {
  for (int i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(word, commands[i].name) == 0) return 1;
  return 0;
}

/* The value of an option; one that may be left out takes the next word too, unless that is an option or a command. */
static const char *value_of(const flr_option *o, int argc, char **argv) {
  if (optarg) return optarg;
  if (!o->argument) return "on";
  return optind < argc && argv[optind][0] != '-' && !is_command(argv[optind]) ? argv[optind++] : "";
}

static flr_status take(parsed *p, int code, int argc, char **argv) {
  flr_command_args *args = &p->args;
  if (code == KEY_HELP) p->help = 1;
  if (code == KEY_VERSION) p->version = 1;
  if (code == KEY_MANUAL) p->manual = 1;
  if (code == KEY_CONFIG) args->config_path = optarg;
  if (code == KEY_CONFIG && !*optarg) return flr_fail(FLR_ERROR_USAGE, "--config: \"\" is not allowed: give an INI file");
  if (code >= FIRST_KEY) {
    const flr_option *o = &flr_config_table.options[code - FIRST_KEY];
    args->settings[args->setting_count++] = (flr_setting){o->name, value_of(o, argc, argv)};
  }
  return FLR_OK;
}

/* The first operand names the command; "fit" when there is none. */
static flr_status find_command(parsed *p) {
  flr_command_args *args = &p->args;
  p->command = &commands[0];
  if (args->operand_count == 0) return FLR_OK;
  const char *name = args->operands[0];
  args->operands++;
  args->operand_count--;
  for (int i = 0; i < COMMAND_COUNT; i++) {
    p->command = &commands[i];
    if (strcmp(name, commands[i].name) == 0) return FLR_OK;
  }
  p->help |= strcmp(name, "help") == 0;
  if (p->help) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "%.200s is no command: --help lists them", name);
}

/* --diff wants one more. */
static int count_operands(const parsed *p) {
  for (int i = 0; i < p->args.setting_count; i++)
    if (strcmp(p->args.settings[i].name, "diff") == 0) return p->command->operand_count + 1;
  return p->command->operand_count;
}

static flr_status check_operands(const parsed *p) {
  const flr_command *c = p->command;
  const char *space = c->operands[0] ? " " : "";
  const int wanted = count_operands(p);
  if (p->args.operand_count == wanted) return FLR_OK;
  if (p->args.operand_count > wanted)
    return flr_fail(FLR_ERROR_USAGE, "%s: %.200s is one too many: fastlr_dist %s%s%s", c->name, p->args.operands[wanted],
                    c->name, space, c->operands);
  return flr_fail(FLR_ERROR_USAGE, "%s: a file's name is missing: fastlr_dist %s %s", c->name, c->name, c->operands);
}

static int has_word(const char *list, const char *word) {
  const size_t length = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at += length)
    if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) return 1;
  return 0;
}

/* Options about one command's output are refused by the others, not passed over. */
static flr_status check_settings(const parsed *p) {
  for (int i = 0; i < p->args.setting_count; i++) {
    char takers[128] = "";
    const char *name = p->args.settings[i].name;
    const flr_option *option = flr_options_find(&flr_config_table, name);
    if (option->stored || has_word(p->command->own_options, name)) continue;
    for (int c = 0; c < COMMAND_COUNT; c++) {
      const size_t used = strlen(takers);
      if (has_word(commands[c].own_options, name))
        (void)snprintf(takers + used, sizeof takers - used, "%s%s", used ? ", " : "", commands[c].name);
    }
    return flr_fail(FLR_ERROR_USAGE, "--%s: %s does not take it: only %s", name, p->command->name, takers);
  }
  return FLR_OK;
}

static flr_status parse(parsed *p, int argc, char **argv) {
  struct option *list;
  FLR_TRY(flr_alloc(&p->args.settings, argc, sizeof(flr_setting)));
  FLR_TRY(flr_alloc(&list, flr_config_table.count + EXTRA_OPTIONS + 1, sizeof *list));
  fill_long_options(list);
  flr_status status = FLR_OK;
  for (int code; status == FLR_OK && (code = getopt_long(argc, argv, ":", list, NULL)) != -1;)
    status = code == '?' || code == ':' ? explain(code, argv, list) : take(p, code, argc, argv);
  flr_free(list);
  FLR_TRY(status);
  p->args.operands = argv + optind;
  p->args.operand_count = argc - optind;
  return find_command(p);
}

/* A checkpoint's configuration says what was computed; where and how loudly is the matter of this run. */
static flr_status load_stored(flr_config *out, const char *stored, const char *path) {
  char origin[256];
  (void)snprintf(origin, sizeof origin, "%.200s: its configuration", path);
  FLR_TRY(flr_config_load_text(out, stored, origin));
  return flr_options_reset(&flr_config_table, out, flr_options_find(&flr_config_table, "out")->group);
}

flr_status flr_command_config(const flr_command_args *args, const char *stored, flr_config *out) {
  FLR_TRY(flr_config_init(out));
  if (stored) FLR_TRY(load_stored(out, stored, args->operands[0]));
  if (args->config_path) FLR_TRY(flr_config_load(out, args->config_path));
  for (int i = 0; i < args->setting_count; i++) FLR_TRY(flr_config_set(out, args->settings[i].name, args->settings[i].value));
  return flr_config_check(out);
}

static int asks_for_models(const flr_command_args *args) {
  for (int i = 0; i < args->setting_count; i++)
    if (strcmp(args->settings[i].name, "model") == 0 && strcmp(args->settings[i].value, "help") == 0) return 1;
  return 0;
}

/* The last --comm given, which decides who is rank 0 where no launcher does. */
static const char *comm_asked_for(const flr_command_args *args) {
  const char *comm = "";
  for (int i = 0; i < args->setting_count; i++)
    if (strcmp(args->settings[i].name, "comm") == 0) comm = args->settings[i].value;
  return comm;
}

static flr_status run(parsed *p, int argc, char **argv) {
  FLR_TRY(parse(p, argc, argv));
  p->args.rank = flr_launch_rank(comm_asked_for(&p->args));
  if (p->version) {
    if (p->args.rank == 0) printf("fastlr_dist %s\n", FLR_VERSION);
    return FLR_OK;
  }
  if (p->help) return p->args.rank == 0 ? flr_print_help(commands, COMMAND_COUNT, basename(argv[0])) : FLR_OK;
  if (p->manual) {
    if (p->args.rank == 0) flr_print_manual(commands, COMMAND_COUNT);
    return FLR_OK;
  }
  if (asks_for_models(&p->args)) return p->args.rank == 0 ? print_models() : FLR_OK;
  FLR_TRY(check_settings(p));
  FLR_TRY(check_operands(p));
  return p->command->run(&p->args);
}

/* One line, whatever a name on the command line held. */
static void print_message(const char *message) {
  fputs("fastlr_dist: ", stderr);
  for (const unsigned char *c = (const unsigned char *)message; *c; c++) fputc(iscntrl(*c) ? '?' : *c, stderr);
  fputc('\n', stderr);
}

/* A launcher ends the job at the first rank that leaves with a failure: rank 0 gets time to say why. */
static void let_rank_zero_speak(void) {
  const struct timespec pause = {.tv_sec = 1};
  (void)nanosleep(&pause, NULL);
}

/* What was asked for on standard output has to have arrived there. */
static flr_status finish_output(void) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return FLR_OK;
  return flr_fail(FLR_ERROR_IO, "cannot write to standard output: %s", strerror(errno));
}

int main(int argc, char **argv) {
  flr_hold_standard_streams();
  parsed p = {.args = {.rank = flr_launch_rank("")}};
  opterr = 0;
  flr_status status = run(&p, argc, argv);
  if (status == FLR_OK) status = finish_output();
  flr_free(p.args.settings);
  if (status != FLR_OK && p.args.rank == 0) print_message(flr_status_message());
  if (status != FLR_OK && p.args.rank != 0) let_rank_zero_speak();
  return (int)status;
}
