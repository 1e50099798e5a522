/* Events of the run log. */
#include "train/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ini.h"
#include "core/memory.h"
#include "train/conductor.h"

enum { JOB_BYTES = 4096 };

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

/* INI text, which is changed, as a JSON object of strings; *out is owned by the caller. */
static flr_status config_json(char **out, char *ini) {
  const char *name, *value;
  int line = 0;
  FLR_TRY(flr_alloc(out, 4 * (int64_t)strlen(ini) + 8, 1));
  char *end = *out;
  *end++ = '{';
  while (flr_ini_next(&ini, &line, &name, &value) > 0) {
    if (end[-1] != '{') *end++ = ',';
    *end++ = '"';
    end = append_escaped(end, name, strlen(name));
    end = stpcpy(end, "\":\"");
    end = append_escaped(end, value, strlen(value));
    *end++ = '"';
  }
  *end++ = '}';
  *end = '\0';
  return FLR_OK;
}

/* Slurm's job as a JSON object; NULL outside of one. */
static const char *slurm_job(char out[JOB_BYTES]) {
  const char *id = getenv("SLURM_JOB_ID"), *nodes = getenv("SLURM_JOB_NODELIST"), *restarts = getenv("SLURM_RESTART_COUNT");
  char plain_nodes[JOB_BYTES - 100];
  if (!id) return NULL;
  if (!nodes) nodes = "";
  const size_t length = strlen(nodes), most = (sizeof plain_nodes - 1) / 2;
  *append_escaped(plain_nodes, nodes, length < most ? length : most) = '\0';
  (void)snprintf(out, JOB_BYTES, "{\"id\": %lld, \"restarts\": %lld, \"nodes\": \"%s\"}", strtoll(id, NULL, 10),
                 restarts ? strtoll(restarts, NULL, 10) : 0, plain_nodes);
  return out;
}

flr_status flr_metrics_start(flr_session *s) {
  if (!s->run_log) return FLR_OK;
  char job[JOB_BYTES];
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
                              string("comm_algorithm", s->comm->algorithm ? s->comm->algorithm : "none"),
                              number("connect_seconds", s->comm->connect_seconds),
                              string("model", s->plan.model),
                              integer("parameters", flr_graph_params(s->graph)->trainable),
                              integer("train_samples", s->dataset->samples[FLR_SPLIT_TRAIN]),
                              integer("valid_samples", s->dataset->samples[FLR_SPLIT_VALID]),
                              integer("classes", s->dataset->classes),
                              integer("threads", s->backend->threads),
                              raw("job", slurm_job(job))};
  status = EVENT(s, "start", fields);
done:
  flr_free(config);
  flr_config_free_text(ini);
  return status;
}

enum { SUGGESTION_BYTES = 256, POINT_FIELDS = 9 };

/* {"lr": .., "status": ".."}, of consensus and with repeats "spread" too, with repeats what they gave. */
static void suggestion_json(char *text, size_t size, const flr_suggestion *suggestion, int has_spread, int repeats) {
  char lr[32], number[32], other[32], spread[48] = "", range[128] = "";
  if (has_spread || repeats > 1)
    (void)snprintf(spread, sizeof spread, ",\"spread\":%s",
                   flr_format_number(number, flr_suggest_error_bar(suggestion), "null"));
  if (repeats > 1)
    (void)snprintf(range, sizeof range, ",\"low\":%s,\"high\":%s,\"repeats\":%lld",
                   flr_format_number(number, suggestion->low, "null"), flr_format_number(other, suggestion->high, "null"),
                   (long long)suggestion->repeats);
  (void)snprintf(text, size, "{\"lr\":%s,\"status\":\"%s\"%s%s}", flr_format_number(lr, suggestion->lr, "null"),
                 flr_suggest_status_text(suggestion->status), spread, range);
}

/* A point of the curve; with repeats its bands and the raw loss of each. losses: scratch, one per repeat. */
static flr_status write_point(flr_session *s, int64_t i, double *losses) {
  const flr_sweep_curve *c = &s->findings->curve;
  for (int r = 0; r < c->repeats; r++) losses[r] = flr_session_sweep_loss(s, r, i);
  const flr_field fields[POINT_FIELDS] = {
      integer("i", i),
      number("lr", c->lr[i]),
      number("loss", c->loss[i]),
      number("smooth", c->smooth[i]),
      number("low", c->low[i]),
      number("high", c->high[i]),
      number("smooth_low", c->smooth_low[i]),
      number("smooth_high", c->smooth_high[i]),
      {.name = "losses", .kind = FLR_FIELD_NUMBERS, .numbers = losses, .integer = c->repeats}};
  return write_event(s, "sweep", fields, c->repeats > 1 ? POINT_FIELDS : 4);
}

