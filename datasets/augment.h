/* What of a stored image is trained on or evaluated: which window, whether mirrored, resized to what; and making it so. */
#ifndef FLR_DATASETS_AUGMENT_H
#define FLR_DATASETS_AUGMENT_H

#include <stdint.h>

#include "core/rng.h"
#include "core/status.h"
#include "datasets/dataset.h"
#include "datasets/resample.h"

typedef enum flr_augment_kind {
  FLR_AUGMENT_NONE,
  FLR_AUGMENT_FLIP,             /* left and right swapped with probability 1/2 */
  FLR_AUGMENT_CROP_FLIP,        /* and a window of the delivered size at a random place of the padded image */
  FLR_AUGMENT_RESIZED_CROP_FLIP /* and a window of random size, shape and place, resized (torchvision's RandomResizedCrop) */
} flr_augment_kind;

/* How samples of one shape are delivered. All zero: as they are stored. */
typedef struct flr_augment {
  flr_augment_kind kind;
  int random;                      /* 1: training; 0: the test-time form, the same every time */
  int64_t height, width, channels; /* as stored */
  int64_t out_height, out_width;   /* as delivered; at most as stored */
  flr_dtype dtype;                 /* FLR_U8 or FLR_F32, stored and delivered */
  int64_t pad;                     /* of a crop: rows and columns reflected around the image, the edge itself not repeated */
  double least_share, most_share;  /* of a resized crop: its window's share of the image's area */
} flr_augment;

typedef struct flr_augment_options {
  const char *kind;  /* "auto", "none", "flip", "crop-flip" or "resized-crop-flip" */
  int64_t crop_size; /* deliver images of this height and width; -1: of the stored size */
  int64_t crop_pad;  /* -1: 4, or 0 where the images delivered are smaller than those stored */
  const char *scale; /* "A,B": the shares; NULL: 0.08,1 */
  int random;
} flr_augment_options;

/* How this data set's samples are delivered. auto is none for features and for images that do not have three channels,
   crop-flip for images of up to 64 pixels (flip where they are too small for the pad), resized-crop-flip above. Pure. Errors:
   FLR_ERROR_USAGE naming the option, the images and what is allowed. */
flr_status flr_augment_init(flr_augment *out, const flr_dataset *dataset, const flr_augment_options *options);

/* Parses "A,B", 0 < A <= B <= 1; NULL: 0.08,1. Errors: FLR_ERROR_USAGE naming --crop-scale and the text. Pure. */
flr_status flr_augment_parse_scale(const char *text, double *least, double *most);

/* The kind as flr_augment_options names it. Pure. */
const char *flr_augment_name(flr_augment_kind kind);

/* The same for evaluation: nothing is random, out sizes stay. Pure. */
flr_augment flr_augment_at_test_time(const flr_augment *augment);

/* 1: samples stay as they are stored. Pure. */
int flr_augment_is_identity(const flr_augment *augment);

/* Bytes of a sample as delivered. Pure. */
size_t flr_augment_out_bytes(const flr_augment *augment);

/* The key of the random numbers of an epoch of a sampler's stream (training's and the sweep's are unrelated). Pure. */
uint64_t flr_augment_key(uint64_t seed, flr_rng_stream stream, int64_t epoch);

/* What becomes of one sample. The window may reach `pad` beyond the image: of a crop only, there the image is reflected. It is
   resized to scaled_height x scaled_width, of which the delivered image leaves out skip_y rows at the top and skip_x columns at
   the left; then mirrored. */
typedef struct flr_augment_view {
  int mirrored;
  int64_t top, left, height, width;
  int64_t scaled_height, scaled_width, skip_y, skip_x;
} flr_augment_view;

/* The view of the sample in this row of its split: a pure function of key and row, whatever ranks, threads and batches do.
   In a resized crop the area is uniform between the shares, the ratio of width to height log-uniform between 3/4 and 4/3, the
   place uniform; ten tries for a window that fits, else the largest in the middle with the nearest ratio (torchvision's
   RandomResizedCrop.get_params). At test time: the middle; of images for resized crops, or where nothing is cropped in
   training, after resizing the shorter side to out * 256 / 224 if it is longer (torchvision's ImageNet reference). Pure. */
void flr_augment_view_at(flr_augment_view *out, const flr_augment *augment, uint64_t key, int64_t row);

/* A thread's memory for it. */
typedef struct flr_augment_space {
  void *sample; /* a copy of one stored sample */
  flr_resample_space resample;
} flr_augment_space;

/* Nothing where samples stay as they are stored. The caller clears it. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_augment_space_init(flr_augment_space *out, const flr_augment *augment);
void flr_augment_space_clear(flr_augment_space *space);

/* Makes of one stored sample the one that is delivered. in and out are apart. Allocates nothing. */
void flr_augment_apply(const flr_augment *augment, flr_augment_space *space, const flr_augment_view *view, const void *in,
                       void *out);

/* The same in place for a batch of n stored samples that lie one after another; those delivered then do so from the same
   beginning. Allocates nothing. */
void flr_augment_batch(const flr_augment *augment, flr_augment_space *space, uint64_t key, const int64_t *rows, int64_t n,
                       void *samples);

#endif
