# Sourced by the scripts of this folder: whole runs of the program on several ranks, and what they left behind.
# shellcheck shell=bash disable=SC2034
. "$(dirname "${BASH_SOURCE[0]}")/../harness/script.sh"
work_folder
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 FASTLR_CUDA_MODULE=
command -v mpirun >/dev/null || skip "no mpirun"

# train RANKS ARGUMENTS...: fit, every step logged
train() {
  local ranks=$1
  shift
  timeout 100 mpirun --oversubscribe --bind-to none -np "$ranks" "$program" fit --log-every 1 --plot none --quiet --threads 1 "$@"
}

# What the run of a folder recorded: step and loss; point and loss of its sweep
losses() { sed -n 's/^{"event": "step".*"step": \([0-9]*\),.*"loss": \([^,]*\),.*/\1 \2/p' "$1/metrics.jsonl"; }
points() { sed -n 's/^{"event": "sweep".*"i": \([0-9]*\),.*"loss": \([^,]*\),.*/\1 \2/p' "$1/metrics.jsonl"; }
