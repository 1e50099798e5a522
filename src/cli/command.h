/* The commands of the program and what they are given. */
#ifndef FLR_CLI_COMMAND_H
#define FLR_CLI_COMMAND_H

#include <stdio.h>

#include "fastlr.h"

/* One "--name value" of the command line. */
typedef struct flr_setting {
  const char *name, *value;
} flr_setting;

typedef struct flr_command_args {
  int rank; /* as the launcher tells it: only rank 0 prints */
  int operand_count;
  char **operands;         /* what is no option, the command's name left out */
  const char *config_path; /* --config, NULL: none */
  flr_setting *settings;   /* in the order given */
  int setting_count;
} flr_command_args;

typedef struct flr_command {
  const char *name, *operands, *summary;
  int operand_count;
  const char *own_options; /* of those that concern a single command's output, which it takes: "json,csv" */
  flr_status (*run)(const flr_command_args *args);
} flr_command;

/* On standard output: --help's list of the commands and of the option table, and the manual page in man(7)'s language. */
flr_status flr_print_help(const flr_command *commands, int count, char *program);
void flr_print_manual(const flr_command *commands, int count);

/* Default, then `stored` (INI text of the checkpoint that the first operand names, NULL: none; its options about where and how
   it ran are left out), then --config, then the command line; checked. The caller clears it. Errors: FLR_ERROR_USAGE, and for
   --config FLR_ERROR_NO_INPUT. */
flr_status flr_command_config(const flr_command_args *args, const char *stored, flr_config *out);

/* The same for a command whose first operand is a checkpoint: what it stores lies below, and it names the model unless --model
   is given. Errors: as above, those of reading the checkpoint. */
flr_status flr_command_checkpoint_config(const flr_command_args *args, flr_config *out);

enum { FLR_CLASS_TEXT = 64 };
/* A class for people: its name where the data have one, cut where it is long and without control characters, else its number.
   text: [FLR_CLASS_TEXT]. Returns text. */
char *flr_class_text(char *text, const flr_session *session, int64_t class_index);

/* From now on SIGUSR2, SIGTERM and the first SIGINT ask for a stop with a checkpoint; a second SIGINT ends the program. */
void flr_catch_signals(void);

/* Takes the numbers of standard streams that are closed, or a file of the run would get one of them and what is written to
   standard error. Reading and writing them goes on to fail. */
void flr_hold_standard_streams(void);

/* The commands, one file each. What they return is the exit code, its message what main prints. Collective. */
flr_status flr_cmd_fit(const flr_command_args *args);
flr_status flr_cmd_find(const flr_command_args *args);
flr_status flr_cmd_eval(const flr_command_args *args);
flr_status flr_cmd_predict(const flr_command_args *args);
flr_status flr_cmd_plot(const flr_command_args *args);
flr_status flr_cmd_schedule(const flr_command_args *args);
flr_status flr_cmd_suggest(const flr_command_args *args);
flr_status flr_cmd_inspect(const flr_command_args *args);
flr_status flr_cmd_convert(const flr_command_args *args);
flr_status flr_cmd_export(const flr_command_args *args);
flr_status flr_cmd_backends(const flr_command_args *args);

#endif
