#!/usr/bin/env bash
# Training on compressed data: within the memory that was given, and the same on one rank and on two.
# shellcheck source=tests/train/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$work" || exit 1

rows=24000 # of 2 KiB: 47 MiB, five times the memory below
memory=9
mkdir idx
{
  printf '\x00\x00\x08\x03\x00\x00\x5d\xc0\x00\x00\x00\x20\x00\x00\x00\x40'
  head -c $((rows * 2048)) /dev/urandom
} >idx/train-images-idx3-ubyte
{
  printf '\x00\x00\x08\x01\x00\x00\x5d\xc0'
  head -c $rows /dev/zero | tr '\000' '\001'
} >idx/train-labels-idx1-ubyte
"$program" convert idx idx plain.h5 >/dev/null 2>&1 || fail "convert"
"$program" convert idx idx packed.h5 --compress deflate --compress-level 1 --chunk-rows 100 >/dev/null 2>&1 || fail "convert --compress"

# peak DATA ARGUMENTS...: the memory of a run at its peak, in KiB
peak() {
  local data=$1
  shift
  "$program" fit --data "$data" --model mlp --hidden 8 --lr 0.01 --epochs 1 --batch 64 --threads 1 --workers 2 --plot none --verbose --out run "$@" >log 2>&1 ||
    fail "fit --data $data: $(cat log)"
  rm -rf run
  sed -n 's/.*peak memory of rank 0: \([0-9]*\)\.\([0-9]\) MiB.*/\1 \2/p' log | { read -r whole tenth && echo $((whole * 1024 + tenth * 102)); }
}
plain=$(peak plain.h5)
packed=$(peak packed.h5 --window 16 --cache-memory ${memory}M)
grep -q "shuffled within 16 of 240 blocks" log || fail "no window: $(cat log)"
echo "peak memory: $plain KiB of contiguous data, $packed KiB of compressed data in ${memory}M"
[ $((packed - plain)) -le $((memory * 1024 + 2048)) ] || fail "$((packed - plain)) KiB more than without, of $((memory * 1024)) and 2048 to spare"

run=(--data packed.h5 --model mlp --hidden 8 --lr 0.01 --steps 40 --batch 48 --window 12 --shards 2 --deterministic)
train 1 "${run[@]}" --out one || fail "one rank"
train 2 "${run[@]}" --out two --workers 4 --cache none || fail "two ranks"
[ -n "$(losses one)" ] || fail "no losses"
[ "$(losses one)" = "$(losses two)" ] || fail "one rank and two differ: $(losses one | tail -1), $(losses two | tail -1)"
[ "$(weights one)" = "$(weights two)" ] || fail "weights of one rank and of two differ"
echo passed
