#!/usr/bin/env bash
# With --sync-bn a network with batch norm computes the same on any number of ranks: near 1 rank's losses, with --deterministic the
# same bits, ragged batches with ranks that have no sample included. usage: sync_bn.sh (FLR_PROGRAM: the program)
. "$(dirname "$0")/common.sh"

# run RANKS FOLDER ARGUMENTS...: a whole run
run() {
  local ranks=$1 folder=$2
  shift 2
  train "$ranks" "$@" --out "$folder" || fail "$ranks ranks, $*: exit code $?"
}

# distance FOLDER FOLDER STEPS: the largest relative difference of the first losses
distance() {
  paste -d' ' <(losses "$1") <(losses "$2") | awk -v steps="$3" '
    $1 == $3 && $1 < steps { d = ($2 - $4) / $2; if (d < 0) d = -d; if (d > most) most = d; count++ }
    END { if (count == steps) printf "%.2e", most; else printf "1e9" }'
}
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }'; }

# The ResNet of the parity vectors. Without --sync-bn it is another net: that has to show.
near() {
  local options=(--data digits --order sequential --model resnet20 --init-weights "${FLR_SOURCE_DIR:?}/tests/vectors/resnet20.safetensors" --batch 48
    --epochs 1 --lr 0.03 --policy one-cycle-v2 --optimizer sgd) off ranks apart
  run 1 "$work/one" "${options[@]}" --backend ref
  for ranks in 2 3; do
    run $ranks "$work/on$ranks" "${options[@]}" --backend ref --sync-bn on
    off=$(distance "$work/one" "$work/on$ranks" 10)
    below "$off" 1e-4 || fail "$ranks ranks with --sync-bn on: 10 losses within $off of 1 rank's, wanted 1e-4"
    echo "resnet20 on $ranks ranks, ref: 10 losses within $off of 1 rank's"
  done
  run 2 "$work/off" "${options[@]}" --backend ref --steps 10
  apart=$(distance "$work/one" "$work/off" 10)
  below 1e-3 "$apart" || fail "2 ranks without --sync-bn: within $apart of 1 rank, which they should not be"
  run 1 "$work/cpu1" "${options[@]}" --backend cpu
  run 2 "$work/cpu2" "${options[@]}" --backend cpu --sync-bn on
  off=$(distance "$work/cpu1" "$work/cpu2" 3) # (a ReLU that rounds to the other side of zero ends it, see test_parity.c)
  below "$off" 1e-3 || fail "2 ranks on the cpu backend: 3 losses within $off of 1 rank's, wanted 1e-3"
  echo "resnet20 on 2 ranks, cpu: 3 losses within $off of 1 rank's; without --sync-bn 10 are $apart apart"
}

# equal BACKEND OPTIONS...: the last of three batches has 2 samples for 4 shards; sweep and training, on 1, 2, 3 and 4 ranks
equal() {
  local backend=$1 ranks
  shift
  rm -rf "$work"/same*
  for ranks in 1 2 3 4; do
    run $ranks "$work/same$ranks" --data synthetic:66,8,8,3,4 --valid-fraction 0.0 --batch 32 --drop-last off --shards 4 --deterministic --sync-bn on \
      --backend "$backend" --lr auto --pick minimum --sweep-iters 12 --trim-start 0 --trim-end 0 --sweep-end 0.1 --epochs 3 "$@"
    [ "$(losses "$work/same$ranks" | wc -l)" = 9 ] || fail "$ranks ranks took $(losses "$work/same$ranks" | wc -l) steps, wanted 9"
    [ "$(points "$work/same1")" = "$(points "$work/same$ranks")" ] || fail "$backend $*: $ranks ranks sweep other losses than 1"
    [ "$(losses "$work/same1")" = "$(losses "$work/same$ranks")" ] || fail "$backend $*: $ranks ranks have other losses than 1"
    [ "$(weights "$work/same1")" = "$(weights "$work/same$ranks")" ] || fail "$backend $*: $ranks ranks have other weights than 1"
  done
  echo "--deterministic, $backend $*: 1, 2, 3 and 4 ranks compute the same bits"
}

# ragged: the same without --deterministic is near, and the running averages are those of one rank
ragged() {
  # shellcheck disable=SC2054 # the commas are the option's own
  local options=(--data synthetic:65,8,8,3,4 --valid-fraction 0.0 --batch 32 --drop-last off --backend ref --lr 1e-3 --steps 3 --model cnn) off
  run 1 "$work/ragged1" "${options[@]}"
  run 3 "$work/ragged3" "${options[@]}" --sync-bn on
  off=$(distance "$work/ragged1" "$work/ragged3" 3)
  below "$off" 1e-5 || fail "a last batch of 1 sample on 3 ranks: losses within $off of 1 rank's"
  echo "a last batch of 1 sample on 3 ranks: losses within $off of 1 rank's"
}

near
equal cpu --model cnn --dropout 0.1
equal ref --model resnet20
equal cpu --model cnn --head fastai --freeze-to 1 --bn-freeze
ragged
