/* fastlr_dist as a library: configuration, a session of ranks, learning-rate finding, training, evaluation.
   The one header that programs include. */
#ifndef FASTLR_H
#define FASTLR_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { FLR_CONFIG_OPTIONS = 160 };

/* One field per option of the program (--help) that decides what a run computes, where it runs or what it writes. Strings are
   owned by the configuration; NULL means "not given". Numbers that were not given and have no one default are NAN or -1 as
   said. Filled by flr_config_init, changed by flr_config_set, checked as a whole by flr_config_check. */
typedef struct flr_config {
  /* data */
  char *data; /* "digits" */
  char *x_path, *y_path, *valid_x_path, *valid_y_path;
  char *axis_order;          /* "nhwc" */
  double valid_fraction;     /* NAN: 0.2 when the file has no validation split */
  char *normalize;           /* "auto" */
  char *order;               /* "shuffled" */
  int64_t window;            /* -1: by the size of the blocks */
  char *cache;               /* "auto" */
  char *cache_memory;        /* NULL: what the window needs */
  int drop_last;             /* 1 */
  char *augment;             /* "auto" */
  int64_t crop_size;         /* -1: the stored size */
  int64_t crop_pad;          /* -1: 4, or 0 with a smaller crop_size */
  char *crop_scale;          /* NULL: "0.08,1" */
  int64_t workers, prefetch; /* -1: fits the cores */
  /* model */
  char *model;    /* NULL: by the data */
  char *hidden;   /* "256,128" */
  char *stem;     /* "auto" */
  char *head;     /* "linear", "fastai"; NULL: linear, or what goes with init_weights */
  double dropout; /* NAN: 0, with fastai's head 0.5 */
  char *init_weights;
  int init_head;     /* 1 */
  int freeze;        /* 0; 1: all layer groups but the last */
  int64_t freeze_to; /* 0: layer groups below it are frozen */
  int train_bn;      /* 1: batch norm trains in frozen groups too */
  int bn_freeze;     /* 0; 1: there it neither trains nor updates its running averages */
  /* optimisation */
  int64_t batch;                           /* 64, global */
  int64_t accum;                           /* 1: pieces of each shard */
  int sync_bn;                             /* 0; batch norm over the global batch */
  int64_t epochs, steps;                   /* 10, or what cycle_len makes them; steps -1: from the epochs */
  char *policy;                            /* "one-cycle" */
  char *lr;                                /* "auto" or the per-group forms */
  char *pick;                              /* "consensus" */
  double div_factor, pct_start, final_div; /* NAN: the policy's own */
  double annihilate_pct, lr_mult;          /* NAN: the policy's own */
  int64_t cycles, cycle_len, cycle_mult;   /* -1: the policy's own; cycle_len: epochs, -1: as long as the run makes it */
  int64_t tot_epochs, start_epoch;         /* -1: the run is the whole schedule; 0 */
  int64_t freeze_epochs;                   /* fine-tune: -1: 1 */
  char *moms;                              /* NULL: the policy's own */
  char *optimizer;                         /* "adam" */
  double weight_decay;                     /* NAN: 1e-2, 0 for sgd */
  char *wd_mode;                           /* "decoupled" */
  int bn_wd;                               /* 1 */
  double sqr_mom, eps;                     /* 0.99, 1e-5 */
  double clip_norm;                        /* NAN: off */
  double label_smoothing;                  /* 0 */
  uint64_t seed;                           /* 1 */
  /* sweep */
  char *sweep_start, *sweep_end;            /* "1e-7", "10": per-group forms */
  int64_t sweep_iters;                      /* 100 */
  double sweep_beta, sweep_stop, sweep_mom; /* 0.98, 4, 0.9 */
  char *sweep_mode;                         /* "exp" */
  int sweep_inclusive;                      /* 0 */
  int64_t sweep_repeats;                    /* 1 */
  char *sweep_wd;                           /* NULL: one weight decay; else the ones to compare, "0,1e-4,1e-2" */
  int64_t trim_start, trim_end;             /* -1: 10 % of the points; 5 */
  double smooth;                            /* suggest: 0 */
  /* run */
  char *out;              /* NULL: runs/<time>-<model> */
  char *backend, *comm;   /* "auto" */
  int64_t threads;        /* -1: fits the cores */
  char *precision;        /* NULL: bf16 on cuda, else f32 */
  char *comm_dtype;       /* "f32" */
  char *comm_algorithm;   /* "auto" */
  int cuda_graph;         /* 1 */
  int64_t shards;         /* -1: the rank count */
  int deterministic;      /* 0 */
  double watchdog;        /* 120 seconds; 0: off */
  int watchdog_stack;     /* 0 */
  int64_t log_every;      /* steps between `step` lines; 10 */
  char *checkpoint_every; /* "1e": seconds "300s", steps "500" or epochs "1e" */
  int64_t keep;           /* checkpoints that stay; 2 */
  char *time_limit;       /* NULL: Slurm's own, if any */
  char *on_nonfinite;     /* "stop", "rollback" */
  int quiet, verbose;
  char *plot; /* "auto", "none", "terminal" */
  /* outputs and other commands */
  int json, csv;
  int64_t groups;                     /* schedule: 1 */
  char *split;                        /* eval, predict: "valid" */
  char *resume;                       /* fit, find: a checkpoint or a folder; "": of `out`; NULL: no */
  char *which;                        /* plot: "all", "sweep", "schedule", "loss" */
  char *format;                       /* plot: "both", "svg", "png" */
  char *label;                        /* convert csv: the column of the classes, "label" */
  int64_t image_size, image_channels; /* convert imagefolder: -1: as they are; 3 */
  int64_t max_pixels;                 /* convert imagefolder: 100 million */
  int strict;                         /* convert imagefolder: nothing is left out */
  char *compress;                     /* convert: "none", "deflate", "lz4", "zstd" */
  int64_t compress_level, chunk_rows; /* convert: -1: the codec's own; -1: about 1 MiB of compressed ones, else no chunks */
  int checksum;                       /* convert: 1 */
  int diff;                           /* inspect: two files side by side */
  int dry_run;                        /* fit, find: check, tell what it would take, and end */
  int reschedule;                     /* with resume: options may differ from the checkpoint's */
  unsigned char given[FLR_CONFIG_OPTIONS]; /* which options were set rather than left at their defaults */
} flr_config;

