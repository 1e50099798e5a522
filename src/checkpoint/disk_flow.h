/* Writes into a file by a thread of their own, in order; whole pages of large ones go past the page cache (O_DIRECT). The
 * kernel then has nothing to copy, to keep and to write at the end: where this was measured it is as fast as the disk, whatever
 * else the cores compute, while copies into the page cache took one core and went at 0.2 to 1.9 GB/s
 * (tests/bench/bench_checkpoint.c). */
#ifndef FLR_CHECKPOINT_DISK_FLOW_H
#define FLR_CHECKPOINT_DISK_FLOW_H

#include <stddef.h>
#include <stdint.h>

typedef struct flr_disk_flow flr_disk_flow;

/* Into the file of that path, open for writing as fd, which is borrowed. NULL: its file system has no writes past the page
 * cache, or there is no memory or thread for them. */
flr_disk_flow *flr_disk_flow_open(const char *path, int fd);
/* Copies, and returns before it is written. After a failure nothing is written any more. */
void flr_disk_flow_write(flr_disk_flow *flow, int64_t at, const void *data, size_t bytes);
/* Waits until everything is written. 0, or errno of the first failure. */
int flr_disk_flow_drain(flr_disk_flow *flow);
/* Errno of the first failure so far, without waiting; 0: none. */
int flr_disk_flow_failure(flr_disk_flow *flow);
/* Drains first; NULL is allowed. */
void flr_disk_flow_close(flr_disk_flow *flow);

#endif
