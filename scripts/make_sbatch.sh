#!/usr/bin/env bash
# Writes a batch script for Slurm that runs a command of fastlr_dist, after checking what can be checked before it waits in a queue.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
templates=$here/../slurm

usage() {
  cat <<'TEXT'
usage: make_sbatch.sh --nodes N --time TIME [options] -- fastlr_dist [fit|find] OPTIONS --out DIR

Writes a batch script: slurm/train.sbatch (for find: find.sbatch) with the lines at its top filled in. Asks nothing.

  --nodes N, MIN-MAX    nodes; with a range the job takes what it gets, also when it starts again
  --time TIME           time limit as Slurm takes it: 90, 4:00:00, 1-12:00:00
  --gpus-per-node G     GPUs; a rank for each (0)
  --ranks-per-node R    ranks (the GPUs; without: 1)
  --cpus-per-rank C     cores of each rank (8)
  --mem SIZE            memory of a node: 64G, 64000M
  --partition P, --account A
  --mpirun              start the ranks with mpirun instead of srun --mpi=pmix
  --stage               train from a copy of the data on each node's own disk
  --restarts N          how often the job may start again (20)
  --lead SEC            how long before the limit the job is told to stop (120; with --measured what that says)
  --measured RUN        an earlier run directory: the time its checkpoints and steps took gives the least lead
  --to FILE             what is written (fastlr.sbatch); an existing file is not overwritten
  --dry-run             print the script instead
  --help                this text

Checked before anything is written: the options, the data and the model by fastlr_dist --dry-run itself (with as many shards as
there are ranks), memory of a node against what its ranks take, shards against ranks, lead against time limit and checkpoints.
Exit codes: 0 written, 64 refused, else what fastlr_dist ended with.
TEXT
}

refuse() {
  echo "make_sbatch.sh: $*" >&2
  exit 64
}

note() { echo "make_sbatch.sh: $*" >&2; }

is_whole() { [[ $2 =~ ^[0-9]{1,9}$ && $((10#$2)) -ge $3 ]] || refuse "$1: '$2' is not allowed: a whole number from $3 on"; }

# seconds TIME: of Slurm's notations: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S
seconds() {
  local days=0 rest=$1 parts
  [[ $1 =~ ^([0-9]+-)?[0-9]+(:[0-9]+){0,2}$ ]] || refuse "--time: '$1' is not allowed: 90 (minutes), 4:00:00 or 1-12:00:00"
  if [[ $1 == *-* ]]; then days=${1%%-*} rest=${1#*-}; fi
  IFS=: read -ra parts <<<"$rest"
  if [[ $1 == *-* ]]; then
    echo $((days * 86400 + 10#${parts[0]} * 3600 + 10#${parts[1]:-0} * 60 + 10#${parts[2]:-0}))
  else
    case ${#parts[@]} in
      1) echo $((10#${parts[0]} * 60)) ;;
      2) echo $((10#${parts[0]} * 60 + 10#${parts[1]})) ;;
      *) echo $((10#${parts[0]} * 3600 + 10#${parts[1]} * 60 + 10#${parts[2]})) ;;
    esac
  fi
}

mebibytes() { # SIZE as --mem takes it
  [[ $1 =~ ^([0-9]+)([KMGT]?)B?$ ]] || refuse "--mem: '$1' is not allowed: 64G or 64000M"
  case ${BASH_REMATCH[2]} in
    K) echo $((BASH_REMATCH[1] / 1024)) ;;
    G) echo $((BASH_REMATCH[1] * 1024)) ;;
    T) echo $((BASH_REMATCH[1] * 1048576)) ;;
    *) echo "${BASH_REMATCH[1]}" ;;
  esac
}

# ---- the command ----

# take_apart WORDS...: $program, $kind, $data, $run, $shards, and what is left in $options
take_apart() {
  program=$1 kind=fit data=digits run='' shards='' options=()
  shift
  case ${1:-} in
    fit | find) kind=$1; shift ;;
    -* | '') ;;
    *) refuse "fastlr_dist $1 is not for batch scripts: fit or find" ;;
  esac
  while [ $# -gt 0 ]; do
    case $1 in
      --data=* | --out=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
      --data) data=${2:?}; shift 2 ;;
      --out) run=${2:?}; shift 2 ;;
      --resume) case ${2:-} in -* | '') shift ;; *) refuse "--resume $2: the script resumes from --out by itself" ;; esac ;;
      --resume=* | --time-limit | --time-limit=*) refuse "${1%%=*}: the script does that by itself: leave it out" ;;
      --shards=*) set -- --shards "${1#*=}" "${@:2}" ;;
      --shards) shards=${2:?}; options+=("$1" "$2"); shift 2 ;;
      *) options+=("$1"); shift ;;
    esac
  done
  [ -n "$run" ] || refuse "the command has no --out DIR: a job that starts again has to find its run"
  [ -z "$shards" ] || is_whole --shards "$shards" 1
  if [ -e "$data" ]; then data=$(realpath -- "$data"); fi
  run=$(realpath -m -- "$run")
}

