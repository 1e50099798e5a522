# Sourced by test scripts: the program under test, a work folder, and how a test ends that does not hold or cannot be made here.
# shellcheck shell=bash disable=SC2034
set -u
program=${FLR_PROGRAM:?the program}
failure_shows=() # files of $work whose contents go with a failure

fail() {
  echo "FAILED: $*"
  for file in "${failure_shows[@]}"; do [ ! -e "$work/$file" ] || sed 's/^/  | /' "$work/$file"; done
  exit 1
}

skip() {
  echo "skipped: $*"
  exit 77
}

# in_own_mounts SCRIPT ARGUMENTS...: starts the script again where nobody else sees what it mounts; returns there, and with 1 where that is not allowed
in_own_mounts() {
  [ -z "${FLR_OWN_MOUNTS:-}" ] || return 0
  unshare --mount --propagation private true 2>/dev/null || return 1
  FLR_OWN_MOUNTS=1 exec unshare --mount --propagation private bash "$@"
}

# work_folder [FILE...]: $work, which goes when the test ends, with every process that names it; a failure shows these files of it (err). A test that
# has more to undo defines clean_up, which comes first.
work_folder() {
  work=$(mktemp -d)
  export TMPDIR=$work
  failure_shows=("${@:-err}")
  trap 'end_of_work || true' EXIT
}
clean_up() { :; }
end_of_work() {
  clean_up
  pkill -KILL -f "$work" 2>/dev/null
  rm -rf "$work"
}

# pids_of_ranks PATTERN: the ranks of a running job whose command line matches, "RANK PID" a line, in rank order
pids_of_ranks() {
  local pid rank
  for pid in $(pgrep -f "$1"); do
    rank=$(tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^OMPI_COMM_WORLD_RANK=//p')
    [ -z "$rank" ] || echo "$rank $pid"
  done 2>/dev/null | sort -n
}
# pid_of RANK PATTERN: its process
pid_of() { pids_of_ranks "$2" | sed -n "s/^$1 //p"; }

# weights FOLDER: the check sum of a run's last weights
weights() { "$program" export "$1/final.h5" "$1/final.safetensors" && cksum <"$1/final.safetensors"; }
