#!/usr/bin/env bash
# Submits stages of training as jobs that wait for each other, each from the weights of the one before it.
set -u

usage() {
  cat <<'TEXT'
usage: chain.sh [--after JOB] [--dry-run] SCRIPT RUN STAGE STAGE..

Submits SCRIPT (train.sbatch, edited for your site) once for each stage. A stage is the options of fastlr_dist fit that come on
top of the script's, in one word. Stage k runs in RUN/stage<k>; from the second on it starts from the weights of the stage before
it (--init-weights RUN/stage<k-1>/final.h5) and waits until that one has ended with 0, however often it was requeued. When a stage
fails for good, those after it are cancelled.

  --after JOB   the first stage waits for that job
  --dry-run     says what would be submitted

A head on frozen features, then all layers, those near the input slowly:

  chain.sh train.sbatch ~/runs/food '--init-weights resnet34.safetensors --head fastai --freeze --lr 3e-3 --epochs 4' \
                                    '--head fastai --lr 1e-6:1e-4 --epochs 6'
TEXT
}

refuse() {
  echo "chain.sh: $*" >&2
  exit 64
}

# stage K OPTIONS: the number of its job in $after
stage() {
  local words from=() wait=()
  read -ra words <<<"$2"
  [ "$1" = 1 ] || from=(--init-weights "$run/stage$(($1 - 1))/final.h5")
  [ -z "$after" ] || wait=("--dependency=afterok:$after" --kill-on-invalid-dep=yes)
  local command=(sbatch --parsable --job-name="fastlr-stage$1" "--export=ALL,FASTLR_RUN=$run/stage$1" "${wait[@]}" "$script" "${from[@]}" "${words[@]}")
  if [ -n "$dry" ]; then
    echo "${command[*]}"
    after="<stage $1>"
    return
  fi
  after=$("${command[@]}") || refuse "stage $1 was not submitted; the stages before it are"
  after=${after%%;*}
  echo "stage $1: job $after, in $run/stage$1"
}

after='' dry=''
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage; exit 0 ;;
    --after) [ $# -gt 1 ] || refuse "--after needs the number of a job"; after=$2; shift 2 ;;
    --dry-run) dry=1; shift ;;
    -*) refuse "$1 is not understood: --help tells more" ;;
    *) break ;;
  esac
done
[ $# -ge 3 ] || refuse "it takes SCRIPT RUN STAGE..: --help tells more"
[ -r "$1" ] || refuse "$1 is not there"
case $2 in *,*) refuse "$2: a run directory with a comma cannot be handed to sbatch" ;; esac
script=$1 run=$(realpath -m -- "$2")
shift 2
count=0
for options in "$@"; do
  count=$((count + 1))
  stage $count "$options"
done
