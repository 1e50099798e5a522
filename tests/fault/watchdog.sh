#!/usr/bin/env bash
# The watchdog of a real job: a stopped rank, a hanging rank, a killed rank, a clean end. usage: watchdog.sh DRIVER MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
work_folder out err
clean_up() { [ -z "${job:-}" ] || kill -9 "$job" 2>/dev/null; } # (whose command line does not name $work)
driver=$1
shift
mpirun=("$@")
pid_of() { sed -n "s/^pid \([0-9]*\) of rank $1\$/\1/p" "$work/out"; }

# start STEPS [RANK HOW [stack]]: a job of 3 ranks with a time-out of 2 s; returns when it is running
start() {
  "${mpirun[@]}" -np 3 "$driver" 2 "$@" >"$work/out" 2>"$work/err" &
  job=$!
  for _ in $(seq 100); do grep -q running "$work/out" && sleep 0.6 && return; sleep 0.1; done
  fail "the job did not start"
}
# finish SECONDS: the exit code of the job in $code, within that time
finish() {
  local began=$SECONDS
  (sleep "$1"; kill -9 "$job") >/dev/null 2>&1 &
  local killer=$!
  wait "$job"
  code=$?
  kill "$killer" 2>/dev/null
  [ $((SECONDS - began)) -lt "$1" ] || fail "the job did not end within $1 s"
}

for rank in 0 1 2; do
  start 100000
  kill -STOP "$(pid_of $rank)"
  finish 8
  [ "$code" = 76 ] || fail "SIGSTOP of rank $rank: exit code $code, wanted 76"
  [ "$(grep -c '^fastlr_dist: rank' "$work/err")" = 1 ] || fail "SIGSTOP of rank $rank: not one line"
  grep -Eq "^fastlr_dist: rank $rank \(.+\) has been silent for [0-9]+ s in train, step [0-9]+: the job is ended; its process is stopped$" "$work/err" ||
    fail "SIGSTOP of rank $rank: the line does not name it"
  echo "SIGSTOP of rank $rank: $(grep '^fastlr_dist' "$work/err")"
done

# hangs RANK HOW CAUSE [stack]: the report names rank, step and cause
hangs() {
  start 100000 "$1" "$2" ${4:+"$4"}
  finish 10
  [ "$code" = 76 ] || fail "rank $1 hangs $2: exit code $code, wanted 76"
  grep -Eq "^fastlr_dist: rank $1 \\(.*\\) has been silent .* in train, step 20: the job is ended; $3\$" "$work/err" ||
    fail "rank $1 hangs $2: the line does not say so"
  [ "$(grep -c '^fastlr_dist: rank' "$work/err")" = 1 ] || fail "rank $1 hangs $2: not one line"
  grep '^fastlr_dist' "$work/err"
}
for rank in 0 1; do
  hangs $rank 'in a computation' 'its process answers, its training thread does not come on'
  ! grep -q 'the stack' "$work/err" || fail "a stack that nobody asked for"
  hangs $rank 'in storage' 'it is alive and waits for storage, reading /storage/of/a/server/food.h5' stack
  grep -A20 "^fastlr_dist: the stack of rank $rank (.*), process $(pid_of $rank):" "$work/err" | grep -q '(pause+' ||
    fail "rank $rank hangs in pause(): its stack does not show it"
done

start 100000
kill -KILL "$(pid_of 1)"
finish 5
[ "$code" != 0 ] || fail "kill -9: exit code 0"

start 60
finish 20
[ "$code" = 0 ] || fail "a clean end: exit code $code"
grep -q fastlr_dist "$work/err" && fail "a clean end: a message"
echo "all ended as they should"
