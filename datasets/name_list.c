/* A list with a hash table over it. */
#include "datasets/name_list.h"

#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/memory.h"

/* Where the name is, or the free place where it belongs. */
static int64_t find_slot(const flr_name_list *l, const char *name) {
  const uint64_t hash = flr_hash(FLR_HASH_START, name, strlen(name));
  int64_t slot = (int64_t)(hash % (uint64_t)l->slot_count);
  while (l->slots[slot] && strcmp(l->names[l->slots[slot] - 1], name) != 0) slot = (slot + 1) % l->slot_count;
  return slot;
}

/* At most half of the slots are taken. */
static flr_status grow(flr_name_list *l) {
  char **names;
  const int64_t room = l->room ? 2 * l->room : 32;
  FLR_TRY(flr_alloc(&names, room, sizeof *names));
  if (l->count > 0) memcpy(names, l->names, (size_t)l->count * sizeof *names);
  flr_free(l->names);
  l->names = names;
  l->room = room;
  flr_free(l->slots);
  l->slots = NULL;
  FLR_TRY(flr_alloc(&l->slots, 2 * room, sizeof *l->slots));
  l->slot_count = 2 * room;
  for (int64_t i = 0; i < l->count; i++) l->slots[find_slot(l, names[i])] = i + 1;
  return FLR_OK;
}

flr_status flr_name_list_add(flr_name_list *l, const char *name, int64_t *number) {
  if (l->count == l->room) FLR_TRY(grow(l));
  const int64_t slot = find_slot(l, name);
  if (!l->slots[slot]) {
    FLR_TRY(flr_strdup(&l->names[l->count], name));
    l->slots[slot] = ++l->count;
  }
  *number = l->slots[slot] - 1;
  return FLR_OK;
}

typedef struct entry {
  char *name;
  int64_t number;
} entry;

static int compare(const void *a, const void *b) { return strcmp(((const entry *)a)->name, ((const entry *)b)->name); }

flr_status flr_name_list_sort(flr_name_list *l, int64_t **ranks) {
  entry *entries;
  *ranks = NULL;
  FLR_TRY(flr_alloc(&entries, l->count, sizeof *entries));
  flr_status status = flr_alloc(ranks, l->count, sizeof **ranks);
  for (int64_t i = 0; i < l->count; i++) entries[i] = (entry){l->names[i], i};
  if (status == FLR_OK && l->count > 0) qsort(entries, (size_t)l->count, sizeof *entries, compare);
  for (int64_t i = 0; i < l->count && status == FLR_OK; i++) {
    l->names[i] = entries[i].name;
    (*ranks)[entries[i].number] = i;
  }
  flr_free(entries);
  return status;
}

void flr_name_list_clear(flr_name_list *l) {
  for (int64_t i = 0; i < l->count; i++) flr_free(l->names[i]);
  flr_free(l->names);
  flr_free(l->slots);
  *l = (flr_name_list){0};
}
