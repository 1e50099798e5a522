#!/usr/bin/env bash
# Sets up, builds, finds a learning rate for the embedded digits on two ranks and trains with it.
# usage: quickstart.sh [OPTIONS OF fastlr_dist..]    the run directory is runs/quickstart-<time>-<pid>
set -euo pipefail
if [ "${1:-}" = --help ]; then sed -n '2,/^set /s/^# //p' "$0" && exit; fi
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$scripts")
"$scripts/setup.sh" run
"$scripts/build.sh" run

out=$root/runs/quickstart-$(date +%Y%m%d-%H%M%S)-$$
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
export OMPI_MCA_mpi_yield_when_idle=1 # ranks that wait leave the core to those that work
mpirun --oversubscribe --bind-to none -np 2 "$root/build/release/fastlr_dist" fit --lr auto --plot terminal --out "$out" "$@"