# Options for the machine here, which may have no GPU.
options_here() {
  local skip=''
  here_options=()
  for word in "${options[@]}"; do
    if [ -n "$skip" ]; then skip=''; continue; fi
    case $word in
      --backend | --precision | --comm | --comm-dtype) [ "$gpus" = 0 ] || { skip=1; continue; } ;;
      --backend=* | --precision=* | --comm=* | --comm-dtype=*) [ "$gpus" = 0 ] || continue ;;
    esac
    here_options+=("$word")
  done
  [ "$gpus" = 0 ] || here_options+=(--backend cpu)
  [ -n "$shards" ] || here_options+=(--shards "$ranks")
}

check_command() {
  local said code
  command -v -- "$program" >/dev/null || refuse "$program is not found here: build or install it, or give its path"
  options_here
  said=$("$program" "$kind" --data "$data" "${here_options[@]}" --out "$run" --dry-run 2>&1 >/dev/null)
  code=$?
  if [ $code != 0 ]; then
    grep '^fastlr_dist' <<<"$said" >&2 || echo "$said" >&2
    note "the command would end like that, with exit code $code: nothing was written"
    exit $code
  fi
  need=$(sed -n 's/.*a rank with one shard takes \([0-9]*\) MiB.*/\1/p' <<<"$said")
  [ "$gpus" = 0 ] || note "what only a GPU can tell was not checked here: precision, its memory"
}

check_memory() {
  local program_mib=300 wanted
  [ -n "$need" ] && [ "$gpus" = 0 ] || return
  wanted=$(((need + program_mib) * ranks_per_node))
  if [ -z "$memory" ]; then
    note "the ranks of a node take about $wanted MiB: give --mem where your site wants it"
  elif [ "$(mebibytes "$memory")" -lt "$wanted" ]; then
    refuse "--mem: $memory is less than the $wanted MiB that $ranks_per_node ranks of a node take: raise it, or take more nodes or shards"
  fi
}

check_shards() {
  [ -z "$shards" ] || [ "$shards" -ge "$ranks" ] || refuse "--shards: $shards is fewer than the $ranks ranks: raise it or take fewer nodes"
  # Without, a run that begins on fewer nodes could not go on with more.
  [ -n "$shards" ] || [ "$least_nodes" = "$most_nodes" ] || options+=(--shards "$ranks")
}

# least_lead RUN: twice what its slowest checkpoint and its slowest steps took, and half a minute for the signal's way
least_lead() {
  awk '
    function value(name) { return match($0, "\"" name "\": [-0-9.e+]+") ? substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4) + 0 : 0 }
    /"event": "checkpoint"/ { known = 1; if (value("seconds") > save) save = value("seconds") }
    /"event": "step"/ { t = value("time"); n = value("step"); if (last && n > at && (t - last) / (n - at) > step) step = (t - last) / (n - at); last = t; at = n }
    !/"event": "step"/ { last = 0 }
    END { if (!known) exit 1; lead = 2 * (save + step) + 30; print (lead == int(lead) ? lead : int(lead) + 1) }' "$1/metrics.jsonl"
}

check_lead() {
  local least='' limit
  limit=$(seconds "$time") || exit 64
  if [ -n "$measured" ]; then
    [ -r "$measured/metrics.jsonl" ] || refuse "--measured: $measured is no run directory: there is no metrics.jsonl in it"
    least=$(least_lead "$measured") || refuse "--measured: the run of $measured has written no checkpoint yet"
  fi
  if [ -z "$lead" ]; then
    lead=120
    [ -z "$least" ] || [ "$least" -le $lead ] || lead=$least
  elif [ -n "$least" ] && [ "$lead" -lt "$least" ]; then
    refuse "--lead: $lead s is less than the $least s that a checkpoint and a step of $measured need: raise it or leave it out"
  fi
  [ "$limit" -gt $((2 * lead)) ] || refuse "--time: $time is too short for a signal $lead s before its end: raise it, or lower --lead"
}

# ---- the script ----

