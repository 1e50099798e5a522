#!/usr/bin/env bash
# eval and predict on images of float32 and float16 give what they give on the same images as bytes, but for rounding.
# usage: see common.sh
. "$(dirname "$0")/common.sh"
"$tools/test_cli.reading_fixtures" "$work" || exit 1
settings=(--split valid --threads 1 --batch 10)

# numbers: of predict's table in ./out, behind index and label, and eval's loss and errors from ./evaluated
numbers() {
  sed 's/.*"loss":\([^,]*\),"error_rate":\([^,]*\),.*/loss \1 \2/' evaluated
  tail -n +2 out | tr ',' ' '
}
# told NAME CHECKPOINT: what the program says of that twin, in $work/NAME
told() {
  fastlr eval "../../$2/final.h5" --data "../../twin_$1.h5" --json "${settings[@]}"
  same "eval of $1 by $2: exit code" 0 "$code"
  cp out evaluated
  fastlr predict "../../$2/final.h5" --data "../../twin_$1.h5" --csv "${settings[@]}"
  same "predict of $1 by $2: exit code: $(own_words)" 0 "$code"
  numbers >"$work/$1"
}
# near NAME FAR: its numbers are those of the bytes, at most FAR away, for as many samples
near() {
  same "$1: samples" "$(wc -l <"$work/uint8")" "$(wc -l <"$work/$1")"
  same "$1: numbers that are far from those of bytes" 0 "$(paste -d' ' "$work/uint8" "$work/$1" | awk -v far="$2" '{
    half = NF / 2
    for (i = 1; i <= half; i++) {
      d = $i - $(half + i)
      if (d > far || d < -far) bad++
    }
  } END { print bad + 0 }')"
}

# weights that bytes made, and weights that numbers made: either normalises all of them alike
for source in uint8 float32; do
  (cd run && "$program" --data "../../twin_$source.h5" --valid-fraction 0.3 --model cnn --batch 16 --steps 8 --lr 1e-3 --quiet --plot none \
    --out "../../by_$source") || complain "$source: no checkpoint was made"
  for twin in uint8 float32 float16; do told $twin by_$source; done
  same "by_$source: rows" 20 "$(wc -l <"$work/uint8")"
  near float32 1e-5
  near float16 5e-3
done
# what is compared could differ: samples and their probabilities are no constants
[ "$(tail -n +2 "$work/uint8" | cut -d' ' -f4- | sort -u | wc -l)" -gt 10 ] || complain 'predictions do not depend on the sample'
finish
