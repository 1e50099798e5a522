/* Where in one arena each piece of memory lies, given when it is alive. Pure. */
#ifndef FLR_NN_MEMORY_PLAN_H
#define FLR_NN_MEMORY_PLAN_H

#include <stddef.h>

#include "core/status.h"

typedef struct flr_memory_item {
  size_t bytes;    /* 0: takes no place */
  int first, last; /* alive from step first to step last, both included; first < 0: not used */
  size_t offset;   /* filled in; a multiple of FLR_ALIGNMENT */
} flr_memory_item;

/* Makes the item alive at step too. */
void flr_memory_item_extend(flr_memory_item *item, int step);

/* Fills in the offsets so that items alive at the same step do not overlap: largest first, each at the lowest place that is
   free while it lives (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020). *peak: bytes of
   the arena. Errors: FLR_ERROR_INTERNAL (memory). Not collective. */
flr_status flr_memory_plan(flr_memory_item *items, int count, size_t *peak);

#endif
