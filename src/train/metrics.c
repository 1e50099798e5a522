/* Events of the run log. */
#include "train/metrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "train/conductor.h"

static flr_field number(const char *name, double value) {
  return (flr_field){.name = name, .kind = FLR_FIELD_NUMBER, .number = value};
}
static flr_field integer(const char *name, int64_t value) {
  return (flr_field){.name = name, .kind = FLR_FIELD_INTEGER, .integer = value};
}
static flr_field string(const char *name, const char *text) {
  return (flr_field){.name = name, .kind = FLR_FIELD_STRING, .text = text};
}
static flr_field raw(const char *name, const char *json) {
  return (flr_field){.name = name, .kind = FLR_FIELD_RAW, .text = json};
}

static flr_status write_event(flr_session *s, const char *name, const flr_field *fields, int count) {
  if (!s->run_log) return FLR_OK;
  flr_session_storage(s, "writing", s->directory);
  const flr_status status = flr_run_log_event(s->run_log, name, fields, count);
  flr_session_storage_done(s);
  return status;
}

#define EVENT(session, name, fields) write_event(session, name, fields, (int)(sizeof(fields) / sizeof((fields)[0])))

/* Appends text to a JSON string body with what JSON wants escaped. */
static char *append_escaped(char *end, const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    const unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\') *end++ = '\\';
    if (c >= 0x20) *end++ = (char)c;
  }
  return end;
}

/* INI lines "name = value" as a JSON object of strings; *out is owned by the caller. */
static flr_status config_json(char **out, const char *ini) {
  FLR_TRY(flr_alloc(out, 4 * (int64_t)strlen(ini) + 8, 1));
  char *end = *out;
  *end++ = '{';
  for (const char *line = ini; *line;) {
    const size_t length = strcspn(line, "\n");
    const char *equals = memchr(line, '=', length);
    if (equals && line[0] != '#' && line[0] != ';') {
      size_t name = (size_t)(equals - line), skip = name + 1;
      while (name > 0 && line[name - 1] == ' ') name--;
      while (skip < length && line[skip] == ' ') skip++;
      if (end[-1] != '{') *end++ = ',';
      *end++ = '"';
      end = append_escaped(end, line, name);
      end = stpcpy(end, "\":\"");
      end = append_escaped(end, line + skip, length - skip);
      *end++ = '"';
    }
    line += length;
    if (*line == '\n') line++;
  }
  *end++ = '}';
  *end = '\0';
  return FLR_OK;
}

flr_status flr_metrics_start(flr_session *s) {
  if (!s->run_log) return FLR_OK;
  char *ini = NULL, *config = NULL;
  flr_status status;
  FLR_TRY_GOTO(status, flr_config_text(&ini, s->config), done);
  FLR_TRY_GOTO(status, config_json(&config, ini), done);
  const flr_field fields[] = {string("version", FLR_VERSION),
                              raw("config", config),
                              integer("ranks", s->comm->size),
                              integer("shards", s->plan.shards),
                              string("backend", s->backend->ops->name),
                              string("comm", s->comm->ops->name),
                              string("model", s->plan.model),
                              integer("parameters", flr_graph_params(s->graph)->trainable),
                              integer("train_samples", s->dataset->samples[FLR_SPLIT_TRAIN]),
                              integer("valid_samples", s->dataset->samples[FLR_SPLIT_VALID]),
                              integer("classes", s->dataset->classes)};
  status = EVENT(s, "start", fields);
done:
  flr_free(config);
  flr_config_free_text(ini);
  return status;
}

/* {"lr": .., "status": ".."}, of consensus "spread" too */
static void suggestion_json(char *text, size_t size, const flr_suggestion *suggestion, int has_spread) {
  char lr[32], number[32], spread[48] = "";
  if (has_spread)
    (void)snprintf(spread, sizeof spread, ",\"spread\":%s", flr_format_number(number, suggestion->spread, "null"));
  (void)snprintf(text, size, "{\"lr\":%s,\"status\":\"%s\"%s}", flr_format_number(lr, suggestion->lr, "null"),
                 flr_suggest_status_text(suggestion->status), spread);
}

