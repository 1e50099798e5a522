#!/usr/bin/env bash
# convert under mpirun with a rank that is stopped, the one that works or one that waits: the job ends by itself and says which.
# usage: convert.sh MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
work_folder
mpirun=("$@")

# A table that takes some seconds; rank 0 reads all of it, the others wait.
awk 'BEGIN { print "a,b,c,d,label"; for (i = 0; i < 200000; i++) print i % 7 "," i % 11 "," i / 3 "," i ",k" i % 5 }' >"$work/part.csv"
{
  cat "$work/part.csv"
  for _ in $(seq 40); do tail -n +2 "$work/part.csv"; done
} >"$work/table.csv"

# stopped RANK: SIGSTOP of RANK while rank 0 writes, once a heartbeat has told what it does
stopped() {
  local rank=$1 began
  mkdir -p "$work/run"
  "${mpirun[@]}" -np 2 "$program" convert csv "$work/table.csv" "$work/run/out.h5" --quiet --compress deflate --compress-level 9 --workers 1 \
    --watchdog 2 >"$work/out" 2>"$work/err" &
  job=$!
  for _ in $(seq 600); do
    compgen -G "$work/run/*" >/dev/null && break
    kill -0 "$job" 2>/dev/null || fail "the job ended before it could be harmed"
    sleep 0.05
  done
  sleep 0.6
  kill -STOP "$(pid_of "$rank" "^$program convert .*$work/")" || fail "rank $rank has no process"
  began=$SECONDS
  while kill -0 "$job" 2>/dev/null; do
    [ $((SECONDS - began)) -le 60 ] || fail "SIGSTOP of rank $rank: the job did not end within 60 s"
    sleep 0.1
  done
  wait "$job"
  code=$?
  [ "$code" = 76 ] || fail "SIGSTOP of rank $rank: exit code $code, wanted 76"
  grep -Eq "^fastlr_dist: rank $rank \(.+\) has been silent for [0-9]+ s in convert, .*its process is stopped" "$work/err" ||
    fail "SIGSTOP of rank $rank: the line does not say so"
  ! grep "^fastlr_dist: rank $((1 - rank)) (.*silent" "$work/err" || fail "SIGSTOP of rank $rank: the other rank is accused as well"
  # (rank 0 may have been ready by then)
  [ ! -e "$work/run/out.h5" ] || "$program" inspect "$work/run/out.h5" >/dev/null || fail "SIGSTOP of rank $rank: half a file is there"
  rm -rf "$work/run"
  echo "SIGSTOP of rank $rank: $(grep '^fastlr_dist' "$work/err")"
}

stopped 0
stopped 1
# one that works for longer than the watchdog waits is left alone
mkdir "$work/run"
"${mpirun[@]}" -np 2 "$program" convert csv "$work/table.csv" "$work/run/out.h5" --quiet --workers 1 --watchdog 0.5 >"$work/out" 2>"$work/err" ||
  fail "work without steps is taken for silence: exit code $?"
echo "all held"
