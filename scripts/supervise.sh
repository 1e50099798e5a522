#!/usr/bin/env bash
# Starts a job again from its last checkpoint until it is done, a bounded number of times: what a batch system's requeue does, without one.
set -u
restarts=10
delay=5
run_limit=0
readonly grace=60 # seconds from the word to end until the job is killed

usage() {
  cat <<'TEXT'
usage: supervise.sh [--restarts N] [--delay SEC] [--run-limit SEC] -- mpirun -np 4 fastlr_dist ... --out DIR --resume

Starts the command, and starts it again when it ends with a failure that a new start may heal, until it is done.

  --restarts N      how often it may be started again (10)
  --delay SEC       pause before it is started again (5)
  --run-limit SEC   a start that takes longer is told to stop with a checkpoint (SIGUSR2), and killed when it has not ended
                    60 s later; 0: no limit (default)
  --help            this text

The command has to name its run directory (--out DIR or --resume DIR) and to resume: the newest checkpoint there tells how far
the run has come.

What follows an end of the job:
  0                       done: supervise.sh ends with 0
  3, 64, 65, 66, 69       a new start would end in the same way: ends with that code at once
  75                      stopped with a checkpoint: started again; counts as a restart only when the run came no further
  70, 74, 76, a signal,   started again, which counts as a restart
  any other code
Without a restart left it ends with the last code (128 + N for signal N). SIGTERM, SIGINT and SIGUSR2 are handed to the job,
and supervise.sh ends when the job has; a second one kills it.
TEXT
}

say() { echo "supervise.sh: $*" >&2; }

refuse() { # CODE MESSAGE...
  local code=$1
  shift
  say "$*"
  exit "$code"
}

# whole OPTION VALUE LEAST
whole() {
  [[ $2 =~ ^[0-9]{1,9}$ && $((10#$2)) -ge $3 ]] || refuse 64 "$1: '$2' is not allowed: a whole number from $3 on"
}

# ---- the run directory ----

# find_folder COMMAND...: the last --out of the command, else the folder of --resume, in $folder
find_folder() {
  local out='' from='' resumes=0
  while [ $# -gt 0 ]; do
    case $1 in
      --out=*) out=${1#*=} ;;
      --out) out=${2:-} ;;
      --resume=*) resumes=1 from=${1#*=} ;;
      --resume) resumes=1; case ${2:-} in -* | '') ;; *) from=$2 ;; esac ;;
    esac
    shift
  done
  [ $resumes = 1 ] || refuse 64 "the command has no --resume: every start would begin from nothing; add it"
  folder=${out:-$from}
  [ -n "$folder" ] || refuse 64 "the command does not name its run directory: add --out DIR"
  case $folder in *.h5) refuse 64 "--resume $folder: that file would be gone on from at every start; give --out DIR --resume" ;; esac
}

