#!/usr/bin/env bash
# A build without liblz4 and libzstd refuses what needs them with how to get them, and does all else. usage: see common.sh
export FLR_PROGRAM=$2/test_cli.bare
[ -z "${ASAN_OPTIONS:-}" ] || export ASAN_OPTIONS=$ASAN_OPTIONS:detect_odr_violation=0 # its codecs are there twice, on purpose
. "$(dirname "$0")/common.sh"
export HDF5_PLUGIN_PRELOAD=:: # none: HDF5 cannot help out
"$tools/test_cli.reading_fixtures" "$work" || exit 1
printf 'a,b,label\n1,2,0\n3,4,1\n5,6,0\n7,8,1\n' >"$work/table.csv"

for name in LZ4:liblz4-dev zstd:libzstd-dev; do
  filter=${name%:*} package=${name#*:}
  what="\.\./\.\./${filter,,}\.h5: train/images is stored through the filter $filter, but this program was built without $filter: install $package and build again"
  refused 69 "$what" --data "../../${filter,,}.h5" --batch 16
  refused 69 "$what" inspect "../../${filter,,}.h5"
  refused 69 "--compress: this build lacks ${filter,,}: install $package and build again" \
    convert csv ../../table.csv out.h5 --compress "${filter,,}"
done
wait
fastlr backends
for codec in 'lz4 +no +built without LZ4: install liblz4-dev' 'zstd +no +built without zstd: install libzstd-dev' 'deflate +yes'; do
  grep -Eq "^codec +$codec" out || complain "backends: $codec: $(cat out)"
done
accepted convert csv ../../table.csv ../../deflate.h5 --compress deflate --quiet
accepted --data ../../deflate.h5 --batch 2 --steps 2 --lr 1e-3 --quiet --valid-fraction 0
accepted --data ../../numbers.h5 --batch 16 --steps 4 --lr 1e-2 --quiet
finish
