/* Greedy-by-size placement. */
#include "nn/memory_plan.h"

#include <stdlib.h>

#include "core/memory.h"

void flr_memory_item_extend(flr_memory_item *item, int step) {
  if (item->first < 0) {
    item->first = item->last = step;
    return;
  }
  if (step < item->first) item->first = step;
  if (step > item->last) item->last = step;
}

static int by_size(const void *a, const void *b) {
  const flr_memory_item *const *x = a, *const *y = b;
  if ((*x)->bytes != (*y)->bytes) return (*x)->bytes < (*y)->bytes ? 1 : -1;
  return (*x)->first - (*y)->first;
}

static int by_offset(const void *a, const void *b) {
  const flr_memory_item *const *x = a, *const *y = b;
  return ((*x)->offset > (*y)->offset) - ((*x)->offset < (*y)->offset);
}

static int overlaps(const flr_memory_item *a, const flr_memory_item *b) { return a->first <= b->last && b->first <= a->last; }

/* The lowest offset at which `item` meets none of the placed items alive with it. */
static size_t lowest_place(const flr_memory_item *item, flr_memory_item **placed, int count, flr_memory_item **neighbours) {
  int alive = 0;
  for (int i = 0; i < count; i++)
    if (overlaps(item, placed[i])) neighbours[alive++] = placed[i];
  qsort(neighbours, (size_t)alive, sizeof(flr_memory_item *), by_offset);
  size_t place = 0;
  for (int i = 0; i < alive; i++) {
    if (neighbours[i]->offset >= place + flr_align_up(item->bytes)) break;
    const size_t end = neighbours[i]->offset + flr_align_up(neighbours[i]->bytes);
    if (end > place) place = end;
  }
  return place;
}

flr_status flr_memory_plan(flr_memory_item *items, int count, size_t *peak) {
  flr_memory_item **order;
  FLR_TRY(flr_alloc(&order, 2 * (int64_t)count + 1, sizeof(flr_memory_item *)));
  int used = 0;
  for (int i = 0; i < count; i++)
    if (items[i].bytes > 0 && items[i].first >= 0) order[used++] = &items[i];
  qsort(order, (size_t)used, sizeof(flr_memory_item *), by_size);
  *peak = 0;
  for (int i = 0; i < used; i++) {
    order[i]->offset = lowest_place(order[i], order, i, order + count);
    const size_t end = order[i]->offset + flr_align_up(order[i]->bytes);
    if (end > *peak) *peak = end;
  }
  flr_free(order);
  return FLR_OK;
}
