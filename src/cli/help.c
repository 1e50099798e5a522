/* What the commands and the option table say to people: --help and the manual page. */
#include <argp.h>
#include <string.h>

#include "cli/command.h"
#include "core/memory.h"
#include "core/status.h"
#include "train/config_table.h"

enum { HELP_BYTES = 4096, DOC_BYTES = 256, COMMAND_COLUMNS = 31, KEY = 1000 };

static const char purpose[] = "finds the learning rate and trains, over MPI";

/* Those that are no part of a configuration. */
static const struct {
  const char *name, *argument, *doc;
} others[] = {{"config", "FILE.ini", "options from a file: lines \"name = value\""},
              {"help", NULL, "this list"},
              {"manual", NULL, "the manual page, for man -l -"},
              {"version", NULL, "the version"}};

enum { OTHERS = sizeof others / sizeof others[0] };

static const struct {
  int code;
  const char *text;
} exit_codes[] = {
#define FLR_CODE(name, value, text) {value, text},
    FLR_STATUS_LIST(FLR_CODE)
#undef FLR_CODE
};

enum { EXIT_CODES = sizeof exit_codes / sizeof exit_codes[0] };

/* What the table says, and its default behind it; where that depends on other options the text has it. */
static const char *doc_of(char doc[DOC_BYTES], const flr_option *o) {
  if (!o->fallback || o->type == FLR_OPTION_FLAG) return o->doc;
  (void)snprintf(doc, DOC_BYTES, "%s (%s)", o->doc, o->fallback);
  return doc;
}

/* ---- --help ---- */

typedef struct help {
  struct argp_option list[2 * FLR_CONFIG_OPTIONS + OTHERS + 2];
  char docs[FLR_CONFIG_OPTIONS][DOC_BYTES];
} help;

static void fill_help(help *h) {
  struct argp_option *out = h->list;
  const char *group = NULL;
  int at = 0;
  for (int i = 0; i < flr_config_table.count; i++) {
    const flr_option *o = &flr_config_table.options[i];
    if (!o->doc) continue;
    if (o->group != group) out[at++] = (struct argp_option){.doc = group = o->group, .group = at + 1};
    out[at] = (struct argp_option){
        .name = o->name, .key = KEY + i, .arg = o->argument, .doc = doc_of(h->docs[i], o), .group = out[at - 1].group};
    at++;
  }
  out[at] = (struct argp_option){.doc = "Other", .group = at + 1};
  for (int i = 0; i < OTHERS; i++)
    out[at + 1 + i] = (struct argp_option){
        .name = others[i].name, .key = KEY - 1 - i, .arg = others[i].argument, .doc = others[i].doc, .group = at + 1};
}

/* "  NAME OPERANDS    summary"; operands that reach into the summary's column have a line of their own. */
static void add_command(char text[HELP_BYTES], const flr_command *c) {
  char left[64];
  const size_t used = strlen(text);
  const int length = snprintf(left, sizeof left, "%s %s", c->name, c->operands);
  const char *turn = length > COMMAND_COLUMNS ? "\n" : "";
  (void)snprintf(text + used, HELP_BYTES - used, "  %-*s%s%*s %s\n", COMMAND_COLUMNS, left, turn,
                 *turn ? COMMAND_COLUMNS + 2 : 0, "", c->summary);
}

/* "Exit codes: 0 done; 3 training diverged; .." */
static void add_exit_codes(char text[HELP_BYTES]) {
  strcat(text, "Exit codes: ");
  for (int i = 0; i < EXIT_CODES; i++) {
    const size_t used = strlen(text);
    (void)snprintf(text + used, HELP_BYTES - used, "%s%d %s", i ? "; " : "", exit_codes[i].code, exit_codes[i].text);
  }
  strcat(text, ".");
}

flr_status flr_print_help(const flr_command *commands, int count, char *program) {
  char text[HELP_BYTES] = "Finds the learning rate and trains, over MPI.\n\nCommands:\n";
  help *h;
  for (int i = 0; i < count; i++) add_command(text, &commands[i]);
  strcat(text, "\nOptions, their defaults in brackets:\v");
  add_exit_codes(text);
  FLR_TRY(flr_alloc(&h, 1, sizeof *h));
  fill_help(h);
  const struct argp argp = {.options = h->list, .args_doc = "[COMMAND]", .doc = text};
  argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC, program);
  flr_free(h);
  return FLR_OK;
}

/* ---- the manual page ---- */

/* Text in which nothing is man's own: hyphens stay hyphens, no backslash or leading dot commands. */
static void put_text(const char *text) {
  fputs(*text == '.' || *text == '\'' ? "\\&" : "", stdout);
  for (; *text; text++) {
    if (*text == '\\' || *text == '-') putchar('\\');
    putchar(*text == '\\' ? 'e' : *text);
  }
}

/* .TP, "--NAME=ARGUMENT" and what it says. */
static void put_option(const char *name, const char *argument, const char *doc) {
  fputs(".TP\n\\fB\\-\\-", stdout);
  put_text(name);
  fputs("\\fR", stdout);
  if (argument) {
    fputs("=\\fI", stdout);
    put_text(argument);
    fputs("\\fR", stdout);
  }
  putchar('\n');
  put_text(doc);
  putchar('\n');
}

/* Its own options behind the summary: "json,csv" as --json, --csv. */
static void put_command(const flr_command *c) {
  fputs(".TP\n\\fB", stdout);
  put_text(c->name);
  fputs("\\fR ", stdout);
  put_text(c->operands);
  putchar('\n');
  put_text(c->summary);
  for (const char *own = c->own_options; *own;) {
    char name[DOC_BYTES];
    const size_t length = strcspn(own, ",");
    (void)snprintf(name, sizeof name, "--%.*s", (int)length, own);
    fputs(own == c->own_options ? "; takes " : ", ", stdout);
    put_text(name);
    own += length + (own[length] == ',');
  }
  putchar('\n');
}

static void put_options(void) {
  const char *group = NULL;
  char doc[DOC_BYTES];
  for (int i = 0; i < flr_config_table.count; i++) {
    const flr_option *o = &flr_config_table.options[i];
    if (!o->doc) continue;
    if (o->group != group) printf(".SS %s\n", group = o->group);
    put_option(o->name, o->argument, doc_of(doc, o));
  }
  puts(".SS Other");
  for (int i = 0; i < OTHERS; i++) put_option(others[i].name, others[i].argument, others[i].doc);
}

void flr_print_manual(const flr_command *commands, int count) {
  puts(".TH FASTLR_DIST 1 \"\" \"fastlr_dist " FLR_VERSION "\" \"User Commands\"\n.SH NAME");
  printf("fastlr_dist \\- %s\n", purpose);
  puts(".SH SYNOPSIS\n\\fBmpirun \\-np\\fR \\fIN\\fR \\fBfastlr_dist\\fR [\\fICOMMAND\\fR] [\\fIOPTION\\fR...]\n.SH COMMANDS");
  for (int i = 0; i < count; i++) put_command(&commands[i]);
  puts(
      ".SH OPTIONS\nDefaults stand in brackets. Of an option given twice the last counts; what the command line says\n"
      "counts before what the file of \\fB\\-\\-config\\fR says. Names may be cut short as long as only one begins so.");
  put_options();
  puts(".SH \"EXIT STATUS\"");
  for (int i = 0; i < EXIT_CODES; i++) {
    printf(".TP\n%d\n", exit_codes[i].code);
    put_text(exit_codes[i].text);
    putchar('\n');
  }
}