flr_status flr_metrics_sweep(flr_session *s, const flr_suggestion suggestions[FLR_SUGGEST_COUNT], const char *picked,
                             double picked_lr) {
  if (!s->run_log) return FLR_OK;
  for (int64_t i = 0; i < s->sweep.count; i++) {
    const flr_sweep_point *point = &s->sweep.points[i];
    const flr_field fields[] = {integer("i", i), number("lr", point->lr), number("loss", point->loss),
                                number("smooth", point->smooth)};
    FLR_TRY(EVENT(s, "sweep", fields));
  }
  char texts[FLR_SUGGEST_COUNT][128];
  flr_field fields[FLR_SUGGEST_COUNT + 2];
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++) {
    suggestion_json(texts[kind], sizeof texts[kind], &suggestions[kind], kind == FLR_SUGGEST_CONSENSUS);
    fields[kind] = raw(flr_suggest_name((flr_suggest_kind)kind), texts[kind]);
  }
  fields[FLR_SUGGEST_COUNT] = string("picked", picked);
  fields[FLR_SUGGEST_COUNT + 1] = number("lr", picked_lr);
  return EVENT(s, "suggest", fields);
}

static int rates_are_equal(const double *lr, int groups) {
  for (int i = 1; i < groups; i++)
    if (lr[i] < lr[0] || lr[i] > lr[0]) return 0;
  return 1;
}

flr_status flr_metrics_step(flr_session *s, const flr_directive *directive, const flr_report *report, double grad_norm) {
  const int groups = s->state.layout->groups;
  const double *lr = directive->rates.lr;
  const flr_field fields[] = {
      integer("step", directive->step),
      number("epoch", (double)(directive->step + 1) / (double)s->plan.steps_per_epoch),
      {.name = "lr", .kind = FLR_FIELD_NUMBERS, .numbers = lr, .integer = rates_are_equal(lr, groups) ? 1 : groups},
      number("momentum", directive->rates.momentum),
      number("loss", report->nonfinite > 0 ? NAN : flr_report_loss(report)),
      integer("samples", (int64_t)report->samples),
      number("grad_norm", grad_norm)};
  return EVENT(s, "step", fields);
}

flr_status flr_metrics_phase(flr_session *s, const char *phase, int64_t step) {
  const flr_params *layout = flr_graph_params(s->graph);
  const flr_field fields[] = {string("phase", phase), integer("step", step), integer("epoch", step / s->plan.steps_per_epoch),
                              integer("parameters", layout->trained), integer("frozen", layout->trainable - layout->trained)};
  return EVENT(s, "phase", fields);
}

flr_status flr_metrics_epoch(flr_session *s, const flr_epoch_summary *e) {
  const double error = e->valid ? e->valid->error_rate : NAN;
  const flr_field fields[] = {integer("epoch", e->epoch),
                              number("train_loss", e->train_loss),
                              number("valid_loss", e->valid ? e->valid->loss : NAN),
                              number("error_rate", error),
                              number("accuracy", 1 - error),
                              number("seconds", e->seconds),
                              number("samples_per_second", e->samples_per_second)};
  return EVENT(s, "epoch", fields);
}

flr_status flr_metrics_checkpoint(flr_session *s, const flr_checkpoint_written *written) {
  const flr_field fields[] = {string("file", written->file), integer("step", written->step),
                              number("seconds", written->seconds), number("waited", written->waited)};
  return EVENT(s, "checkpoint", fields);
}

flr_status flr_metrics_resume(flr_session *s, const char *file, int64_t step, const char *changes) {
  const flr_field fields[] = {string("file", file), integer("step", step), integer("ranks", s->comm->size),
                              raw("rescheduled", changes)};
  return EVENT(s, "resume", fields);
}

flr_status flr_metrics_rollback(flr_session *s, const char *file, int64_t step, double lr_factor) {
  const flr_field fields[] = {string("file", file), integer("step", step), number("lr_factor", lr_factor)};
  return EVENT(s, "rollback", fields);
}

flr_status flr_metrics_end(flr_session *s, const char *reason, int exit_code) {
  const flr_field fields[] = {string("reason", reason), integer("exit", exit_code)};
  return EVENT(s, "end", fields);
}
