/* Failures told by host, each cause once: for what can differ from node to node. */
#ifndef FLR_MPI_HOSTS_H
#define FLR_MPI_HOSTS_H

#include "mpi/comm.h"

enum { FLR_HOST_BYTES = 64 };

/* Writes the distinct ones of hosts [count] in order, numbers that follow each other together: "gpu, node[01-04,07]"; cut with
   ".." when it does not fit. Sorts hosts. Returns how many are distinct. Pure. */
int flr_hosts_text(char *text, size_t size, char (*hosts)[FLR_HOST_BYTES], int count);

/* As flr_comm_agree, but with several nodes the message tells each distinct cause once, with the hosts where it was met: "on
   node[2-3] (2 of 4 nodes): food.h5: no such file", and with the ranks where not all of these hosts met it: "on node2 (1 of 4
   nodes; rank 5): ..". Collective. */
flr_status flr_comm_agree_by_host(flr_comm *comm, flr_status local);

/* Whether `key` is the same on all nodes, whose first ranks count. *rank: the lowest one with another key than rank 0, -1 for
   none; then as_first and other [size] name the hosts with rank 0's key and those with any other. Collective. */
flr_status flr_comm_compare_nodes(flr_comm *comm, uint64_t key, int *rank, char *as_first, char *other, size_t size);

#endif