fill_in() {
  local template=$templates/train.sbatch resources
  [ "$kind" = fit ] || template=$templates/find.sbatch
  [ -r "$template" ] || refuse "$template is missing: this script needs the project's slurm/ beside it"
  resources="--nodes=$nodes --ntasks-per-node=$ranks_per_node --cpus-per-task=$cpus"
  [ "$gpus" = 0 ] || resources+=" --gpus-per-node=$gpus"
  [ -z "$memory" ] || resources+=" --mem=$memory"
  [ -z "$partition" ] || resources+=" --partition=$partition"
  [ -z "$account" ] || resources+=" --account=$account"
  RESOURCES=$resources TIME=$time LEAD=$lead DATA=$(printf %q "$data") RUN=$(printf %q "$run") OPTIONS=$(printf '%q ' "${options[@]}") \
    LAUNCH=$launch RESTARTS=$restarts STAGE=$stage PROGRAM=$(printf %q "$program") awk '
    /^# ---- edit/ { top = 1 }
    /^# ---- up to here ----/ { top = 0 }
    /^#SBATCH --signal/ { $0 = "#SBATCH --signal=B:USR2@" ENVIRON["LEAD"] }
    top && /^#SBATCH --nodes/ { $0 = "#SBATCH " ENVIRON["RESOURCES"] }
    top && /^#SBATCH --time/ { $0 = "#SBATCH --time=" ENVIRON["TIME"] }
    top && /^data=/ { $0 = "data=" ENVIRON["DATA"] }
    top && /^run=/ { $0 = "run=" ENVIRON["RUN"] }
    top && /^options=/ { options = ENVIRON["OPTIONS"]; sub(/ $/, "", options); $0 = "options=(" options ")" }
    /^launch=/ { sub(/:-srun/, ":-" ENVIRON["LAUNCH"]) }
    /^restarts=/ { sub(/:-20/, ":-" ENVIRON["RESTARTS"]) }
    /^stage=/ { i = index($0, ":-"); $0 = substr($0, 1, i + 1) ENVIRON["STAGE"] substr($0, i + 2) }
    /^program=/ { i = index($0, ":-"); $0 = substr($0, 1, i + 1) ENVIRON["PROGRAM"] "}" }
    { print }' "$template"
}

nodes='' time='' gpus=0 ranks_per_node='' cpus=8 memory='' partition='' account='' launch=srun stage='' restarts=20 lead='' measured='' to=fastlr.sbatch print=''
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage; exit 0 ;;
    --dry-run) print=1; shift; continue ;;
    --mpirun) launch=mpirun; shift; continue ;;
    --stage) stage=$(realpath -m -- "$templates/stage-data.sh"); shift; continue ;;
    --) shift; break ;;
    --nodes | --time | --gpus-per-node | --ranks-per-node | --cpus-per-rank | --mem | --partition | --account | --restarts | --lead | --measured | --to) ;;
    *) refuse "'$1' is not understood: the command comes after --; --help tells more" ;;
  esac
  [ $# -gt 1 ] || refuse "$1 needs a value: --help tells more"
  case $1 in
    --nodes) nodes=$2 ;;
    --time) time=$2 ;;
    --gpus-per-node) is_whole "$1" "$2" 0; gpus=$((10#$2)) ;;
    --ranks-per-node) is_whole "$1" "$2" 1; ranks_per_node=$((10#$2)) ;;
    --cpus-per-rank) is_whole "$1" "$2" 1; cpus=$((10#$2)) ;;
    --mem) memory=$2 ;;
    --partition) partition=$2 ;;
    --account) account=$2 ;;
    --restarts) is_whole "$1" "$2" 0; restarts=$((10#$2)) ;;
    --lead) is_whole "$1" "$2" 1; lead=$((10#$2)) ;;
    --measured) measured=$2 ;;
    --to) to=$2 ;;
  esac
  shift 2
done
[ -n "$nodes" ] || refuse "--nodes is missing: --help tells more"
[ -n "$time" ] || refuse "--time is missing: --help tells more"
[[ $nodes =~ ^[1-9][0-9]{0,5}(-[1-9][0-9]{0,5})?$ ]] || refuse "--nodes: '$nodes' is not allowed: 2, or 1-4"
[ $# -gt 0 ] || refuse "there is no command: -- fastlr_dist fit .. comes last; --help tells more"
least_nodes=${nodes%-*} most_nodes=${nodes#*-}
[ "$least_nodes" -le "$most_nodes" ] || refuse "--nodes: '$nodes' is not allowed: the smaller number comes first"
[ -n "$ranks_per_node" ] || ranks_per_node=$((gpus > 0 ? gpus : 1))
[ "$gpus" = 0 ] || [ "$ranks_per_node" -le "$gpus" ] || refuse "--ranks-per-node: $ranks_per_node is more than the $gpus GPUs of a node: a rank needs one"
ranks=$((most_nodes * ranks_per_node))
take_apart "$@"
check_shards
check_lead
check_command
check_memory
if [ -n "$print" ]; then
  fill_in
  exit
fi
[ ! -e "$to" ] || refuse "--to: $to is there already: remove it or name another file"
fill_in >"$to" || refuse "--to: $to cannot be written"
chmod +x "$to"
echo "written: $to ($ranks ranks, told to stop $lead s before the limit); submit it with: sbatch $to"
