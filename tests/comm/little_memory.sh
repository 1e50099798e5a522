#!/usr/bin/env bash
# With hardly any shared memory sums go by MPI, with a word of why; with little, gradients are copied. usage: little_memory.sh MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
in_own_mounts "$0" "$@" || skip "mounts of a process's own may not be made here"
work_folder said
# holds SIZE WORDS ARGUMENTS...: a run with that much shared memory ends well and says so
holds() {
  local size=$1 words=$2
  shift 2
  mount -t tmpfs -o size="$size" tmpfs /dev/shm || skip "nothing may be mounted here"
  # (MPI's own shared memory would not fit either)
  "$@" --mca btl tcp,self -np 2 "$program" fit --model mlp --data synthetic:64,8,8,3,4 --batch 8 --hidden 1024,1024 --steps 4 --lr 1e-3 \
    --threads 1 --plot none --verbose --out "$work/run-$size" >"$work/said" 2>&1 || fail "$size of shared memory: exit code $?"
  grep -qF "$words" "$work/said" || fail "$size of shared memory: no line '$words'"
  umount /dev/shm
}
holds 1m 'sums go by mpi: a node has too little free space in /dev/shm' "$@"
holds 12m 'gradients are copied for their sums: /dev/shm has too little room for them' "$@"
echo passed
