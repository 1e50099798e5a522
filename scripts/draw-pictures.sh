#!/usr/bin/env bash
# Draws the pictures of README.md and src/optim/CHOOSING.md with the program. usage: draw-pictures.sh [PROGRAM]
set -euo pipefail
if [ "${1:-}" = --help ]; then sed -n '2,/^set /s/^# //p' "$0" && exit; fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$(realpath "${1:-$root/build/release/fastlr_dist}")
pictures=$root/src/optim/pictures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p "$pictures"

find() { # PICTURE OPTIONS..
  local picture=$1
  shift
  "$program" find --quiet --out run "$@"
  cp run/sweep.svg "$picture"
  rm -rf run
}
find "$root/datasets/digits_sweep.svg"
find "$pictures/ends-early.svg" --sweep-end 1e-3
find "$pictures/starts-late.svg" --sweep-start 1e-2 --sweep-iters 50
find "$pictures/noisy.svg" --batch 4 --sweep-iters 50
find "$pictures/repeated.svg" --batch 4 --sweep-iters 50 --sweep-repeats 5
"$program" --epochs 5 --log-every 1 --quiet --out run
cp run/loss.svg run/schedule.svg "$pictures/"
