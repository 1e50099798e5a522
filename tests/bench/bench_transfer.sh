#!/usr/bin/env bash
# Transfer on real images: a ResNet learns eight classes of CIFAR-10, then two others from 200 images of them: with the new head
# alone, then as a whole with a slice of rates; both in one run by fine-tune; beside it the same net from scratch with the same
# budget, at its best of three rates.
# usage: bench_transfer.sh PROGRAM FOLDER WORK [MODEL [EPOCHS]]
# FOLDER: CIFAR-10 as {train,test}/<class>/*; WORK: is made, 1 GB; MODEL: resnet18; EPOCHS: of the eight classes, 10
set -euo pipefail
program=$1 folder=$2 work=$3 model=${4:-resnet18} epochs=${5:-10}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"
[ -e "$work/eight.h5" ] ||
  "${PYTHON:-python3}" "$here/cifar_classes.py" "$folder" "$work/eight.h5" airplane,automobile,bird,deer,frog,horse,ship,truck 1000 100
[ -e "$work/two.h5" ] || "${PYTHON:-python3}" "$here/cifar_classes.py" "$folder" "$work/two.h5" cat,dog 100 250

# fit NAME OPTIONS..: trains in $work/NAME, unless that was done before
fit() {
  local name=$1
  shift
  [ -e "$work/$name/final.h5" ] || "$program" fit --model "$model" --stem small --augment none --plot none --quiet --out "$work/$name" "$@"
}
error() { # of the last epoch of a run
  sed -n 's/.*"event": "epoch".*"error_rate": \([0-9.]*\).*/\1/p' "$work/$1/metrics.jsonl" | tail -1
}

fit body --data "$work/eight.h5" --batch 64 --epochs "$epochs" --lr 3e-3
echo "eight classes: error rate $(error body)"
two=(--data "$work/two.h5" --batch 32)
fit head "${two[@]}" --init-weights "$work/body/final.h5" --head fastai --freeze --lr 3e-3 --epochs 10
echo "two classes, frozen: error rate $(error head)"
fit all "${two[@]}" --init-weights "$work/head/final.h5" --lr 1e-5:1e-3 --epochs 10
echo "then unfrozen: error rate $(error all)"
fit tuned "${two[@]}" --init-weights "$work/body/final.h5" --head fastai --policy fine-tune --freeze-epochs 10 --lr 3e-3 --epochs 10
echo "both by fine-tune: error rate $(error tuned)"
for lr in 1e-3 3e-3 1e-2; do
  fit "scratch-$lr" "${two[@]}" --lr "$lr" --epochs 20
  echo "from scratch at $lr: error rate $(error "scratch-$lr")"
done
best=$(for lr in 1e-3 3e-3 1e-2; do error "scratch-$lr"; done | sort -g | head -1)
awk -v transfer="$(error all)" -v scratch="$best" 'BEGIN { exit !(transfer < scratch) }' || { echo 'no better than from scratch'; exit 1; }
