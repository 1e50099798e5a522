#!/usr/bin/env bash
# A job over two hosts: one of them dies, the line between them is cut for ever, or for five seconds. usage: host_lost.sh
# shellcheck disable=SC2034
. "$(dirname "$0")/hosts.sh"
in_own_namespaces "$0" "$@"
work_folder

options=(fit --model mlp --dropout 0.1 --batch 32 --steps 5000 --deterministic --shards 2 --lr 1e-2 --checkpoint-every 200 --log-every 100 --plot none --quiet)
same() { # FOLDER WHAT
  [ "$(weights "$1")" = "$undisturbed" ] || fail "$2: other weights than the undisturbed run"
}

# start NAME WATCHDOG: a rank on each host, training; the job is $job
start() {
  hosts_mpirun --host host1,host2 -np 2 "$program" "${options[@]}" --watchdog "$2" --out "$work/$1" --resume >"$work/out" 2>"$work/err" &
  job=$!
  for _ in $(seq 300); do
    compgen -G "$work/$1/checkpoint-*.h5" >/dev/null && sleep 0.8 && return # (heartbeats tell where each rank is)
    kill -0 $job 2>/dev/null || fail "$1: the job ended before anything happened to it"
    sleep 0.05
  done
  fail "$1: no checkpoint came"
}

ranks() { pgrep -af "^$program fit"; }

# ended SECONDS WHAT [MORE]: within that time no rank is left anywhere, and mpirun ends, MORE seconds later at most; its code in $code
ended() {
  local began=$SECONDS
  while ranks >/dev/null; do
    [ $((SECONDS - began)) -le "$1" ] || fail "$2: ranks are left after $1 s: $(ranks)"
    sleep 0.1
  done
  echo "$2: the last rank ended after $((SECONDS - began)) s"
  while kill -0 $job 2>/dev/null; do
    [ $((SECONDS - began)) -le $(($1 + ${3:-0})) ] || fail "$2: mpirun has not ended after $((SECONDS - began)) s"
    sleep 0.1
  done
  wait $job
  code=$?
  echo "$2: exit code $code after $((SECONDS - began)) s; $(grep '^fastlr_dist' "$work/err" || echo 'no word')"
}

# goes_on NAME RANKS HOSTS: gone on with, the run there ends as an undisturbed one
goes_on() {
  hosts_mpirun --host "$3" -np "$2" "$program" "${options[@]}" --out "$work/$1" --resume >"$work/out" 2>"$work/err" || fail "$1, resumed: exit code $?"
  grep -q '"event": "resume"' "$work/$1/metrics.jsonl" || fail "$1, resumed: it began anew"
  same "$work/$1" "$1, resumed"
}

"$program" "${options[@]}" --out "$work/whole" 2>"$work/err" || fail "the undisturbed run: exit code $?"
undisturbed=$(weights "$work/whole")
hosts_up "$work/hosts" 2

# Five seconds without a line: it goes on by itself.
start pause 20
host_cut 2
sleep 5
kill -0 $job 2>/dev/null || fail "a line that is cut for 5 s: the job ended"
host_join 2
ended 60 "a line that is cut for 5 s"
[ $code = 0 ] || fail "a line that is cut for 5 s: exit code $code"
same "$work/pause" "a line that is cut for 5 s"

# For ever: the ranks of both sides end within the watchdog's time and what MPI needs; mpirun when its own connection gives up, which is made short here.
# The run goes on where there is still a host, with one rank.
nsenter --net=/run/netns/host0 sh -c 'echo 4 >/proc/sys/net/ipv4/tcp_retries2'
start cut 3
host_cut 2
ended 15 "a line that is cut for ever" 30
[ $code != 0 ] || fail "a line that is cut for ever: exit code 0"
grep -Eq '^fastlr_dist: rank 1 \(host2\) has been silent for [0-9]+ s in (train|evaluate|checkpoint), step [0-9]+: the job is ended; its process, its host or the network does not answer' \
  "$work/err" || fail "a line that is cut for ever: no line that names host2"
goes_on cut 1 host1
host_join 2

# A host that dies, with all its processes.
start death 5
host_dies 2
ended 15 "a host that dies"
[ $code != 0 ] || fail "a host that dies: exit code 0"
host_up 2
goes_on death 2 host1,host2
echo passed
