#!/usr/bin/env bash
# What --resume and the options about checkpoints refuse: each in one line that says what to do, and with the run directory as it was.
# usage: see common.sh
. "$(dirname "$0")/common.sh"
export OMP_NUM_THREADS=1

wrong_values() {
  local value
  for value in 0 -3 5x 1.5 '' 0e; do
    refused 64 "--checkpoint-every: ${value:-\"\"} is not allowed: 300s \(or m, h\), 500 for steps, 1e for epochs" --checkpoint-every "$value"
  done
  for value in 0 -2h abc ''; do
    refused 64 "--time-limit: ${value:-\"\"} is not allowed: a time above 0, such as 2h, 90m, 5400s or 1-12:00:00" --time-limit "$value"
  done
  refused 64 '--keep: 0 is not allowed: a whole number from 1' --keep 0
  refused 64 '--on-nonfinite: x is not allowed: one of stop,rollback' --on-nonfinite x
  refused 64 '--reschedule is for --resume: give both or none' --reschedule
  refused 64 '--resume: eval does not take it: only fit, find' eval x.h5 --resume
}

wrong_files() {
  head -c 100 "$work/run/checkpoint-22.h5" >"$work/cut/checkpoint-22.h5"
  refused 66 '(rank 0 .*: )?--resume: nowhere/x.h5: no such file: name a checkpoint or a run directory' --resume nowhere/x.h5
  refused 65 '.*final.h5: it holds weights alone, no state to go on from: start from it with --init-weights' --resume ../../run/final.h5
  refused 65 '.*metrics.jsonl is not an HDF5 file' --resume ../../run/metrics.jsonl
  refused 65 '(rank 0 .*: )?no checkpoint of ../../cut is whole: .*checkpoint-22.h5 is damaged or cut off \(100 bytes\)' --resume ../../cut
}

wrong_options() {
  local again='leave it out, or give --reschedule too'
  refused 64 "--lr: 2e-3, but checkpoint-22.h5 was made with 1e-3: $again" --resume ../../run --lr 2e-3
  refused 64 "--model: cnn, but checkpoint-22.h5 was made with mlp: $again" --resume ../../run --model cnn
  refused 64 "--epochs: 2, but checkpoint-22.h5 was made with 1: $again" --resume ../../run --epochs 2
  refused 64 "--data: synthetic:64,6,6,3,3, but checkpoint-22.h5 was made with digits: $again" --resume ../../run \
    --data synthetic:64,6,6,3,3
  refused 64 '--shards: 7, but checkpoint-22.h5 was made with 1, which cannot change: leave it out' --resume ../../run --shards 7
}

"$program" --out "$work/run" --epochs 1 --lr 1e-3 --quiet --plot none || complain "there is no run to go on with"
mkdir "$work/cut"
before=$(cd "$work/run" && cksum -- *)
# the model that a run took by itself may be named later
[ "$ranks" -gt 1 ] || accepted --resume ../../run --model mlp --dry-run
# what is told is what this part of the run did
if [ "$ranks" = 1 ]; then
  fastlr --resume ../../run --out ../../more --epochs 2 --reschedule --plot none
  grep -q '^trained 22 steps in .*, 44 in all: valid loss' err || complain "the second part: $(own_words | tail -3)"
fi
wrong_values
wait
wrong_files
if [ "$ranks" = 1 ]; then
  wrong_options
else
  refused 64 "--resume: the run of checkpoint-22.h5 has 1 shard, fewer than the $ranks ranks: start at most 1" --resume ../../run
fi
wait
same 'the run directory after refusals' "$before" "$(cd "$work/run" && cksum -- *)"
finish
