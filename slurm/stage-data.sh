#!/usr/bin/env bash
# Copies data files to the own disk of every node of a job, once per node, checked by size and hash, and removes them again.
set -u
base=${FASTLR_LOCAL:-${SLURM_TMPDIR:-${TMPDIR:-/tmp}}}
patience=${FASTLR_STAGE_TIMEOUT:-3600}

usage() {
  cat <<'TEXT'
usage: stage-data.sh copy FILE.h5[,FILE.h5..]     in a Slurm job: prints the names of the copies, for --data
       stage-data.sh clean                        removes the job's copies on all its nodes

Every node of the job copies the files once to a folder of the job on its own disk and compares size and SHA-256 of the copy
with those of the files on the first node. A copy that is there already and whole is kept (a requeued job). When a node fails,
nothing is left on any node, and one line for each cause names the nodes. Folders of jobs of yours that have ended are removed.

FASTLR_LOCAL=DIR          the disk; else SLURM_TMPDIR, TMPDIR or /tmp
FASTLR_STAGE_TIMEOUT=SEC  how long all nodes together may take (3600); then those that have not answered are named

Exit codes: 0 done, 64 wrong usage, 65 another version of a file on some node, 66 no file, 74 no room or input and output failed
TEXT
}

refuse() { # CODE MESSAGE...
  echo "stage-data.sh: ${*:2}" >&2
  exit "$1"
}

# ---- on a node ----

# result CODE CAUSE...: the one line a node says
result() {
  [ -n "$half" ] && rm -f "$half"
  printf 'result\t%s\t%s\t%s\n' "${SLURMD_NODENAME:-$(hostname)}" "$1" "${*:2}"
  exit 0
}

is_whole() { [ -f "$1" ] && [ "$(stat -L -c %s "$1")" = "$2" ] && [ "$(sha256sum <"$1")" = "$3  -" ]; }

# Folders that jobs which were killed left here. ALIVE: numbers of the user's jobs, '' when they are not known
remove_leftovers() { # ALIVE
  local folder number
  [ -n "$1" ] || return
  for folder in "$base/fastlr-$UID-"*; do
    number=${folder##*-}
    case ",$1," in *",$number,"*) ;; *) [ -O "$folder" ] && rm -rf "$folder" ;; esac
  done
}

# node_copy FOLDER ALIVE [FILE SIZE HASH]...
node_copy() {
  local folder=$1 copy free name
  half=''
  remove_leftovers "$2"
  shift 2
  mkdir -p "$folder" 2>/dev/null || result 74 "$folder cannot be made"
  while [ $# -gt 0 ]; do
    name=${1##*/} copy=$folder/${1##*/} half=$folder/.half-${1##*/}
    if ! is_whole "$copy" "$2" "$3"; then
      rm -f "$copy"
      [ -r "$1" ] || result 66 "$1 is not there or cannot be read"
      [ "$(stat -L -c %s "$1")" = "$2" ] || result 65 "$1 is another version of it: its size differs"
      free=$(df --output=avail -B1 "$folder" | tail -n 1)
      [ "$free" -ge "$2" ] || result 74 "no room in $base for $name ($(mebibytes "$2"))"
      cp -- "$1" "$half" 2>/dev/null || result 74 "$name cannot be copied to $base: full or broken"
      is_whole "$half" "$2" "$3" || result 65 "$1 is another version of it, or the copy in $base is damaged: the hash differs"
      mv -f -- "$half" "$copy" || result 74 "$copy cannot be made"
    fi
    shift 3
  done
  half=''
  result 0 ok
}

mebibytes() { awk -v b="$1" 'BEGIN { printf "%.1f MiB", b / 1048576 }'; }

# ---- in the batch script ----

# on_nodes SECONDS WORDS...: this script on each node of the job, once
on_nodes() {
  timeout -k 10 "$1" srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --cpus-per-task=1 \
    --overlap --mpi=none --kill-on-bad-exit=0 --input=none bash "$self" "${@:2}"
}

# The lines of all nodes: one line for each cause, with its nodes; the highest code is the exit code.
report() { # NODES...
  awk -F '\t' -v nodes="$*" -v patience="$patience" '
    function brief(list, line) { ("scontrol show hostlistsorted " list) | getline line; return line == "" ? list : line }
    BEGIN { all = split(nodes, name, " ") }
    $1 == "ended" { late = $2 == 124 || $2 == 137 ? " within " patience " s (FASTLR_STAGE_TIMEOUT)" : "" }
    $1 == "result" { told[$2] = 1; if ($3 == 0) next; cause = $4; if (!(cause in who)) order[++count] = cause
      who[cause] = who[cause] (who[cause] == "" ? "" : ",") $2; number[cause]++; if ($3 > code) code = $3 }
    END {
      for (i = 1; i <= all; i++) if (!(name[i] in told)) { silent = silent (silent == "" ? "" : ",") name[i]; missing++ }
      for (i = 1; i <= count; i++) printf "stage-data.sh: on %s (%d of %d nodes): %s\n", brief(who[order[i]]), number[order[i]], all, order[i]
      if (missing) { printf "stage-data.sh: on %s (%d of %d nodes): no answer%s\n", brief(silent), missing, all, late; if (code < 74) code = 74 }
      exit code
    }' >&2
}

copy() { # FILE,FILE..
  local files file facts=() copies=() names code alive
  IFS=, read -ra files <<<"$1"
  for file in "${files[@]}"; do
    [ -r "$file" ] || refuse 66 "$(hostname): $file is not there or cannot be read"
    file=$(realpath -- "$file")
    for name in ${copies[@]+"${copies[@]}"}; do [ "$name" != "$folder/${file##*/}" ] || refuse 64 "two files are called ${file##*/}: rename one"; done
    facts+=("$file" "$(stat -L -c %s "$file")" "$(sha256sum <"$file" | cut -d ' ' -f 1)")
    copies+=("$folder/${file##*/}")
  done
  mapfile -t names < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
  alive=$(squeue -h -u "$(id -un)" -o %A 2>/dev/null | paste -sd ,)
  { on_nodes "$patience" node_copy "$folder" "$alive" "${facts[@]}"; printf 'ended\t%s\n' $?; } | report "${names[@]}"
  code=${PIPESTATUS[1]}
  if [ "$code" != 0 ]; then
    clean
    exit "$code"
  fi
  (IFS=, && echo "${copies[*]}")
}

# (a node that has gone silent shall not hold the others' end up for as long again)
clean() { on_nodes $((patience < 300 ? patience : 300)) node_clean "$folder" || echo "stage-data.sh: the copies in $folder may be left on some nodes" >&2; }

case ${1:-} in
  --help) usage; exit 0 ;;
  node_copy) node_copy "${@:2}" ;;
  node_clean) rm -rf -- "$2"; exit ;;
esac
[ -n "${SLURM_JOB_ID:-}" ] || refuse 64 "this is for a Slurm job: --help tells more"
[[ $patience =~ ^[1-9][0-9]{0,8}$ ]] || refuse 64 "FASTLR_STAGE_TIMEOUT: '$patience' is not allowed: seconds, a whole number from 1 on"
self=$(realpath -- "$0") folder=$base/fastlr-$UID-$SLURM_JOB_ID
case ${1:-} in
  copy) [ $# = 2 ] || refuse 64 "copy takes the files, separated by commas: --help tells more"; copy "$2" ;;
  clean) clean ;;
  *) refuse 64 "'${1:-}' is not understood: copy or clean; --help tells more" ;;
esac
