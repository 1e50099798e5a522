#!/usr/bin/env bash
# What checkpoints cost a training run: ResNet-50 with adam and a checkpoint every 20 steps. In each interval the five steps after the checkpoint,
# beside which it is written, are compared with the other fifteen, so that the machine's slower and faster minutes cancel; the median over the intervals
# after the first.
# usage: bench_checkpoint_cost.sh PROGRAM [INTERVALS [BATCH [SIDE]]]   SIDE: of the images, 224
set -euo pipefail
program=$1 intervals=${2:-6} batch=${3:-32} side=${4:-224} every=20
work=$(mktemp -d -p "${FLR_BENCH_FOLDER:-${TMPDIR:-/tmp}}")
trap 'rm -rf "$work"' EXIT
samples=$((batch * every * (intervals + 1))) # all within one epoch: no evaluation between the steps
"$program" fit --data "synthetic:$samples,$side,$side,3,10" --valid-fraction 0.02 --model resnet50 --augment none --batch "$batch" --steps $((every * intervals)) --lr 1e-4 \
  --checkpoint-every "$every" --plot none --quiet --log-every 1 --watchdog 0 --out "$work/run"
awk -v every="$every" -v batch="$batch" -v side="$side" '
  function field(name) { match($0, "\"" name "\": [-0-9.e+]*"); return substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4) + 0 }
  /"event": "step"/ { time[field("step")] = field("time"); steps++ }
  /"event": "checkpoint"/ { files++; seconds += field("seconds"); waited += field("waited") }
  function median(values, n,    i, j, x) {
    for (i = 2; i <= n; i++) { x = values[i]; for (j = i - 1; j > 0 && values[j] > x; j--) values[j + 1] = values[j]; values[j + 1] = x }
    return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
  }
  END {
    for (first = every; first + every < steps; first += every) {   # the steps after a checkpoint, up to the next
      beside = (time[first + 4] - time[first - 1]) / 5
      other = (time[first + every - 1] - time[first + 4]) / (every - 5)
      lost[++count] = 5 * (beside - other) / (every * other)
      whole = time[first + every - 1] - time[first - 1]
    }
    printf "resnet50, %d of %dx%d, %d intervals of %d steps of %.2f s: lost to a checkpoint %.2f %% (median); written in %.2f s, waited for %.3f s (means)\n",
      batch, side, side, count, every, whole / every, 100 * median(lost, count), seconds / files, waited / files
  }' "$work/run/metrics.jsonl"
