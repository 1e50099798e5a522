/* The control groups that a process is in: where their files lie. */
#ifndef FLR_CORE_CONTROL_GROUP_H
#define FLR_CORE_CONTROL_GROUP_H

#include <stdint.h>

/* Called with the folder of a group; version: 1 or 2. A folder may be named more than once, or not be there. */
typedef void (*flr_control_group_visit)(void *context, const char *folder, int version);

/* Visits this process's group and all those above it, of version 2 and of version 1's `controller`. root: "", or a folder that
   stands for "/". */
void flr_control_groups_visit(const char *root, const char *controller, flr_control_group_visit visit, void *context);

/* The numbers that the file of that name in the folder begins with; *second (NULL: not wanted) is -1 where there is but one.
   -1: none ("max", or no such file). */
int64_t flr_control_group_number(const char *folder, const char *name, int64_t *second);

#endif
