#!/usr/bin/env bash
# Files of numbers train or are refused: one line with file, row and place, the right exit code, at any number of ranks no hang.
# usage: see common.sh
. "$(dirname "$0")/common.sh"
"$tools/test_cli.reading_fixtures" "$work" || exit 1

# stopped CODE PATTERN ARGS..: what is met while running, so that a run folder may be there
stopped() {
  local wanted=$1 pattern=$2
  shift 2
  limit=20 fastlr "$@" --quiet --batch 16 --lr 1e-3
  [ "$code" = "$wanted" ] || complain "$ranks ranks: $*: exit code $code, wanted $wanted: $(own_words)"
  grep -Eq -- "$pattern" <<<"$(own_words)" || complain "$ranks ranks: $*: \"$(own_words)\" does not match \"$pattern\""
  rm -rf run/*
}

stopped 65 'nan\.h5: train/features: row 37, column 3 is nan: no model learns from that' --data ../../nan.h5 --epochs 2
stopped 65 'infinite\.h5: train/features: row 37, column 3 is inf as float32' --data ../../infinite.h5 --epochs 2
stopped 65 'no_number\.h5: train/images: row 37, pixel 1,1 channel 2 is nan' --data ../../no_number.h5 --epochs 2 --model cnn
stopped 65 'beyond_one\.h5: train/images: row 37, pixel 1,1 channel 2 is 3\.5: --normalize imagenet is for values from 0 to 1' \
  --data ../../beyond_one.h5 --epochs 2 --model cnn --normalize imagenet

bad() { # CODE PATTERN FILE
  refused "$1" "$2" --data "../../$3" --batch 16
}
bad 65 '\.\./\.\./hollow\.h5: train/images has no data in this file' hollow.h5
bad 65 '\.\./\.\./hollow_chunks\.h5: train/images has 0 of its 100000 chunks' hollow_chunks.h5
bad 65 '\.\./\.\./broken_virtual\.h5: train/features is virtual, and its source not_there\.h5 is missing' broken_virtual.h5
refused 66 '/dev/zero is a pipe or a device' --data /dev/zero --batch 16
ln -s loop.h5 "$work/loop.h5"
bad 66 '\.\./\.\./loop\.h5: Too many levels of symbolic links' loop.h5
mkfifo "$work/pipe.h5"
bad 66 '\.\./\.\./pipe\.h5 is a pipe or a device' pipe.h5
if [ "$(id -u)" != 0 ]; then
  cp "$work/numbers.h5" "$work/secret.h5" && chmod 000 "$work/secret.h5"
  bad 74 '\.\./\.\./secret\.h5: Permission denied' secret.h5
fi

accepted --data ../../numbers.h5 --batch 16 --steps 4 --lr 1e-2 --quiet
accepted --data ../../wide.h5 --batch 16 --steps 4 --lr 1e-2 --quiet
accepted --data ../../whole.h5 --batch 16 --steps 4 --lr 1e-2 --quiet
accepted --data '../../größe\, 数据.h5' --batch 16 --steps 4 --lr 1e-2 --quiet
accepted --data '../../größe\, 数据.h5,../../numbers.h5' --batch 16 --steps 4 --lr 1e-2 --quiet
accepted --data ../../floats.h5 --batch 16 --steps 4 --lr 1e-2 --quiet --model cnn
accepted --data ../../floats.h5 --batch 16 --steps 4 --lr 1e-2 --quiet --model cnn --normalize imagenet
accepted --data ../../floats.h5 --batch 16 --steps 4 --lr 1e-2 --quiet --model cnn --normalize none
accepted --data ../../virtual.h5 --batch 16 --steps 4 --lr 1e-2 --quiet

# said once, and only then
fastlr --data ../../virtual.h5 --batch 16 --steps 4 --lr 1e-2
[ "$(grep -c 'train/features is virtual: read through HDF5, which is slower' err)" = 1 ] || complain "$ranks ranks: virtual data: not said once"
rm -rf run/*
fastlr --data ../../numbers.h5 --batch 16 --steps 4 --lr 1e-2
grep -q 'read through HDF5' err && complain "$ranks ranks: plain data are said to be slow"
rm -rf run/*

# a file that grows while it is trained on
cp "$work/numbers.h5" "$work/growing.h5"
(
  for _ in $(seq 450); do grep -qs '"event": "epoch"' run/grown/metrics.jsonl && break; sleep 0.1; done
  printf more >>"$work/growing.h5"
) &
limit=60 fastlr --data ../../growing.h5 --batch 16 --epochs 1000000 --lr 1e-3 --quiet --checkpoint-every 1000000 --out grown
[ "$code" = 65 ] || complain "$ranks ranks: a growing file: exit code $code: $(own_words)"
grep -q 'growing.h5 changed while it was read: it had' <<<"$(own_words)" || complain "$ranks ranks: a growing file: $(own_words)"
finish
