#!/usr/bin/env bash
# Tasks that a launcher starts and that cannot find each other are refused, once, instead of each writing the same run directory.
. "$(dirname "$0")/common.sh"
short=(fit --data digits --hidden 8 --steps 2 --batch 64 --lr 0.1 --plot none)

# srun without MPI: task 0 says so, the others end silently with the same exit code.
export SLURM_STEP_NUM_TASKS=3 SLURM_PROCID=0
loose='srun started 3 tasks that do not find each other, each would be a run of its own: use srun --mpi=pmix .*or mpirun'
refused 64 "$loose" "${short[@]}" --out r
refused 64 "$loose" find --data digits --out r
refused 64 "$loose" "${short[@]}" --comm mpi
refused 64 "$loose" --resume r "${short[@]}"
wait
export SLURM_PROCID=2
fastlr "${short[@]}" --out r
same 'the third task: exit code, words, files' '64 0 0' "$code $(cat out err | wc -l) $(find run -mindepth 1 | wc -l)"
fastlr --help
same 'the third task: --help' '0 0' "$code $(cat out err | wc -l)"
# Where each shall be a run of its own it says so, and what is wrong is heard from each.
accepted "${short[@]}" --comm self
fastlr "${short[@]}" --comm self --batch 0
same 'the third run of its own: wrong use' '64 1' "$code $(grep -c '^fastlr_dist: --batch: ' err)"
# One task; a shell of srun --pty; the batch script itself.
SLURM_STEP_NUM_TASKS=1 accepted "${short[@]}"
SLURM_PTY_PORT=1234 accepted "${short[@]}"
unset SLURM_STEP_NUM_TASKS
accepted "${short[@]}"
unset SLURM_PROCID

# Ranks that the program's MPI takes for a single one each.
export PMI_RANK=0 PMI_SIZE=2
refused 64 '2 ranks were started, but MPI finds each alone: it does not understand the launcher' "${short[@]}" --out r
wait
PMI_SIZE=1 accepted "${short[@]}"
unset PMI_RANK PMI_SIZE
export PALS_RANKID=1
fastlr --help
same 'rank 1 of PALS: --help' '0 0' "$code $(cat out err | wc -l)"
finish