flr_status flr_metrics_points(flr_session *s) {
  if (!s->run_log || s->sweep_count != 1) return FLR_OK;
  for (; s->sweep_logged < s->sweeps[0].count; s->sweep_logged++) {
    const flr_sweep_point *point = &s->sweeps[0].points[s->sweep_logged];
    const flr_field fields[] = {integer("i", s->sweep_logged), number("lr", point->lr), number("loss", point->loss),
                                number("smooth", point->smooth)};
    FLR_TRY(EVENT(s, "sweep", fields));
  }
  return FLR_OK;
}

static flr_status write_points(flr_session *s) {
  if (s->sweep_count == 1) return flr_metrics_points(s);
  double *losses;
  flr_status status = flr_alloc(&losses, s->findings->curve.repeats, sizeof *losses);
  for (int64_t i = 0; status == FLR_OK && i < s->findings->curve.n; i++) status = write_point(s, i, losses);
  flr_free(losses);
  return status;
}

/* What each decay came to, and its curve; lr: the rate that the rule of --pick gives there. */
static flr_status write_decays(flr_session *s, const char *picked) {
  for (int d = 0; d < s->decays.count; d++) {
    const flr_decay_row *row = &s->decay_rows[d];
    const flr_sweep_curve *curve = &s->all_findings[d].curve;
    double lr = NAN;
    for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++)
      if (strcmp(flr_suggest_name((flr_suggest_kind)kind), picked) == 0) lr = s->all_findings[d].suggestions[kind].lr;
    const flr_field fields[] = {number("wd", s->decays.wd[d]),
                                integer("points", curve->n),
                                string("verdict", flr_sweep_verdict_text(curve->verdict)),
                                number("least_loss", row->least_loss),
                                number("least_lr", row->least_lr),
                                number("highest_lr", row->highest_lr),
                                number("lr", lr),
                                {.name = "rates", .kind = FLR_FIELD_NUMBERS, .numbers = curve->lr, .integer = curve->n},
                                {.name = "smooth", .kind = FLR_FIELD_NUMBERS, .numbers = curve->smooth, .integer = curve->n}};
    FLR_TRY(EVENT(s, "decay", fields));
  }
  return FLR_OK;
}

flr_status flr_metrics_sweep(flr_session *s, const char *picked, double picked_lr) {
  if (!s->run_log) return FLR_OK;
  FLR_TRY(write_points(s));
  FLR_TRY(write_decays(s, picked));
  char texts[FLR_SUGGEST_COUNT][SUGGESTION_BYTES];
  flr_field fields[FLR_SUGGEST_COUNT + 3];
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++) {
    suggestion_json(texts[kind], sizeof texts[kind], &s->findings->suggestions[kind], kind == FLR_SUGGEST_CONSENSUS,
                    s->findings->curve.repeats);
    fields[kind] = raw(flr_suggest_name((flr_suggest_kind)kind), texts[kind]);
  }
  fields[FLR_SUGGEST_COUNT] = string("picked", picked);
  fields[FLR_SUGGEST_COUNT + 1] = number("lr", picked_lr);
  if (s->decays.count > 0) fields[FLR_SUGGEST_COUNT + 2] = number("wd", s->decays.wd[flr_session_decay(s)]);
  return write_event(s, "suggest", fields, FLR_SUGGEST_COUNT + 2 + (s->decays.count > 0));
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
                              number("samples_per_second", e->samples_per_second),
                              number("exposed_seconds", e->exposed_seconds),
                              number("stall_seconds", e->stall_seconds)};
  return EVENT(s, "epoch", fields);
}

flr_status flr_metrics_checkpoint(flr_session *s, const flr_checkpoint_written *written) {
  const flr_field fields[] = {string("file", written->file), integer("step", written->step),
                              number("seconds", written->seconds), number("waited", written->waited)};
  return EVENT(s, "checkpoint", fields);
}

flr_status flr_metrics_resume(flr_session *s, const char *file, int64_t step, const char *changes) {
  char job[JOB_BYTES];
  const flr_field fields[] = {string("file", file),
                              integer("step", step),
                              integer("ranks", s->comm->size),
                              string("comm_algorithm", s->comm->algorithm ? s->comm->algorithm : "none"),
                              raw("rescheduled", changes),
                              raw("job", slurm_job(job))};
  return EVENT(s, "resume", fields);
}

flr_status flr_metrics_rollback(flr_session *s, const char *file, int64_t step, double lr_factor) {
  const flr_field fields[] = {string("file", file), integer("step", step), number("lr_factor", lr_factor)};
  return EVENT(s, "rollback", fields);
}

flr_status flr_metrics_end(flr_session *s, const char *reason, int exit_code, const flr_train_cost *cost) {
  const double seconds = cost ? cost->seconds : NAN, stall = cost ? cost->stall : NAN;
  const flr_field fields[] = {string("reason", reason), integer("exit", exit_code), number("train_seconds", seconds),
                              number("stall_seconds", stall), number("stall_share", seconds > 0 ? stall / seconds : NAN)};
  return EVENT(s, "end", fields);
}
