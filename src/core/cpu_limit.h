/* How many CPUs control groups leave to a process. */
#ifndef FLR_CORE_CPU_LIMIT_H
#define FLR_CORE_CPU_LIMIT_H

/* The least quota of CPU time of this process's control group and all those above it, of version 2 or 1, as so many CPUs,
   rounded up; 0: none has one. (Sets of CPUs show in the affinity.) root: "", or a folder that stands for "/". */
int flr_cpus_in_groups(const char *root);

#endif
