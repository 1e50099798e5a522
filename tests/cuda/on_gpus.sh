#!/usr/bin/env bash
# usage: on_gpus.sh RANKS COMMAND..: runs the command where the program can use as many GPUs; else says why not, and exits with 77.
set -u
ranks=$1
shift
mpirun=("$1")
for word in "${@:2}"; do
  [[ $word == */test_* ]] && break
  mpirun+=("$word")
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
probe=(fit --data digits --model mlp --hidden 8 --steps 1 --batch 64 --lr 0.1 --plot none --backend cuda --out "$folder/run")
said=$("${mpirun[@]}" "$FLR_PROGRAM" "${probe[@]}" 2>&1)
case $? in
0) "$@" ;;
69)
  echo "skipped: $ranks rank(s) on GPUs: $(grep -m 1 fastlr_dist: <<<"$said")"
  exit 77
  ;;
*)
  echo "the program cannot be asked for GPUs: $said"
  exit 1
  ;;
esac
