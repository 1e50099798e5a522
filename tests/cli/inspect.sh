#!/usr/bin/env bash
# What inspect says of files that are whole and of files that are not: text, JSON, exit code. usage: see common.sh
. "$(dirname "$0")/common.sh"
"$tools/test_cli.fixtures" "$work" || exit 1

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
says 'labels and images that differ in number' 65 '"whole":false,.*"damaged":"/train/labels"' ../../lengths.h5 --json
says 'a label below 0' 65 '"whole":false,.*the label of row 5 is -1.*"damaged":"/train/labels"' ../../negative.h5 --json
says 'a label beyond the classes' 65 '"whole":false,.*"reason":"[^"]*a label is 7, class_names has 4 names' ../../beyond.h5 --json
refused 66 '../../missing.h5: No such file' inspect ../../missing.h5 --json
finish
