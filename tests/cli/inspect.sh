#!/usr/bin/env bash
# What inspect says of files that are whole and of files that are not: text, JSON, exit code. usage: see common.sh
. "$(dirname "$0")/common.sh"
"$tools/test_cli.fixtures" "$work" || exit 1
"$tools/test_cli.reading_fixtures" "$work" || exit 1

# says WHAT CODE PATTERN ARGS..: inspect ARGS ends with that code, the pattern is in what it printed
says() {
  local what=$1 wanted=$2 pattern=$3
  shift 3
  fastlr inspect "$@"
  same "$what: exit code" "$wanted" "$code"
  grep -Eq -- "$pattern" out || complain "$what: \"$(head -c 1500 out)\" does not match \"$pattern\""
  same "$what: lines on standard error" "$((wanted != 0))" "$(own_words | wc -l)"
}
# spoil FILE TEXT: changes a byte where the file has this text
spoil() {
  local at
  at=$(grep -abo -m1 -- "$2" "$1" | head -1 | cut -d: -f1)
  printf '#' | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

fastlr --data ../../good.h5 --batch 16 --steps 12 --lr 1e-2 --quiet --out ../../trained --checkpoint-every 6
checkpoint=$(cd "$work/trained" && echo checkpoint-12.h5)
says 'a checkpoint' 0 '"whole":true,"checksums":"all",.*"phase":"training","progress":\{"step":12,"epoch":[0-9]+,.*"shards":'"$ranks"',"ranks":'"$ranks"',.*"schedule":\{"policy":"one-cycle","lr":\[0.01' \
  "../../trained/$checkpoint" --json
grep -q '"data":{"source":"../../good.h5","sample":"8x8x1 u8","classes":"4","train samples":"77",' out || complain "the fingerprint: $(head -c 1500 out)"
says 'a checkpoint for people' 0 '^whole +true$' "../../trained/$checkpoint"
grep -Eq '^  best_metric +[0-9.e-]+$' out || complain "a checkpoint for people has no metric: $(head -c 1500 out)"
says 'best.h5' 0 '"whole":true,"checksums":"all",.*"state":"weights"' ../../trained/best.h5 --json

cp "$work/trained/$checkpoint" "$work/spoilt.h5"
spoil "$work/spoilt.h5" 'train samples hash'
says 'a damaged checkpoint' 65 '"whole":false,"checksums":"all",.*"reason":"\.\./\.\./spoilt\.h5: the values of /dataset are not those that were written","damaged":"/dataset"' \
  ../../spoilt.h5 --json
own_words | grep -q '^fastlr_dist: ../../spoilt.h5: the values of /dataset are not those' || complain "a damaged checkpoint: $(own_words)"
says 'a damaged checkpoint for people' 65 '^/dataset .* DAMAGED$' ../../spoilt.h5
grep -Eq '^whole +false$' out || complain "a damaged checkpoint for people: $(head -c 300 out)"
head -c 6000 "$work/trained/$checkpoint" >"$work/short.h5"
says 'a file cut off' 65 '"whole":false,.*"reason":"../../short.h5 is damaged or cut off \(6000 bytes\): [^"]*","damaged":null}' ../../short.h5 --json
refused 65 '../../short.h5 is damaged or cut off' inspect ../../short.h5

says 'a data set' 0 '"kind":"dataset","whole":true,"checksums":"none"' ../../good.h5 --json
mkdir "$work/fruit"
printf 'kind,weight,sweetness\n' | tee "$work/fruit/train.csv" >"$work/fruit/valid.csv"
awk 'BEGIN { for (i = 0; i < 24; i++) print (i < 22 ? "apple" : "pear") "," i "," i / 4 }' >>"$work/fruit/train.csv"
printf 'pear,3,0.75\npear,3,0.5\n' >>"$work/fruit/valid.csv"
fastlr convert csv ../../fruit ../../fruit.h5 --label kind --quiet
says 'a data set that will hurt' 0 '"train":{"samples":24,"rarest_class":2,"commonest_class":22,"class_counts":\[22,2\],"values":\[0,23\],"constant":0,"repeated":0},"valid":{.*"values":\[0.5,3\],"constant":1,"repeated":0,"in_train":1}},"warnings":\["classes are unbalanced: the commonest has 11 times' \
  ../../fruit.h5 --json
says 'a data set that will hurt, for people' 0 '^warning: training labels are sorted in the file: --order sequential would' ../../fruit.h5
grep -q '^warning: 1 of 2 valid samples are in the training split too: ' out || complain "a data set that will hurt: $(tail -5 out)"
says 'values that are not finite' 0 '"whole":true,.*"warnings":\["1 training values are not finite: a run ends where it meets one"' ../../nan.h5 --json
says 'numbers' 0 '"reading":\{"sample":"float32","sample_bytes":24,"fast":true,"how":"rows in place","memory":\{"bytes":0\}\}' ../../wide.h5 --json
says 'virtual data' 0 '"reading":\{"sample":"float32","sample_bytes":24,"fast":false,"how":"through HDF5","why":"\.\./\.\./virtual\.h5: train/features is virtual","memory":\{"bytes":[0-9]+,' \
  ../../virtual.h5 --json
# what decoded blocks take: the same as training says
fastlr convert csv ../../fruit ../../packed.h5 --label kind --quiet --compress deflate --chunk-rows 1
few=(--window 2 --cache none --workers 1 --batch 16)
says 'blocks' 0 '"fast":true,"how":"chunks, decoded","memory":\{"bytes":[0-9]+,"batch":16,"threads":1,"blocks":26,"block_bytes":8,"window":2,"needed":10,"held":10\}' \
  ../../packed.h5 --json "${few[@]}"
says 'all blocks' 0 '"threads":[0-9]+,"blocks":26,"block_bytes":8,"window":24,"needed":26,"held":26\}' ../../packed.h5 --json
says 'too few blocks' 0 '"blocks":26,"block_bytes":8,"window":24,"needed":26,"held":[1-9]\}' ../../packed.h5 --json --cache none --workers 1 --cache-memory 8250
says 'blocks in file order' 0 '"window":0,"needed":7,"held":7\}' ../../packed.h5 --json "${few[@]}" --order sequential
says 'blocks for people' 0 '^    held +10$' ../../packed.h5 "${few[@]}"
if [ "$ranks" = 1 ]; then
  fastlr --data ../../packed.h5 "${few[@]}" --lr 1e-3 --steps 2 --verbose
  grep -q '^compressed data: 26 blocks of 0.00 MiB, 10 in memory .* 1 loader threads$' err || complain "training holds other blocks: $(grep blocks err)"
  rm -rf run/*
fi
# what axes are taken for, the same as in training
look='images are \[3, 8, 8\] in the file, taken as --axis-order nhwc says: 3x8 pixels with 8 channels; they look like --axis-order nchw'
says 'axes' 0 "\"sample_shape\":\[3,8,8\],\"axis_order\":\"nhwc\",.*\"warnings\":\[.*\"$look\"" ../../planes.h5 --json
says 'axes for people' 0 "^warning: $look\$" ../../planes.h5
fastlr inspect ../../planes.h5 --json --axis-order nchw
grep -q '"sample_shape":\[8,8,3\],"axis_order":"nchw"' out || complain "axes as told: $(head -c 600 out)"
grep -q 'they look like' out && complain 'axes as told are doubted'
says 'axes told wrong' 0 'images are \[8, 8, 1\] in the file, .*nchw says.*they look like --axis-order nhwc' ../../good.h5 --axis-order nchw
fastlr --data ../../planes.h5 --model mlp --batch 16 --steps 2 --lr 1e-3 --quiet
grep -Eq "^fastlr_dist: warning: ../../planes.h5: $look\$" err || complain "training says nothing of axes: $(own_words)"
rm -rf run/*
says 'labels and images that differ in number' 65 '"whole":false,.*"damaged":"/train/labels"' ../../lengths.h5 --json
says 'a label below 0' 65 '"whole":false,.*the label of row 5 is -1.*"damaged":"/train/labels"' ../../negative.h5 --json
says 'a label beyond the classes' 65 '"whole":false,.*"reason":"[^"]*a label is 7, class_names has 4 names' ../../beyond.h5 --json
refused 66 '../../missing.h5: No such file' inspect ../../missing.h5 --json

# two files side by side
earlier=../../trained/checkpoint-6.h5 later=../../trained/checkpoint-12.h5
says 'a file and itself' 0 '^equal$' --diff "$later" "$later"
says 'a file and itself, JSON' 0 '"equal":true,"tensors_equal":true,"only_a":\[\],"only_b":\[\],"shapes":\[\],"tensors":\[\],"schedule":\{\},"progress":\{\},"attributes":\{\},"config":\{\},"data":\{\}\}$' \
  --diff "$later" "$later" --json
says 'two steps' 0 '^values +/params/fc3.bias: [1-4] of 4; at most [0-9.e-]+, at \[[0-3]\]; relative [0-9.e-]+, at \[[0-3]\]$' --diff "$earlier" "$later"
grep -Eq '^progress +step: 6 and 12$' out || complain "two steps: $(head -c 3000 out)"
grep -q '^equal$' out && complain 'two steps are told to be equal'
says 'two steps, JSON' 0 '"equal":false,"tensors_equal":false,.*"name":"/params/fc3.bias","elements":4,"differing":[1-4],"absolute":[0-9.e-]+,"absolute_at":\[[0-3]\],"relative":.*"progress":\{.*"step":\[6,12\]' \
  --diff "$earlier" "$later" --json
fastlr --data ../../good.h5 --batch 16 --steps 12 --lr 2e-2 --hidden 32 --quiet --out ../../other
says 'two models' 0 '"only_a":\[.*"/params/fc3.bias".*"shapes":\[.*\{"name":"/params/fc1.bias","type_a":"float32","a":\[256\],"type_b":"float32","b":\[32\]\}.*"config":\{.*"hidden":\["256,128","32"\].*"lr":\["1e-2","2e-2"\]' \
  --diff "$later" ../../other/checkpoint-12.h5 --json
grep -q '"schedule":{"lr":\[\[0.01[0-9,.]*\],\[0.02[0-9,.]*\]\]}' out || complain "two models: no rates: $(grep -o '"schedule.\{200\}' out)"
refused 65 '../../spoilt.h5: the values of /dataset are not those' inspect --diff "$later" ../../spoilt.h5 --json
refused 66 '../../missing.h5: No such file' inspect --diff "$later" ../../missing.h5
refused 64 "inspect: a file's name is missing: fastlr_dist inspect FILE.h5 \| --diff A B" inspect --diff "$later"
refused 64 "inspect: $later is one too many: " inspect "$later" "$later"
refused 64 '--diff: eval does not take it: only inspect' eval --diff "$later"
finish
