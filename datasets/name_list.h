/* Different names, numbered in the order in which they came. */
#ifndef FLR_DATASETS_NAME_LIST_H
#define FLR_DATASETS_NAME_LIST_H

#include <stdint.h>

#include "core/status.h"

/* All zero: an empty list. */
typedef struct flr_name_list {
  char **names; /* [count] */
  int64_t count, room;
  int64_t *slots; /* [slot_count] hash table: number + 1, 0: free */
  int64_t slot_count;
} flr_name_list;

/* Sets *number to the name's number, after adding the name when it is new. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_name_list_add(flr_name_list *list, const char *name, int64_t *number);

/* Orders the names by their bytes. *ranks [count], owned by the caller: the new number of each old one. The list can only be
   read afterwards. */
flr_status flr_name_list_sort(flr_name_list *list, int64_t **ranks);

void flr_name_list_clear(flr_name_list *list);

#endif
