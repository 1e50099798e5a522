/* plot: a run directory's plots, drawn again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/plot_sweep.h"
#include "core/memory.h"
#include "report/plot.h"
#include "report/run_plot.h"
#include "report/terminal.h"

enum { PATH_BYTES = 4096, LEAST_ROWS = 20, MOST_ROWS = 30 };

/* A folder with nothing but sweep.csv is good enough for the sweep. */
static flr_status read_run(flr_run_history *history, const char *directory) {
  char path[PATH_BYTES];
  const flr_status status = flr_run_history_read(history, directory);
  const int length = snprintf(path, sizeof path, "%s/sweep.csv", directory);
  if (status == FLR_ERROR_NO_INPUT && length < PATH_BYTES && access(path, R_OK) == 0)
    return flr_plot_add_sweep(history, directory);
  FLR_TRY(status);
  if (history->wrong > 0)
    fprintf(stderr, "fastlr_dist: warning: %s/metrics.jsonl: %lld of %lld lines are no JSON objects and left out\n", directory,
            (long long)history->wrong, (long long)history->lines);
  return flr_plot_add_sweep(history, directory);
}

static int is_wanted(const flr_config *config, flr_run_plot kind) {
  return strcmp(config->which, "all") == 0 || strcmp(config->which, flr_run_plot_name(kind)) == 0;
}

/* What is asked for has to be there; of all plots, one. */
static flr_status check(const flr_run_history *history, const flr_config *config, const char *directory) {
  int found = 0;
  for (int kind = 0; kind < FLR_RUN_PLOT_COUNT; kind++)
    found |= is_wanted(config, (flr_run_plot)kind) && flr_run_plot_has((flr_run_plot)kind, history);
  if (found) return FLR_OK;
  if (strcmp(config->which, "all") == 0)
    return flr_fail(FLR_ERROR_NO_INPUT, "%s has nothing to draw: it tells of no sweep and of no step", directory);
  return flr_fail(FLR_ERROR_NO_INPUT, "%s has nothing to draw for --which %s", directory, config->which);
}

static flr_status make_folder(const char *folder) {
  struct stat info;
  if (mkdir(folder, 0777) != 0 && errno != EEXIST)
    return flr_fail(FLR_ERROR_IO, "--out: cannot make the folder %s: %s", folder, strerror(errno));
  if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode)) return flr_fail(FLR_ERROR_IO, "--out: %s is not a folder", folder);
  return FLR_OK;
}

static flr_status write_files(const flr_run_history *history, flr_run_plot kind, const flr_config *config, const char *folder) {
  static const char *const formats[] = {"svg", "png"};
  char path[PATH_BYTES];
  for (int i = 0; i < 2; i++) {
    if (strcmp(config->format, "both") != 0 && strcmp(config->format, formats[i]) != 0) continue;
    if (snprintf(path, sizeof path, "%s/%s.%s", folder, flr_run_plot_name(kind), formats[i]) >= PATH_BYTES)
      return flr_fail(FLR_ERROR_USAGE, "--out: the path %.60s... is too long", folder);
    FLR_TRY(flr_run_plot_write(path, kind, history));
    if (!config->quiet) fprintf(stderr, "drawn: %s\n", path);
  }
  return FLR_OK;
}

static flr_status print_text(const flr_run_history *history, flr_run_plot kind) {
  char *text;
  int columns, rows;
  flr_terminal_size(STDOUT_FILENO, &columns, &rows);
  rows = rows < LEAST_ROWS ? LEAST_ROWS : rows > MOST_ROWS ? MOST_ROWS : rows;
  FLR_TRY(flr_run_plot_text(&text, kind, history, columns - 1, rows));
  fputs(text, stdout);
  flr_free(text);
  return FLR_OK;
}

static flr_status draw(const flr_run_history *history, const flr_config *config, const char *directory) {
  const int to_terminal = strcmp(config->plot, "terminal") == 0;
  const char *folder = config->out ? config->out : directory, *gap = "";
  FLR_TRY(check(history, config, directory));
  if (!flr_plot_available())
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "plot: there is no gnuplot in PATH: install it (Debian: apt-get install gnuplot-nox)");
  if (!to_terminal && config->out) FLR_TRY(make_folder(folder));
  for (int kind = 0; kind < FLR_RUN_PLOT_COUNT; kind++) {
    if (!is_wanted(config, (flr_run_plot)kind) || !flr_run_plot_has((flr_run_plot)kind, history)) continue;
    if (to_terminal) fputs(gap, stdout);
    FLR_TRY(to_terminal ? print_text(history, (flr_run_plot)kind) : write_files(history, (flr_run_plot)kind, config, folder));
    gap = "\n";
  }
  return FLR_OK;
}

static flr_status plot(const flr_config *config, const char *directory) {
  flr_run_history history;
  flr_status status = read_run(&history, directory);
  if (status == FLR_OK) status = draw(&history, config, directory);
  flr_run_history_clear(&history);
  return status;
}

flr_status flr_cmd_plot(const flr_command_args *args) {
  flr_config config;
  flr_status status = flr_command_config(args, NULL, &config);
  if (status == FLR_OK && strcmp(config.plot, "none") == 0)
    status = flr_fail(FLR_ERROR_USAGE, "--plot: none leaves nothing to do: plot takes auto (files) or terminal");
  if (status == FLR_OK && args->rank == 0) status = plot(&config, args->operands[0]);
  flr_config_clear(&config);
  return status;
}
