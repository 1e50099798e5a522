#!/usr/bin/env bash
# What a step costs beside mathematics: a net of a few weights, two samples a batch, the time per step at one and at two ranks.
# usage: bench_overhead.sh PROGRAM
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
export OMPI_MCA_mpi_yield_when_idle=1
steps=20000
for ranks in 1 2; do
  mpirun --oversubscribe --bind-to none -np $ranks "$program" fit --data synthetic:60000,1,1,2,2 --valid-fraction 0.01 --model mlp \
    --hidden 1 --batch 2 --steps $steps --lr 1e-3 --threads 1 --log-every 1000000 --plot none --out "$work/run" 2>"$work/log"
  sed -n "s/^trained .* steps in \([0-9.]*\) s.*/\1/p" "$work/log" |
    awk -v n=$steps -v r=$ranks '{ printf "%d rank%s: %.1f us a step, limit 50\n", r, r == 1 ? "" : "s", 1e6 * $1 / n }'
done
