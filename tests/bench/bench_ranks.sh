#!/usr/bin/env bash
# Two ranks of one thread against one rank of two threads, same global batch: whole training steps of ResNet-18 on synthetic images
# of 32x32, alternating runs, medians of images per second and their ratio.
# usage: bench_ranks.sh PROGRAM [PAIRS]
set -euo pipefail
program=$1 pairs=${2:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

# rate RANKS THREADS: images/s of the second epoch of eight steps; the first warms up
rate() {
  mpirun --oversubscribe --bind-to none -np "$1" "$program" fit --data synthetic:640,32,32,3,10 --valid-fraction 0.2 --model resnet18 \
    --augment none --batch 64 --epochs 2 --lr 0.01 --optimizer sgd --threads "$2" --plot none --quiet --out "$work/run" >&2
  sed -n 's/.*"event": "epoch".*"samples_per_second": \([0-9.]*\).*/\1/p' "$work/run/metrics.jsonl" | tail -1
}

median() {
  sort -g | awk '{ value[NR] = $1 } END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'
}

for ((pair = 0; pair < pairs; pair++)); do
  rate 1 2 >>"$work/one"
  rate 2 1 >>"$work/two"
done
one=$(median <"$work/one") two=$(median <"$work/two")
awk -v a="$two" -v b="$one" -v n="$pairs" \
  'BEGIN { printf "resnet18 32x32 batch 64, %d pairs: 2 ranks x 1 thread %.1f images/s, 1 rank x 2 threads %.1f images/s, ratio %.3f\n", n, a, b, a / b }'
