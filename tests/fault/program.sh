#!/usr/bin/env bash
# The real program with a rank that is stopped or killed, in the sweep, in training and in evaluation: the job ends by itself, says which
# rank and where, and leaves no process behind. usage: program.sh MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
work_folder
mpirun=("$@")

# Busy for minutes if nobody stops it.
# shellcheck disable=SC2054 # the commas are the option's own
data=(--data synthetic:6000,16,16,3,10 --valid-fraction 0.5 --model cnn --batch 32 --threads 1 --watchdog 2 --plot none --log-every 1)

job_pattern="^$program .*$work/run" # its ranks' command lines

# start RANKS EVENT ARGUMENTS...: a job, running, and past the first line of metrics.jsonl with EVENT (none: past its start)
start() {
  local ranks=$1 event=$2
  shift 2
  rm -rf "$work/run"
  "${mpirun[@]}" -np "$ranks" "$program" "${data[@]}" "$@" --out "$work/run" >"$work/out" 2>"$work/err" &
  job=$!
  for _ in $(seq 1000); do
    if [ -n "$event" ]; then
      grep -q "\"event\": \"$event\"" "$work/run/metrics.jsonl" 2>/dev/null && break
    elif grep -q 'parameters;' "$work/err"; then
      break
    fi
    kill -0 "$job" 2>/dev/null || fail "the job ended before it could be harmed"
    sleep 0.05
  done
  sleep 1 # long enough for heartbeats to tell where each rank is
  kill -0 "$job" 2>/dev/null || fail "the job did not get as far as ${event:-its start}"
}

# ended SECONDS: the exit code of the job in $code, within that time; no rank is left
ended() {
  local began=$SECONDS
  while kill -0 "$job" 2>/dev/null; do
    [ $((SECONDS - began)) -le "$1" ] || fail "the job did not end within $1 s"
    sleep 0.1
  done
  wait "$job"
  code=$?
  for _ in $(seq 30); do
    pgrep -f "$job_pattern" >/dev/null || return 0
    sleep 0.1
  done
  fail "ranks were left: $(pgrep -f "$job_pattern")"
}

# stopped RANKS RANK EVENT PLACE ARGUMENTS...: SIGSTOP of RANK; the watchdog must name it and PLACE
stopped() {
  local ranks=$1 rank=$2 event=$3 place=$4 pid
  shift 4
  start "$ranks" "$event" "$@"
  pid=$(pid_of "$rank" "$job_pattern")
  [ -n "$pid" ] || fail "rank $rank has no process"
  kill -STOP "$pid"
  ended 15
  [ "$code" = 76 ] || fail "SIGSTOP of rank $rank in $place: exit code $code, wanted 76"
  grep -Eq "^fastlr_dist: rank $rank \(.+\) has been silent for [0-9]+ s in $place, step [0-9]+" "$work/err" ||
    fail "SIGSTOP of rank $rank in $place: the line does not say so"
  [ ! -e "$work/run/final.h5" ] || fail "SIGSTOP in $place: final.h5 was written"
  echo "stopped, $ranks ranks, $place: $(grep '^fastlr_dist' "$work/err")"
}

# killed RANKS RANK EVENT ARGUMENTS...: kill -9 of RANK; the job must end within 5 s, not with 0
killed() {
  local ranks=$1 rank=$2 event=$3
  shift 3
  start "$ranks" "$event" "$@"
  kill -9 "$(pid_of "$rank" "$job_pattern")" || fail "rank $rank has no process"
  ended 5
  [ "$code" != 0 ] || fail "kill -9 of rank $rank: exit code 0"
  [ ! -e "$work/run/final.h5" ] || fail "kill -9 of rank $rank: final.h5 was written"
  echo "killed, $ranks ranks, rank $rank: exit code $code"
}

"$program" fit --data synthetic:64,16,16,3,10 --model cnn --batch 32 --steps 1 --lr 0.01 --plot none --quiet --out "$work/start" ||
  fail "no checkpoint to evaluate"

# shellcheck disable=SC2054 # the commas are the option's own
long_epochs=(--data synthetic:200000,16,16,3,10) # of minutes: neither evaluation nor a checkpoint comes
stopped 2 1 sweep sweep find --sweep-iters 100000
stopped 2 0 sweep sweep find --sweep-iters 100000
stopped 3 2 step train fit "${long_epochs[@]}" --lr 1e-3 --epochs 1000
stopped 2 0 step train fit "${long_epochs[@]}" --lr 1e-3 --epochs 1000
stopped 3 1 step train fit "${long_epochs[@]}" --lr 1e-3 --epochs 1000 --sync-bn on
stopped 2 1 '' evaluate eval "$work/start/final.h5" --split train --data synthetic:200000,16,16,3,10 --batch 32
killed 2 1 step fit --lr 1e-3 --epochs 1000
killed 3 0 step fit --lr 1e-3 --epochs 1000
killed 2 0 step fit --lr 1e-3 --epochs 1000 --sync-bn on
killed 2 1 '' find --sweep-iters 100000
echo passed
