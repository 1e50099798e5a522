/* What of a data set's statistics will hurt a training. */
#include <stdio.h>
#include <string.h>

#include "datasets/statistics.h"

enum { UNBALANCED = 10 }; /* times as many samples of one class as of another */

typedef struct list {
  char (*texts)[FLR_DATASET_WARNING_BYTES];
  int count;
} list;

/* Where the next one goes; there are never more than fit. */
static char *next(list *l) { return l->texts[l->count++]; }

static void add_about_classes(list *l, const flr_dataset *d, const flr_split_statistics *train) {
  if (train->present == 1)
    (void)snprintf(next(l), FLR_DATASET_WARNING_BYTES, "all training samples are of one class: there is nothing to learn");
  else if (train->present < d->classes)
    (void)snprintf(next(l), FLR_DATASET_WARNING_BYTES,
                   "%lld of %lld classes have no training sample: labels should be 0 to K-1 without gaps",
                   (long long)(d->classes - train->present), (long long)d->classes);
  else if (train->commonest >= UNBALANCED * train->rarest)
    (void)snprintf(next(l), FLR_DATASET_WARNING_BYTES,
                   "classes are unbalanced: the commonest has %.3g times as many training samples as the rarest",
                   (double)train->commonest / (double)train->rarest);
  if (train->sorted && train->present > 1)
    (void)snprintf(next(l), FLR_DATASET_WARNING_BYTES,
                   "training labels are sorted in the file: --order sequential would train on one class after the other");
}

static void add_about_values(list *l, const flr_dataset *d, const flr_split_statistics *train) {
  if (train->nonfinite > 0)
    (void)snprintf(next(l), FLR_DATASET_WARNING_BYTES, "%lld training values are not finite: a run ends where it meets one",
                   (long long)train->nonfinite);
  if (train->least == train->most)
    (void)snprintf(next(l), FLR_DATASET_WARNING_BYTES, "all training values are %.6g", train->least);
  if (train->constant > 0 && train->least < train->most)
    (void)snprintf(next(l), FLR_DATASET_WARNING_BYTES, "%lld of %lld features have the same value in all training samples",
                   (long long)train->constant, (long long)d->channels);
  if (!d->features && d->dtype == FLR_F32 && (train->least < 0 || train->most > 1))
    (void)snprintf(next(l), FLR_DATASET_WARNING_BYTES,
                   "values of images go from %.6g to %.6g: they are not scaled, and --normalize imagenet would refuse them",
                   train->least, train->most);
  if (d->dtype == FLR_U8 && train->most <= 1 && train->most > train->least)
    (void)snprintf(next(l), FLR_DATASET_WARNING_BYTES, "bytes go from 0 to 1 only: was it meant to be 0 to 255?");
}

static void add_about_repeats(list *l, flr_split split, const flr_dataset *d, const flr_split_statistics *s) {
  if (s->in_train > 0)
    (void)snprintf(next(l), FLR_DATASET_WARNING_BYTES,
                   "%lld of %lld %s samples are in the training split too: the error rate on them is no measure",
                   (long long)s->in_train, (long long)d->samples[split], flr_split_name(split));
}

int flr_dataset_warnings(char out[FLR_DATASET_MOST_WARNINGS][FLR_DATASET_WARNING_BYTES], const flr_dataset *d,
                         const flr_dataset_statistics *statistics) {
  const flr_split_statistics *train = &statistics->splits[FLR_SPLIT_TRAIN];
  list l = {.texts = out};
  add_about_classes(&l, d, train);
  add_about_values(&l, d, train);
  for (int split = FLR_SPLIT_VALID; split < FLR_SPLIT_COUNT; split++)
    add_about_repeats(&l, (flr_split)split, d, &statistics->splits[split]);
  if (10 * train->repeated > d->samples[FLR_SPLIT_TRAIN])
    (void)snprintf(next(&l), FLR_DATASET_WARNING_BYTES, "%lld of %lld training samples repeat an earlier one",
                   (long long)train->repeated, (long long)d->samples[FLR_SPLIT_TRAIN]);
  return l.count;
}

/* Grey, colour, colour and alpha: as few as that are channels, more than that are hardly. */
static int few(int64_t n) { return n == 1 || n == 3 || n == 4; }

int flr_dataset_axes_warning(char out[FLR_DATASET_WARNING_BYTES], const flr_dataset *d, const char *axis_order) {
  const int planes = strcmp(axis_order, "nchw") == 0; /* (then height and width are the file's second and third axis) */
  const int64_t first = planes ? d->channels : d->height, last = planes ? d->width : d->channels;
  const int64_t middle = planes ? d->height : d->width;
  if (d->features || !few(planes ? last : first) || few(planes ? first : last) || middle <= 4) return 0;
  (void)snprintf(
      out, FLR_DATASET_WARNING_BYTES,
      "images are [%lld, %lld, %lld] in the file, taken as --axis-order %s says: %lldx%lld pixels with %lld channels; "
      "they look like --axis-order %s",
      (long long)first, (long long)middle, (long long)last, axis_order, (long long)d->height, (long long)d->width,
      (long long)d->channels, planes ? "nhwc" : "nchw");
  return 1;
}
