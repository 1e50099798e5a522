#!/usr/bin/env bash
# What a run meets when it is gone on with, and while it runs: a rank that was stopped, a damaged checkpoint, a clock that jumps.
# usage: interrupted.sh FOLDER MPIRUN...
# shellcheck disable=SC2034 # code: ended_with looks at it
. "$(dirname "$0")/common.sh"

# ---- SIGSTOP of a rank, for ever ----
# Each sample takes it 1 ms to read, so that it is far from its end when a rank is stopped, after the ranks have told each other of the
# training (each 0.25 s here).
long=(--data "${FLR_SOURCE_DIR:?the tree}/datasets/digits.h5" --steps 1000 --checkpoint-every 50)
slow=(-x "LD_PRELOAD=$shims/storage_fault.so" -x FLR_FAULT_PATH=digits.h5 -x FLR_FAULT_CALLS=read -x FLR_FAULT_MS=1)
[ -z "${ASAN_OPTIONS:-}" ] || slow=() # (slow enough, and takes no preloading)
run "$work/long" "${long[@]}"
ended_with 0 "the undisturbed long run"
"${mpirun[@]}" "${slow[@]}" "${job[@]}" "${long[@]}" --out "$work/stopped" >"$work/out" 2>"$work/err" &
stopped=$!
for _ in $(seq 2000); do compgen -G "$work/stopped/checkpoint-*.h5" >/dev/null && break; sleep 0.02; done
sleep 0.75
kill -STOP "$(pgrep -f "^$program .*--out $work/stopped" | tail -1)" || fail "there is no rank to stop"
wait $stopped
code=$?
ended_with 76 "a rank that is stopped"
line='^fastlr_dist: rank [01] \(.+\) has been silent for [0-9]+ s in (train|evaluate|checkpoint), step [0-9]+: the job is ended; its process is stopped'
says "$line(; last seen (reading|writing) .*)?\$" "a rank that is stopped"
grep '^fastlr_dist: rank' "$work/err"
run "$work/stopped" "${long[@]}" --resume
ended_with 0 "a rank that was stopped, resumed"
[ "$(weights "$work/stopped")" = "$(weights "$work/long")" ] || fail "a rank that was stopped, resumed: other weights"

# ---- the newest checkpoint is damaged ----
size=$(stat -c %s "$work/undisturbed/checkpoint-40.h5")
# damaged NAME REASON: a copy of the undisturbed run whose newest checkpoint is that way goes on from the one before, and says so
damaged() {
  cp -r "$work/undisturbed" "$work/$1"
  rm "$work/$1/final.h5"
  "damage_by_$1" "$work/$1/checkpoint-40.h5"
  run "$work/$1" --resume
  ended_with 0 "a checkpoint damaged by $1"
  says 'checkpoints that are not whole are passed over' "a checkpoint damaged by $1"
  says "$work/$1/checkpoint-40.h5 .*$2" "a checkpoint damaged by $1"
  grep -q '"event": "resume".*"file": "checkpoint-30.h5"' "$work/$1/metrics.jsonl" || fail "a checkpoint damaged by $1: not gone on from the one before"
  same_as_undisturbed "$work/$1" "a checkpoint damaged by $1"
  echo "damaged by $1: $(grep checkpoint-40 "$work/err")"
}
damage_by_cutting() { truncate -s $((size / 2)) "$1"; }
damage_by_zeros() { dd if=/dev/zero of="$1" bs=1k seek=$((size / 2048)) count=8 conv=notrunc 2>/dev/null; }
damaged cutting 'cut off'
damaged zeros 'damaged'

cp -r "$work/undisturbed" "$work/all"
for name in "$work"/all/checkpoint-*.h5; do damage_by_cutting "$name"; done
run "$work/all" --resume
ended_with 65 "no checkpoint that is whole"
says "^fastlr_dist: .*no checkpoint of $work/all is whole: " "no checkpoint that is whole"

# ---- the clock jumps a day ahead, then a year back ----
# Slurm's end of the job is an hour away.
library=$(shim clock_jump) || { echo "$library"; exit 77; }
began=$SECONDS
"${mpirun[@]}" -x "LD_PRELOAD=$library" -x "FLR_CLOCK_JUMP=$work/seconds" -x "SLURM_JOB_END_TIME=$(($(date +%s) + 3600))" "${job[@]}" --steps 10000000 \
  --checkpoint-every 1s --log-every 50 --out "$work/jump" >"$work/out" 2>"$work/err" &
jumped=$!
for _ in $(seq 400); do grep -q '"event": "step"' "$work/jump/metrics.jsonl" 2>/dev/null && break; sleep 0.05; done
for seconds in 86400 -31536000; do
  echo $seconds >"$work/seconds"
  sleep 1.5
  kill -0 $jumped 2>/dev/null || fail "a clock that jumps by $seconds s: the run ended"
done
kill -USR2 $jumped
wait $jumped
code=$?
took=$((SECONDS - began))
ended_with 75 "a clock that jumps"
! grep -q 'silent' "$work/err" || fail "a clock that jumps: the watchdog barked"
tail -1 "$work/jump/metrics.jsonl" | grep -q '"reason": "signal"' || fail "a clock that jumps: the run did not end because of its signal"
sed -n 's/^{"event": "[a-z]*", "time": \([^,]*\),.*/\1/p' "$work/jump/metrics.jsonl" |
  awk -v most=$((took + 1)) '$1 < before || $1 > most { print "time " $1 " after " before; bad = 1 } { before = $1 } END { exit bad }' ||
  fail "a clock that jumps: times that go back, or beyond the $took s that it took"
saved=$(grep -c '"event": "checkpoint"' "$work/jump/metrics.jsonl")
if [ "$saved" -lt 1 ] || [ "$saved" -gt $((took + 1)) ]; then fail "a clock that jumps: $saved checkpoints in $took s at one a second"; fi
echo "a clock that jumps: $took s, $saved checkpoints"
echo passed
