# Sourced by the scripts of this folder: whole runs of the program on several ranks, and what they left behind.
# shellcheck shell=bash disable=SC2034
set -u
program=${FLR_PROGRAM:?the program}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 FASTLR_CUDA_MODULE=
command -v mpirun >/dev/null || { echo "skipped: no mpirun"; exit 77; }
work=$(mktemp -d)
trap 'pkill -KILL -f "$work" 2>/dev/null; rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*"
  exit 1
}

# train RANKS ARGUMENTS...: fit, every step logged
train() {
  local ranks=$1
  shift
  timeout 100 mpirun --oversubscribe --bind-to none -np "$ranks" "$program" fit --log-every 1 --plot none --quiet --threads 1 "$@"
}

# What the run of a folder recorded: step and loss; point and loss of its sweep; its last weights
losses() { sed -n 's/^{"event": "step".*"step": \([0-9]*\),.*"loss": \([^,]*\),.*/\1 \2/p' "$1/metrics.jsonl"; }
points() { sed -n 's/^{"event": "sweep".*"i": \([0-9]*\),.*"loss": \([^,]*\),.*/\1 \2/p' "$1/metrics.jsonl"; }
weights() { "$program" export "$1/final.h5" "$1/final.safetensors" && cksum <"$1/final.safetensors"; }
