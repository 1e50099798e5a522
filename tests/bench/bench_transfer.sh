#!/usr/bin/env bash
# Transfer on real images: a ResNet learns eight classes of CIFAR-10, once, then two others from 200 images of them: with the new
# head alone, then as a whole with a slice of rates; both in one run by fine-tune; beside it the same net from scratch with the same
# budget, at its best of three rates. Every seed's error is that on 1000 test images which no training saw; at the end mean and
# standard error over the seeds, and those of scratch minus transfer, seed by seed. Exit code 1: no better than from scratch.
# usage: bench_transfer.sh PROGRAM FOLDER WORK [MODEL [EPOCHS [SEEDS [OPTION..]]]]
# FOLDER: CIFAR-10 as {train,test}/<class>/*; WORK: is made, 1 GB; runs that it has are not done again; MODEL: resnet18; EPOCHS: of the
# eight classes, 10; SEEDS: of what follows, "1 2 3"; OPTION: more for every training, as --threads 1
set -euo pipefail
program=$1 folder=$2 work=$3 model=${4:-resnet18} epochs=${5:-10} seeds=${6:-1 2 3}
shift $(($# < 6 ? $# : 6))
options=("$@") rates=(1e-3 3e-3 1e-2)
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"
classes() { [ -e "$work/$1" ] || "${PYTHON:-python3}" "$here/cifar_classes.py" "$folder" "$work/$1" "${@:2}"; }
classes eight.h5 airplane,automobile,bird,deer,frog,horse,ship,truck 1000 100
classes two.h5 cat,dog 100 500 test

# fit NAME OPTIONS..: trains in $work/NAME, unless that was done before
fit() {
  local name=$1
  shift
  [ -e "$work/$name/final.h5" ] || "$program" fit --model "$model" --stem small --plot none --quiet --out "$work/$name" "$@" ${options[@]+"${options[@]}"}
}
error() { # on the test images
  [ -e "$work/$1/error" ] || "$program" eval "$work/$1/final.h5" --split test --json ${options[@]+"${options[@]}"} |
    sed -n 's/.*"error_rate": *\([0-9.e-]*\).*/\1/p' >"$work/$1/error"
  cat "$work/$1/error"
}
# of_seeds NAME [MINUS]: mean and standard error over NAME-SEED, or of what MINUS-SEED has more
of_seeds() {
  local seed
  for seed in $seeds; do echo "$(error "$1-$seed") $([ $# -eq 1 ] || error "$2-$seed")"; done |
    awk '{ x = NF > 1 ? $2 - $1 : $1; n++; sum += x; squares += x * x }
      END {
        mean = sum / n
        variance = n > 1 ? (squares - n * mean * mean) / (n - 1) / n : 0
        printf "%.4f %s\n", mean, (n > 1 ? sprintf("%.4f", sqrt((variance > 0 ? variance : 0))) : "-")
      }'
}

fit body --data "$work/eight.h5" --batch 64 --epochs "$epochs" --lr 3e-3
echo "eight classes: error rate $(sed -n 's/.*"event": "epoch".*"error_rate": \([0-9.]*\).*/\1/p' "$work/body/metrics.jsonl" | tail -1)"
for seed in $seeds; do
  two=(--data "$work/two.h5" --valid-fraction 0 --batch 32 --seed "$seed")
  fit "head-$seed" "${two[@]}" --init-weights "$work/body/final.h5" --head fastai --freeze --lr 3e-3 --epochs 10
  fit "all-$seed" "${two[@]}" --init-weights "$work/head-$seed/final.h5" --lr 1e-5:1e-3 --epochs 10
  fit "tuned-$seed" "${two[@]}" --init-weights "$work/body/final.h5" --head fastai --policy fine-tune --freeze-epochs 10 --lr 3e-3 --epochs 10
  for lr in "${rates[@]}"; do fit "scratch-$lr-$seed" "${two[@]}" --lr "$lr" --epochs 20; done
done
for name in head all tuned "${rates[@]/#/scratch-}"; do
  echo "$name: error rate, its standard error: $(of_seeds "$name") ($(for seed in $seeds; do error "$name-$seed"; done | paste -sd' '))"
done
best=$(for lr in "${rates[@]}"; do echo "$(of_seeds "scratch-$lr") scratch-$lr"; done | sort -g | head -1 | cut -d' ' -f3)
gain=$(of_seeds all "$best")
echo "$best minus all, seed by seed: $gain"
awk -v gain="${gain% *}" 'BEGIN { exit !(gain > 0) }' || { echo 'no better than from scratch'; exit 1; }
