#!/usr/bin/env bash
# convert: compression, chunks and checksums of what is written, and what damage does. usage: see common.sh
. "$(dirname "$0")/common.sh"

{
  echo a,b,label
  for ((i = 0; i < 6000; i++)); do echo "$((i % 50)).5,$((i / 3)),$((i % 3))"; done
} >"$work/table.csv"
codecs=$("$program" backends | awk '$1 == "codec" && $3 == "yes" { print $2 }')
for codec in none $codecs; do
  accepted convert csv ../../table.csv "../../$codec.h5" --compress "$codec" --chunk-rows 500 --quiet
  accepted --data "../../$codec.h5" --batch 16 --steps 2 --lr 1e-3 --quiet
  fastlr inspect "../../$codec.h5"
  grep -Eq '^checksums +all' out || complain "inspect $codec: $(cat out)"
  grep -q "/train/features .*chunked,.* fletcher32 .*in chunks of \[500, 2\]" out || complain "inspect $codec: $(cat out)"
done
accepted convert csv ../../table.csv ../../plain.h5 --checksum off --quiet
fastlr inspect ../../plain.h5
grep -Eq '^checksums +none' out || complain "inspect of a file without checksums: $(cat out)"
accepted convert csv ../../table.csv ../../plain.h5 --quiet
fastlr inspect ../../plain.h5
grep -Eq '^checksums +all' out || complain "inspect: $(cat out)"

# HDF5's own tool reads what it has filters for
plugins=$(find /usr/lib/*/hdf5/serial/plugins -name 'libh5lz4.so' -printf '%h\n' 2>/dev/null | head -1)
dump() { HDF5_PLUGIN_PATH=$plugins h5dump -y -w 100 -d /train/features "$work/$1.h5" | sed -n '/DATA {/,/}/p; /ATTRIBUTE/q'; }
for codec in none deflate ${plugins:+lz4}; do
  [ -e "$work/$codec.h5" ] || continue
  same "h5dump of $codec" "$(dump plain | cksum)" "$(dump "$codec" | cksum)"
done

# a byte changed in a file of either kind
damage() { # FILE OFFSET
  printf '\xa5' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
cp "$work/plain.h5" "$work/bad.h5"
damage "$work/bad.h5" $(($(stat -c %s "$work/bad.h5") - 30000))
fastlr inspect ../../bad.h5
[ "$code" = 65 ] || complain "damage is not seen: $(cat out)"
grep -q 'bad.h5: the values of /train/[a-z]* are not those that were written' err || complain "damage: $(own_words)"
for codec in $codecs; do
  cp "$work/$codec.h5" "$work/bad_$codec.h5"
  damage "$work/bad_$codec.h5" $(($(stat -c %s "$work/bad_$codec.h5") * 9 / 10))
  fastlr inspect "../../bad_$codec.h5"
  [ "$code" = 65 ] || complain "damage to $codec is not seen: $(cat out)"
done
# met in training, whichever rank reads it: a checksum that is wrong, and without checksums a chunk that does not decode (deflate looks)
met() { # FILE PATTERN
  cp "$work/$1.h5" "$work/met.h5"
  for ((i = 0; i < 40; i++)); do damage "$work/met.h5" $(($(stat -c %s "$work/met.h5") - 300 + i)); done # chunks are written last
  for ranks in 1 2; do
    limit=60 fastlr --data ../../met.h5 --batch 16 --epochs 1 --lr 1e-3 --quiet
    [ "$code" = 65 ] || complain "$ranks ranks, $1 damaged: exit code $code: $(own_words)"
    [ "$(own_words | grep -Ec "^fastlr_dist: .*met\.h5: train/features: chunk 1*[0-9] \(rows [0-9]* to [0-9]*\) is damaged: .*$2")" = 1 ] ||
      complain "$ranks ranks, $1 damaged: $(own_words)"
    rm -rf run && mkdir run
  done
  ranks=1
}
for codec in $codecs; do met "$codec" checksum; done
accepted convert csv ../../table.csv ../../bare.h5 --compress deflate --chunk-rows 500 --checksum off --quiet
met bare 'deflate cannot decode it'
refused 64 '--compress: bzip2 is not allowed' convert csv ../../table.csv out.h5 --compress bzip2
refused 64 '--compress-level: 10 is not allowed for deflate: 1 to 9' convert csv ../../table.csv out.h5 --compress deflate --compress-level 10
refused 64 '--compress-level: nothing is compressed' convert csv ../../table.csv out.h5 --compress-level 3
wait
# a disk that is full while chunks are written; launchers meet a limit themselves
[ "$ranks" -gt 1 ] || (trap '' XFSZ && ulimit -f 1040 && try_refused 74 'cannot write out\.h5: File too large: it takes 1\.[0-9] MB' convert csv ../../table.csv out.h5 --compress deflate --chunk-rows 10)
finish
