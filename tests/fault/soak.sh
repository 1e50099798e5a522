#!/usr/bin/env bash
# Kills ranks or mpirun at random times and resumes each time: every run ends with the bits of the run that was never killed.
# usage: soak.sh [KILLS [SEED [RANKS]]]     (FLR_PROGRAM: the program; 20 kills, seed 1, 2 ranks)
. "$(dirname "$0")/../harness/script.sh"
work_folder
kills=${1:-20}
RANDOM=${2:-1}
ranks=${3:-2}
kills_per_run=5
patience=60     # seconds that what is left of a killed job may take to end
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 FASTLR_CUDA_MODULE=
command -v mpirun >/dev/null || skip "no mpirun"
job=(mpirun --oversubscribe --bind-to none -np "$ranks" "$program" fit --data digits --model cnn --dropout 0.1 --batch 96
  --epochs 12 --deterministic --shards "$ranks" --sweep-iters 60 --checkpoint-every 10 --log-every 1 --plot none --quiet)
failures=0

complain() {
  echo "FAILED: $1"
  failures=$((failures + 1))
}

numbers() { # of one event's field, in order
  sed -n "s/^{\"event\": \"$2\".*\"$3\": \([0-9]*\),.*/\1/p" "$1/metrics.jsonl"
}

phase_of() { # what a run is doing, as far as its directory tells
  if compgen -G "$1/*.tmp.*" >/dev/null; then
    echo checkpoint
  elif [ ! -s "$1/metrics.jsonl" ]; then
    echo start
  elif ! grep -q '"event": "suggest"' "$1/metrics.jsonl"; then
    echo sweep
  elif tail -1 "$1/metrics.jsonl" | grep -q '"event": "step".*"epoch": [0-9]*,'; then
    echo evaluation
  else
    echo training
  fi
}

left_over() { pgrep -f -- "--out $1( |\$)" >/dev/null; }

# kill_job FOLDER: mpirun or one of the ranks, without warning; 1 when there was nothing left to kill
kill_job() {
  local victims
  mapfile -t victims < <(pgrep -f -- "--out $1( |\$)")
  [ "${#victims[@]}" -gt 0 ] || return 1
  kill -KILL "${victims[RANDOM % ${#victims[@]}]}" 2>/dev/null || return 1
  for ((i = 0; i < 10 * patience; i++)); do
    left_over "$1" || return 0
    sleep 0.1
  done
  complain "what was left of a killed job still ran after $patience s: $(pgrep -af -- "--out $1")"
  pkill -KILL -f -- "--out $1( |\$)"
}

began=$(date +%s%N)
"${job[@]}" --out "$work/whole" || fail "the run that is not killed ended with $?"
took=$((($(date +%s%N) - began) / 1000000)) # ms
whole=$(weights "$work/whole")
steps=$(numbers "$work/whole" step step | wc -l)
declare -A hit=()
done_kills=0 runs=0
while [ "$done_kills" -lt "$kills" ]; do
  runs=$((runs + 1))
  folder=$work/run$runs
  for ((k = 0; k < kills_per_run && done_kills < kills; k++)); do
    ("${job[@]}" --out "$folder" --resume || true) >>"$folder.log" 2>&1 &
    pause=$((RANDOM * 32768 % (took * 4 / 5) + RANDOM % 100))
    sleep "$((pause / 1000)).$(printf %03d $((pause % 1000)))"
    phase=$(phase_of "$folder")
    kill_job "$folder" || break # it was done already
    wait $! 2>/dev/null
    hit[$phase]=$((${hit[$phase]:-0} + 1))
    done_kills=$((done_kills + 1))
  done
  wait
  timeout 300 "${job[@]}" --out "$folder" --resume >>"$folder.log" 2>&1 || complain "run $runs ended with $?: $(grep fastlr_dist: "$folder.log" | tail -3)"
  [ "$(weights "$folder")" = "$whole" ] || complain "run $runs has other weights"
  [ "$(numbers "$folder" step step | tr '\n' ' ')" = "$(seq -s ' ' 0 $((steps - 1))) " ] || complain "run $runs: steps are missing or twice in its log"
  [ "$(numbers "$folder" sweep i)" = "$(numbers "$work/whole" sweep i)" ] || complain "run $runs: points of the sweep are missing or twice"
  rm -rf "$folder"
done
echo "$done_kills kills in $runs runs of $steps steps on $ranks ranks:$(for phase in "${!hit[@]}"; do echo -n " $phase ${hit[$phase]}"; done); $failures failed"
exit $((failures > 0))