/* Fills in the defaults. The caller clears it. Not collective. */
flr_status flr_config_init(flr_config *out);
void flr_config_clear(flr_config *config);
/* Sets the option `name` (its long name without dashes) from its text. Errors: FLR_ERROR_USAGE naming option, value and
   what is allowed. Not collective. */
flr_status flr_config_set(flr_config *config, const char *name, const char *value);
/* Reads an INI file of long names. Errors: FLR_ERROR_NO_INPUT, FLR_ERROR_USAGE with file and line. Not collective. */
flr_status flr_config_load(flr_config *config, const char *path);
/* The same from INI text, such as a checkpoint stores; `origin` names it in messages. Errors: FLR_ERROR_USAGE with origin and
   line. Not collective. */
flr_status flr_config_load_text(flr_config *config, const char *text, const char *origin);
/* Finds options that contradict each other. Errors: FLR_ERROR_USAGE naming both. Not collective. */
flr_status flr_config_check(const flr_config *config);
/* The effective configuration as INI text, one `name = value` per option that has a value; owned by the caller,
 * flr_config_free_text. Errors: FLR_ERROR_USAGE where epochs and cycles contradict each other. Not collective. */
flr_status flr_config_text(char **out, const flr_config *config);
void flr_config_free_text(char *text);

/* Ranks, data, model and memory made ready once for everything that is then run. */
typedef struct flr_session flr_session;

/* What a session tells people while it works; NULL stream: nothing. Rank 0 only. */
typedef struct flr_session_report {
  void *stream; /* FILE *, borrowed; usually stderr */
  int terminal; /* 1: the stream is a terminal */
} flr_session_report;

/* A suggestion of the sweep: see optim/suggest.h. lr is NAN unless status is "ok". */
typedef struct flr_sweep_suggestion {
  const char *name, *status; /* string literals */
  double lr;
  double spread;    /* its error bar, largest over least: of consensus' estimates, of other rules over repeats; NAN unknown */
  double low, high; /* least and largest of the rates that repeats give by themselves; NAN without */
  int64_t repeats;  /* how many of them give one; 0 for a single sweep */
} flr_sweep_suggestion;

enum { FLR_SWEEP_SUGGESTIONS = 5 };

/* A finished sweep: with repeats the medians over them (optim/sweep_curve.h). Arrays are owned by the session and live until
 * its next sweep or its end. Valid on every rank. */
typedef struct flr_sweep_result {
  int64_t points;
  const double *lr, *loss, *smooth;
  const char *verdict; /* "finished", "diverged", "nonfinite" */
  flr_sweep_suggestion suggestions[FLR_SWEEP_SUGGESTIONS];
  const char *picked; /* the name that --pick asked for */
  double picked_lr;   /* NAN when it could not be made */
  int other;          /* then the place among suggestions of a rule to take instead; -1: none gave a rate either */
  int repeats;        /* sweeps behind it */
  const double *low, *high, *smooth_low, *smooth_high; /* bands around loss and smooth; NULL for a single sweep */
  int decays; /* that --sweep-wd compared; the above is of the one that was taken. 0: none */
} flr_sweep_result;

/* One of the repeats of a sweep. */
typedef struct flr_sweep_repeat {
  int64_t points;
  const char *verdict;
  flr_sweep_suggestion suggestions[FLR_SWEEP_SUGGESTIONS]; /* read off its own curve */
} flr_sweep_repeat;

