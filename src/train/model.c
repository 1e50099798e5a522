/* Making a session's model: its structure by options and data, what of it is frozen, its starting values. */
#include "train/model.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "train/build.h"
#include "train/evaluate.h"
#include "train/resume.h"
#include "train/resume_config.h"

/* A checkpoint knows how many classes there are, which a file that lacks the last ones does not tell. */
static flr_status match_checkpoint(const flr_session *s, const char *path, const flr_weights_info *info) {
  flr_dataset *d = s->dataset;
  const int64_t height = s->plan.augment.out_height, width = s->plan.augment.out_width;
  if (info->classes < 1 || info->channels < 1) return FLR_OK; /* it does not say */
  if (d->classes < info->classes && !d->class_names) d->classes = info->classes;
  if (d->classes == info->classes && d->channels == info->channels && height == info->height && width == info->width)
    return FLR_OK;
  return flr_fail(
      FLR_ERROR_DATA,
      "%s was trained on samples of %lldx%lldx%lld in %lld classes, %s has %lldx%lldx%lld in %lld: give the data that "
      "it is for",
      path, (long long)info->height, (long long)info->width, (long long)info->channels, (long long)info->classes, d->source,
      (long long)height, (long long)width, (long long)d->channels, (long long)d->classes);
}

flr_status flr_session_check_checkpoint(flr_session *s, const char *checkpoint) {
  flr_weights_info info = {0};
  flr_split split;
  FLR_TRY(flr_evaluate_find_split(s, s->config->split, &split));
  flr_session_storage(s, "reading", checkpoint);
  flr_status status = flr_weights_info_load(checkpoint, &info);
  flr_session_storage_done(s);
  if (status == FLR_OK) status = match_checkpoint(s, checkpoint, &info);
  flr_weights_info_clear(&info);
  return status;
}

/* What a file says of its head, and what --init-weights makes of it: a new number of classes gets fastai's. */
static flr_status head_of(flr_session *s, const char *path, int is_start, const char **head) {
  flr_weights_info info = {0};
  flr_session_storage(s, "reading", path);
  const flr_status status = flr_weights_info_load(path, &info);
  flr_session_storage_done(s);
  const int other_classes = is_start && info.head_classes > 0 && info.head_classes != s->dataset->classes;
  *head = other_classes || strcmp(info.head, "fastai") == 0 ? "fastai" : "linear";
  flr_weights_info_clear(&info);
  return status;
}

/* The head where --head does not say. What --init-weights came to is kept in the configuration: the run's checkpoints need it.
 */
static flr_status choose_head(flr_session *s, const char *checkpoint, const char **head) {
  const char *start = s->config->init_weights;
  const int resumed = s->resume && s->resume->found;
  *head = s->config->head ? s->config->head : "linear";
  if (s->config->head || resumed || !flr_model_has_features(s->plan.model)) return FLR_OK;
  if (checkpoint) return head_of(s, checkpoint, 0, head);
  if (!start) return FLR_OK;
  FLR_TRY(head_of(s, start, 1, head));
  FLR_TRY(flr_resume_config_copy(&s->own_config, s->config));
  s->config = &s->own_config;
  FLR_TRY(flr_config_set(&s->own_config, "head", *head));
  if (strcmp(*head, "fastai") == 0)
    flr_log_write(s->log, FLR_LOG_INFO, "the head is fastai's (--head linear has a single layer)");
  return FLR_OK;
}

/* Batch norm behind the pooling has one number per sample and channel. */
static flr_status check_head(const flr_session *s, const char *head) {
  if (!s->plan.training || strcmp(head, "fastai") != 0 || s->plan.batch / s->plan.shards >= 2) return FLR_OK;
  if (s->config->sync_bn && s->plan.batch >= 2) return FLR_OK;
  return flr_fail(
      FLR_ERROR_USAGE,
      "--batch: %lld for %lld shards leaves some with one sample, of which --head fastai's batch norm learns nothing: "
      "raise --batch",
      (long long)s->plan.batch, (long long)s->plan.shards);
}

/* Half of it stands before the first of fastai's linear layers. */
static double dropout_of(const flr_config *config, const char *head) {
  if (!isnan(config->dropout)) return config->dropout;
  return strcmp(head, "fastai") == 0 ? 0.5 : 0;
}

flr_status flr_session_create_model(flr_session *s, const char *checkpoint) {
  const flr_dataset *data = s->dataset;
  const int64_t height = s->plan.augment.out_height, width = s->plan.augment.out_width;
  const char *name = s->config->model ? s->config->model : flr_model_auto(height, width), *head;
  s->plan.model = name;
  FLR_TRY(choose_head(s, checkpoint, &head));
  FLR_TRY(check_head(s, head));
  const flr_model_options options = {.name = name,
                                     .height = height,
                                     .width = width,
                                     .channels = data->channels,
                                     .classes = data->classes,
                                     .hidden = s->config->hidden,
                                     .stem = s->config->stem,
                                     .head = head,
                                     .dropout = dropout_of(s->config, head),
                                     .seed = s->config->seed};
  FLR_TRY(flr_model_create(&s->graph, &options));
  return flr_build_freeze(s);
}

/* Starting values: by seed, then from a file where one is given. */
flr_status flr_session_load_values(flr_session *s, const char *checkpoint, flr_weights_info *info) {
  const flr_params *layout = flr_graph_params(s->graph);
  const char *path = checkpoint ? checkpoint : s->config->init_weights;
  float *values = NULL, *norms = NULL;
  flr_status status;
  FLR_TRY_GOTO(status, flr_alloc(&values, layout->elements, sizeof(float)), done);
  FLR_TRY_GOTO(status, flr_alloc(&norms, layout->state_elements, sizeof(float)), done);
  flr_params_init(layout, s->config->seed, values, norms);
  if (path) {
    const flr_weights_options options = {.skip_head_on_class_mismatch = !checkpoint,
                                         .load_head = checkpoint || s->config->init_head,
                                         .adapt_channels = !checkpoint};
    flr_session_storage(s, "reading", path);
    status = flr_weights_load(path, layout, &options, values, norms, info);
    flr_session_storage_done(s);
    if (status != FLR_OK) goto done;
    if (info->head_skipped)
      flr_log_write(s->log, FLR_LOG_INFO, "%s: the head was left at its start (%s)", path,
                    s->config->init_head ? "the file's is for other classes or of another kind" : "--init-head off");
    if (info->channels_adapted)
      flr_log_write(s->log, FLR_LOG_INFO, "%s: the first convolution's weights for 3 channels were made into some for %lld",
                    path, (long long)s->dataset->channels);
  }
  status = flr_train_state_set(&s->state, values, norms);
done:
  flr_free(norms);
  flr_free(values);
  return status;
}
