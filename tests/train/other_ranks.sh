#!/usr/bin/env bash
# A run that goes from 4 ranks to 2, to 3 and to 1 computes what 4 ranks compute: with --deterministic every loss and weight to the
# bit, without it 50 steps of losses within 1e-5. usage: other_ranks.sh (FLR_PROGRAM: the program)
. "$(dirname "$0")/common.sh"

digits=${FLR_SOURCE_DIR:?the tree}/datasets/digits.h5 # read from the disk, which can be slow

# run RANKS FOLDER ARGUMENTS...: a whole run, or the rest of one
run() {
  local ranks=$1 folder=$2
  shift 2
  train "$ranks" --data "$digits" --batch 96 "$@" --out "$folder" --resume
}

# run_until STEP RANKS FOLDER ARGUMENTS...: the part of a run up to a little after STEP, where it is told to stop
run_until() {
  local step=$1 folder=$3 job code
  shift
  ( # 1 ms for each sample that a rank reads, so that it is told in time where machines are fast (a sanitizer, slow enough, takes no preloading)
    [ -n "${ASAN_OPTIONS:-}${TSAN_OPTIONS:-}" ] ||
      export LD_PRELOAD="${program%/*}/tests/storage_fault.so" FLR_FAULT_PATH=digits.h5 FLR_FAULT_CALLS=read FLR_FAULT_MS=1
    run "$@"
  ) &
  job=$!
  for _ in $(seq 3000); do
    grep -q "\"step\": $step," "$folder/metrics.jsonl" 2>/dev/null && break
    sleep 0.02
  done
  pkill -USR2 -f -- "^$program .*--out $folder( |\$)"
  wait "$job"
  code=$?
  [ "$code" = 75 ] || fail "$1 ranks up to step $step: exit code $code, wanted 75"
}

# parts FOLDER: the steps at which it went on, with the ranks
parts() { sed -n 's/^{"event": "resume".*"step": \([0-9]*\), "ranks": \([0-9]*\).*/\1 on \2/p' "$1/metrics.jsonl" | paste -sd, -; }

# equal_to_the_bit OPTIONS...
equal_to_the_bit() {
  local options=(--model cnn --dropout 0.1 --epochs 8 --lr 1e-2 --deterministic --shards 4 "$@")
  rm -rf "$work/whole" "$work/parts"
  run 4 "$work/whole" "${options[@]}" || fail "4 ranks straight through: exit code $?"
  run_until 20 4 "$work/parts" "${options[@]}"
  run_until 50 2 "$work/parts" "${options[@]}"
  run_until 80 3 "$work/parts" "${options[@]}"
  run 1 "$work/parts" "${options[@]}" || fail "the last part, on 1 rank: exit code $?"
  [ "$(parts "$work/parts" | tr -d '0-9')" = " on , on , on " ] || fail "went on at step $(parts "$work/parts")"
  [ "$(weights "$work/whole")" = "$(weights "$work/parts")" ] || fail "other weights after going on at step $(parts "$work/parts")"
  [ "$(losses "$work/whole")" = "$(losses "$work/parts")" ] || fail "other losses after going on at step $(parts "$work/parts")"
  echo "with --deterministic $*: on 4 ranks, then at step $(parts "$work/parts"): the same bits"
}

# 28 frozen steps, then 28 free ones: stopped in both phases, and begun again where the second begins.
fine_tuned() {
  local options=(--model cnn --policy fine-tune --freeze-epochs 2 --epochs 2 --lr 1e-2 --deterministic --shards 4 --sync-bn on --keep 9)
  run 4 "$work/tuned" "${options[@]}" || fail "fine-tune on 4 ranks: exit code $?"
  run_until 8 4 "$work/tuned_parts" "${options[@]}"
  run_until 25 2 "$work/tuned_parts" "${options[@]}"
  run_until 36 3 "$work/tuned_parts" "${options[@]}"
  run 1 "$work/tuned_parts" "${options[@]}" || fail "the last part of fine-tune, on 1 rank: exit code $?"
  [ "$(weights "$work/tuned")" = "$(weights "$work/tuned_parts")" ] || fail "fine-tune: other weights after going on at step $(parts "$work/tuned_parts")"
  [ "$(losses "$work/tuned")" = "$(losses "$work/tuned_parts")" ] || fail "fine-tune: other losses after going on at step $(parts "$work/tuned_parts")"
  timeout 100 mpirun --oversubscribe --bind-to none -np 3 "$program" fit --quiet --resume "$work/tuned/checkpoint-28.h5" --out "$work/second" ||
    fail "the second phase on 3 ranks: exit code $?"
  [ "$(weights "$work/tuned")" = "$(weights "$work/second")" ] || fail "fine-tune: other weights when 3 ranks do the second phase"
  echo "fine-tune with --deterministic: on 4 ranks, then at step $(parts "$work/tuned_parts"), 28 on 3: the same bits"
}