typedef struct flr_fit_result {
  int64_t steps, first_step;                 /* first_step: of this part of the run, 0 unless it was resumed */
  double train_loss, valid_loss, error_rate; /* of the last epoch; NAN without a validation split */
  double seconds, samples_per_second;
  double train_seconds, stall_seconds; /* in all parts of the run: of training, evaluation left out; of these, rank 0 waited for
                                          samples */
} flr_fit_result;

/* Of one split. confusion: [classes, classes], row = label, column = predicted; owned by the session until its next evaluation.
 */
typedef struct flr_eval_result {
  int64_t samples, classes;
  double loss, error_rate, accuracy;
  const int64_t *confusion;
} flr_eval_result;

/* Starts (or joins) the ranks, opens data, builds the model, prepares every operation. With `checkpoint` not NULL the weights
   come from it (eval). A status is the exit code that goes with it (README.md); every rank gets the same status. Collective.
   *out is owned by the caller, also after an error (it then knows the rank; NULL only when memory is exhausted). */
flr_status flr_session_create(flr_session **out, const flr_config *config, const flr_session_report *report,
                              const char *checkpoint);
/* This process's rank and the number of ranks. Not collective. */
int flr_session_rank(const flr_session *session);
int flr_session_size(const flr_session *session);
/* The run directory, NULL when none is written. */
const char *flr_session_directory(const flr_session *session);

/* The learning-rate range test; the model is as before afterwards (checked by hash). That no rule gives a rate is no error
   (flr_sweep_result.picked_lr). Errors, the same on every rank: FLR_ERROR_USAGE (a resumed run that is past its sweep),
   FLR_ERROR_DATA and FLR_ERROR_IO (reading, writing), FLR_ERROR_PEER, FLR_STOPPED. Collective. */
flr_status flr_session_find(flr_session *session, flr_sweep_result *out);
/* A repeat (from 0) of the sweep that flr_session_find did last. Errors: FLR_ERROR_USAGE. Not collective. */
flr_status flr_session_sweep_repeat(const flr_session *session, int repeat, flr_sweep_repeat *out);
/* The raw loss of a repeat at a point; NAN where it had ended. Not collective. */
double flr_session_sweep_loss(const flr_session *session, int repeat, int64_t point);
/* One of the weight decays that a sweep compared (optim/decay.h). Arrays as in flr_sweep_result. */
typedef struct flr_sweep_decay {
  double wd;
  int taken; /* 1: by the rule, or because --wd names it */
  int64_t points;
  const double *lr, *loss, *smooth;
  const char *verdict;
  double least_loss, least_lr, highest_lr; /* what the rule goes by; NAN where no loss is finite */
  flr_sweep_suggestion suggestions[FLR_SWEEP_SUGGESTIONS];
} flr_sweep_decay;

/* The decay at a place (from 0) of --sweep-wd, of the sweep that flr_session_find did last. Errors: FLR_ERROR_USAGE. Not
   collective. */
flr_status flr_session_sweep_decay(const flr_session *session, int place, flr_sweep_decay *out);
/* Training by the configured policy; --lr auto sweeps first. Errors, the same on every rank: FLR_ERROR_DIVERGED (a loss that is
   not finite, or a sweep that gave no rate), FLR_ERROR_DATA and FLR_ERROR_IO (reading, writing), FLR_ERROR_PEER, FLR_STOPPED.
   Collective. */
flr_status flr_session_fit(flr_session *session, flr_fit_result *out);
/* Loss and error on a split ("train", "valid", "test"). Errors, the same on every rank: FLR_ERROR_USAGE for another name,
   FLR_ERROR_NO_INPUT when the data have no such split, FLR_ERROR_DATA and FLR_ERROR_IO (reading), FLR_ERROR_PEER. Collective.
 */
flr_status flr_session_evaluate(flr_session *session, const char *split, flr_eval_result *out);

/* One sample's. probabilities: [classes], valid during the call only. */
typedef struct flr_prediction {
  int64_t index, label, predicted; /* index: the row in the split; predicted: the first of the largest probabilities */
  int64_t classes;
  const float *probabilities;
} flr_prediction;

/* Takes one prediction; what it returns other than FLR_OK ends the work on all ranks with that status. */
typedef flr_status (*flr_prediction_taker)(void *context, const flr_prediction *prediction);

/* The model's answer to every sample of a split, given to `take` on rank 0 in the order of the split, whatever the ranks; the
   other ranks only compute. Errors: as flr_session_evaluate, and what `take` returns. Collective. */
flr_status flr_session_predict(flr_session *session, const char *split, flr_prediction_taker take, void *context);
/* The data set's name of a class, NULL when it names none. Borrowed. Not collective. */
const char *flr_session_class_name(const flr_session *session, int64_t class_index);

/* Asks every session of this process to stop with a checkpoint after the step under way; all ranks of the job stop with it, and
   fit or find return FLR_STOPPED. Async-signal-safe. Not collective. */
void flr_request_stop(void);

/* Ends the session; every rank calls it. NULL allowed. Collective. */
void flr_session_destroy(flr_session *session);

#ifdef __cplusplus
}
#endif
#endif