# newest: the newest checkpoint of the run in $checkpoint, '' when there is none, and how far that is in $place: steps of training
# come after all points of the sweep
newest() {
  local name number
  checkpoint='' place=-1
  for name in "$folder"/checkpoint-*.h5; do
    name=${name##*/}
    [[ $name =~ ^checkpoint-(sweep-)?([0-9]{1,15})\.h5$ ]] || continue
    number=$((10#${BASH_REMATCH[2]}))
    [ -n "${BASH_REMATCH[1]}" ] || number=$((number + 1000000000000000))
    if [ "$number" -gt "$place" ]; then place=$number checkpoint=$name; fi
  done
}

# ---- one start ----

# The job and the clock over it have process groups of their own (set -m), so that a signal reaches mpirun and what it started;
# SIGUSR2, which would end a launch agent, is for mpirun alone: it hands it to all ranks.
send() { # SIGNAL
  if [ "$1" = USR2 ]; then kill -USR2 "$job" 2>/dev/null; else kill "-$1" -- "-$job" 2>/dev/null; fi
}

pass_on() { # SIGNAL
  if [ -n "$told" ]; then
    say "SIG$1 again: the job is killed"
    kill -KILL -- "-$job" 2>/dev/null
    return
  fi
  told=$1
  [ -n "$job" ] || return
  say "SIG$1: handed to the job"
  send "$1"
  limit 0 # from here on it has the grace alone
}

# end_late SECONDS: of the running job; a clock's whole life
end_late() {
  if [ "$1" -gt 0 ]; then
    sleep "$1"
    say "the job has run for $1 s (--run-limit): it is told to stop"
    send USR2
  fi
  sleep "$grace"
  say "the job has not ended $grace s after it was told to: it is killed"
  kill -KILL -- "-$job" 2>/dev/null
}

# limit SECONDS: the job gets so much time, and the grace after it
limit() {
  stop_clock
  end_late "$1" &
  clock=$!
}

stop_clock() {
  [ -z "$clock" ] || kill -KILL -- "-$clock" 2>/dev/null
  [ -z "$clock" ] || { wait "$clock"; } 2>/dev/null
  clock=''
}

# A trapped signal ends wait before the job has ended.
start() { # COMMAND...; the exit code in $code
  local again
  "$@" </dev/null &
  job=$!
  [ "$run_limit" = 0 ] || limit "$run_limit"
  [ -z "$told" ] || send "$told" # it came while there was no job
  while :; do
    { wait "$job"; } 2>/dev/null
    code=$?
    kill -0 "$job" 2>/dev/null || break
  done
  { wait "$job"; } 2>/dev/null # once more, if it ended just when a signal came
  again=$?
  [ $again = 127 ] || code=$again
  job=''
  stop_clock
}

# ---- the loop ----

meaning() { # CODE
  case $1 in
    3) echo "3, training diverged" ;;
    64) echo "64, wrong usage" ;;
    65) echo "65, bad data" ;;
    66) echo "66, no input" ;;
    69) echo "69, a needed device or library is missing" ;;
    70) echo "70, a fault of the program" ;;
    74) echo "74, input or output failed" ;;
    75) echo "75, stopped with a checkpoint" ;;
    76) echo "76, a rank failed or fell silent" ;;
    129 | 13? | 14? | 15? | 16[0-4]) echo "$1, signal $(kill -l "$1")" ;;
    *) echo "$1" ;;
  esac
}

pause() { # SECONDS, or until a signal comes
  local sleeper
  [ "$1" -gt 0 ] || return
  sleep "$1" &
  sleeper=$!
  { wait $sleeper; } 2>/dev/null
  kill $sleeper 2>/dev/null
}

supervise() { # COMMAND...
  local used=0 starts=0 reached why
  newest
  reached=$place
  while :; do
    starts=$((starts + 1))
    say "start $starts, from ${checkpoint:-the beginning}"
    start "$@"
    newest
    why="start $starts ended with $(meaning "$code")"
    case $code in
      0) say "$why: done"; exit 0 ;;
      3 | 64 | 65 | 66 | 69) refuse "$code" "$why: a new start would not help" ;;
      126 | 127) refuse "$code" "$why: $1 cannot be run" ;;
    esac
    [ -z "$told" ] || refuse "$code" "$why, after SIG$told; it can be gone on with"
    if [ "$code" != 75 ] || [ "$place" -le "$reached" ]; then used=$((used + 1)); fi
    [ $used -le "$restarts" ] || refuse "$code" "$why, and all $restarts restarts are used up; the newest checkpoint is ${checkpoint:-missing}"
    if [ "$place" -gt "$reached" ]; then reached=$place; fi
    say "$why: again in $delay s (restarts used: $used of $restarts)"
    pause "$delay"
    [ -z "$told" ] || refuse "$code" "ended by SIG$told before start $((starts + 1))"
  done
}

while [ $# -gt 0 ]; do
  case $1 in
    --help) usage; exit 0 ;;
    --restarts | --delay | --run-limit)
      [ $# -gt 1 ] || refuse 64 "$1 needs a value: --help tells more"
      whole "$1" "$2" 0
      case $1 in --restarts) restarts=$((10#$2)) ;; --delay) delay=$((10#$2)) ;; --run-limit) run_limit=$((10#$2)) ;; esac
      shift 2
      ;;
    --) shift; break ;;
    *) refuse 64 "'$1' is not understood: the command comes after --; --help tells more" ;;
  esac
done
[ $# -gt 0 ] || refuse 64 "there is no command: --help tells more"
command -v -- "$1" >/dev/null || refuse 69 "$1 is not found: install it, or give its path"
find_folder "$@"
set -m
job='' clock='' told=''
for signal in TERM INT USR2; do
  # shellcheck disable=SC2064 # (the name as it is now)
  trap "pass_on $signal" "$signal"
done
supervise "$@"