# Sums in another order differ in the last bit, which training magnifies: slowly in a network of linears.
near() {
  local options=(--model mlp --epochs 24 --lr 3e-4 --shards 4) first most
  run 4 "$work/straight" "${options[@]}" || fail "mlp on 4 ranks: exit code $?"
  run_until 20 4 "$work/moved" "${options[@]}"
  run 2 "$work/moved" "${options[@]}" || fail "mlp, the rest on 2 ranks: exit code $?"
  first=$(parts "$work/moved" | cut -d' ' -f1)
  most=$(join <(losses "$work/straight" | sort) <(losses "$work/moved" | sort) | awk -v first="$first" '
    $1 >= first && $1 < first + 50 { d = ($2 - $3) / $2; if (d < 0) d = -d; if (d > most) most = d; count++ }
    END { printf "%.2e %d %d", most, count, !(most <= 1e-5 && count == 50) }')
  [ "${most##* }" = 0 ] || fail "without --deterministic: largest relative difference and steps compared: $most; went on at step $(parts "$work/moved")," \
    "$(losses "$work/straight" | wc -l) and $(losses "$work/moved" | wc -l) losses, the last $(losses "$work/straight" | tail -1) and $(losses "$work/moved" | tail -1)"
  echo "without --deterministic: from step $first on 2 ranks instead of 4, 50 losses within ${most%% *}"
}

curve() { sed -n 's/^{"event": "sweep", "time": [^,]*, //p; s/^{"event": "suggest", "time": [^,]*, //p' "$1/metrics.jsonl"; }

# Three sweeps on 4 ranks, from a point of each on 2, 3 and 1: the same curves, pick and weights.
equal_through_sweeps() {
  local options=(--model cnn --dropout 0.1 --steps 3 --deterministic --shards 4 --sweep-iters 12 --sweep-start 1e-4 --sweep-end 0.1 --sweep-repeats 3
    --pick minimum --trim-start 0 --trim-end 0 --checkpoint-every 1 --keep 99 --augment crop-flip) ranks point
  run 4 "$work/swept" "${options[@]}" || fail "three sweeps on 4 ranks: exit code $?"
  [ "$(curve "$work/swept" | wc -l)" = 13 ] || fail "three sweeps on 4 ranks: $(curve "$work/swept" | wc -l) lines of a curve and its suggestions"
  while read -r ranks point; do
    timeout 100 mpirun --oversubscribe --bind-to none -np "$ranks" "$program" fit --quiet --plot none --resume "$work/swept/checkpoint-sweep-$point.h5" \
      --out "$work/swept-$ranks" </dev/null || fail "from point $point on $ranks ranks: exit code $?"
    [ "$(curve "$work/swept")" = "$(curve "$work/swept-$ranks")" ] || fail "other curves from point $point on $ranks ranks"
    [ "$(weights "$work/swept")" = "$(weights "$work/swept-$ranks")" ] || fail "other weights from point $point on $ranks ranks"
  done <<<$'2 7\n3 12\n1 29'
  echo "three sweeps, on 4 ranks, then on 2, 3 and 1: the same bits"
}

equal_to_the_bit
equal_through_sweeps
equal_to_the_bit --sync-bn on --augment resized-crop-flip --crop-size 7
fine_tuned
near
