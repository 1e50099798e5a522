/* The inside of a session, shared by the files of this room. */
#ifndef FLR_TRAIN_SESSION_H
#define FLR_TRAIN_SESSION_H

#include <stdint.h>

#include "backend/backend.h"
#include "core/log.h"
#include "datasets/dataset.h"
#include "datasets/loader.h"
#include "datasets/order.h"
#include "fastlr.h"
#include "mpi/comm.h"
#include "mpi/watchdog.h"
#include "nn/executor.h"
#include "nn/graph.h"
#include "optim/decay.h"
#include "optim/lr_range.h"
#include "optim/sweep_curve.h"
#include "report/progress.h"
#include "report/run_log.h"
#include "train/directive.h"
#include "train/norm_sums.h"
#include "train/policy_plan.h"
#include "train/reducer.h"
#include "train/report_sums.h"
#include "train/state.h"

/* What the configuration comes to on this data and these ranks. */
typedef struct flr_run_plan {
  int64_t shards, first_shard, shard_count; /* of the job; this rank's */
  int64_t batch;                            /* global */
  int64_t steps_per_epoch;
  flr_policy_span span; /* the steps of training */
  int shuffled, drop_last;
  int64_t window;            /* blocks within which training is shuffled, 0: over all samples */
  flr_block_map blocks;      /* of the training split, where it is read through blocks and shuffled; owned */
  int decoders;              /* loader threads of data that are read through blocks */
  int sync_bn;               /* 1: a rank's shards are computed in step with each other, batch norm over all of them */
  int training;              /* 0: evaluation only */
  flr_augment augment;       /* of training samples; its out_height and out_width are what the model sees of any sample */
  size_t sample_bytes;       /* of a sample as loaders deliver it */
  const char *model;         /* resolved name; a literal of the model list */
  float *mean, *inverse_std; /* [channels], NULL: none; owned by the session */
  float *std;                /* [channels], what final.h5 stores; owned */
} flr_run_plan;

typedef struct flr_device_step flr_device_step;
typedef struct flr_resume flr_resume;
typedef struct flr_saver flr_saver;

struct flr_session {
  const flr_config *config; /* borrowed; of `resume` where that is, or own_config */
  flr_config own_config;    /* a copy that says more than was asked for; else empty */
  double start_time;        /* when the run began, without the time between its parts */
  double deadline;          /* rank 0: when it has to have ended; INFINITY: never */
  flr_resume *resume;       /* NULL: not asked for */
  int64_t resumes;          /* how often the run was resumed */
  flr_log *log;             /* discards on ranks other than 0 */
  flr_comm *comm;
  flr_comm *bulk; /* sums gradients on the device; NULL: comm does, in host memory */
  flr_watchdog *watchdog;
  flr_dataset *dataset;
  flr_graph *graph;
  flr_backend *backend;
  int cpus; /* this rank's share of its host's; 0: not known */
  flr_executor *executor;
  flr_norm_sums norm_sums; /* with plan.sync_bn */
  flr_executor_io *lanes;  /* [shard_count] with plan.sync_bn, else NULL */
  flr_reducer *reducer;
  flr_device_step *device_step; /* NULL: steps are done when they return */
  flr_progress *progress;
  flr_run_log *run_log; /* NULL on ranks other than 0 and without a run directory */
  int log_goes_on;      /* 1: it has what an earlier part of the run wrote up to its checkpoint */
  char *directory;      /* NULL: none */
  flr_saver *saver;     /* NULL: not training */
  flr_run_plan plan;
  int frozen_groups; /* layer groups that are frozen now */
  flr_train_state state;
  /* step memory, allocated once */
  flr_buffer samples, labels;    /* device copies of a batch; empty when host pointers do */
  flr_buffer values;             /* [shard_count] flr_step_values; the first alone without plan.sync_bn */
  flr_buffer results;            /* [shard_count] flr_loss_result */
  flr_loss_result *host_results; /* the same, in host memory */
  flr_report_sums report_sums;
  flr_buffer sumsq;      /* double */
  flr_buffer eval_norms; /* batch norm statistics combined over all shards */
  float *gathered_norms; /* [size, most shards of a rank, state_elements] */
  float *probabilities;  /* host [largest evaluation shard, classes], for confusion */
  flr_buffer device_probabilities;
  int64_t *confusion; /* [classes, classes] */
  /* the last sweep */
  flr_decays decays;                /* that it compares */
  flr_sweep *sweeps;                /* [sweep_count]: of each decay its repeats, one after another; NULL: none yet */
  int sweep_count, sweep_at;        /* sweep_at: the one under way; those before it are over */
  int64_t sweep_logged;             /* points of a single sweep that the run log has */
  flr_sweep_findings *all_findings; /* of each decay (of one where none are compared); NULL: none yet */
  flr_decay_row decay_rows[FLR_MOST_DECAYS];
  const flr_sweep_findings *findings; /* of the decay that was taken */
  flr_report step_report;             /* of the last step that was done at once, until it is finished */
  double step_norm;
  double sum_seconds; /* that steps have spent on sums over ranks which backward did not hide; steps on a device: not counted */
  int broken;         /* 1: this rank failed where the others cannot know: the job is ended by force */
  const flr_session_report *report; /* borrowed */
};

/* The sampler of a split: training order, or file order for evaluation. */
flr_sampler flr_session_sampler(const flr_session *session, flr_split split, flr_rng_stream stream);

/* Batches that a loader of this session reads ahead. Not collective. */
int flr_session_prefetch(const flr_session *session);

/* Starts a loader over this rank's shards, for the steps first .. steps - 1, of samples in their test-time form. *out is owned
   by the caller. Collective. */
flr_status flr_session_loader(flr_loader **out, flr_session *session, flr_split split, const flr_sampler *sampler,
                              int64_t first, int64_t steps);

/* The same of training samples, as --augment makes them. */
flr_status flr_session_training_loader(flr_loader **out, flr_session *session, const flr_sampler *sampler, int64_t first,
                                       int64_t steps);

/* The sweep under way. */
static inline flr_sweep *flr_session_sweep(const flr_session *session) { return &session->sweeps[session->sweep_at]; }

/* Place of the decay that was taken among those compared. */
static inline int flr_session_decay(const flr_session *session) { return (int)(session->findings - session->all_findings); }

/* The sweeps of a decay, [sweep_repeats]; of the one that was taken. */
static inline const flr_sweep *flr_session_sweeps_of(const flr_session *session, int decay) {
  return session->sweeps + decay * session->config->sweep_repeats;
}
static inline const flr_sweep *flr_session_taken_sweeps(const flr_session *session) {
  return flr_session_sweeps_of(session, flr_session_decay(session));
}

/* Tells the watchdog where this rank is. */
static inline void flr_session_beat(flr_session *session, const char *phase, int64_t step) {
  flr_watchdog_beat(session->watchdog, phase, step);
}

/* Tells the watchdog that this rank now waits for storage; until flr_session_storage_done. doing: "reading", "writing". */
static inline void flr_session_storage(flr_session *session, const char *doing, const char *path) {
  flr_watchdog_enter_storage(session->watchdog, doing, path);
}
static inline void flr_session_storage_done(flr_session *session) { flr_watchdog_leave_storage(session->watchdog); }

#endif
