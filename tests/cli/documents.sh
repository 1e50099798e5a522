#!/usr/bin/env bash
# The JSON documents and tables: exactly the documented fields, 17 digits, null and nan. usage: see common.sh
. "$(dirname "$0")/common.sh"
"$tools/test_cli.fixtures" "$work" || exit 1

# shape WHAT WANTED: ./out is one JSON document with exactly these fields
shape() {
  local found
  found=$("$tools/test_cli.json_shape" <out) || complain "$1: $(head -c 300 out)"
  same "$1: exit code" 0 "$code"
  same "$1: one line" 1 "$(wc -l <out)"
  same "$1: fields" "$2" "$found"
}
rules() { # PREFIX KIND: every rule's fields, the rate (and the consensus' spread) of that kind
  for rule in valley steepest minimum slide consensus; do printf '%s.%s.lr %s\n%s.%s.status string\n' "$1" $rule "$2" "$1" $rule; done
  printf '%s.consensus.spread %s\n' "$1" "$2"
}
# with repeats: spread, and what they gave
wide_rules() {
  for rule in valley steepest minimum slide consensus; do
    printf '%s.%s.lr number\n%s.%s.status string\n' "$1" $rule "$1" $rule
    for field in spread low high repeats; do printf '%s.%s.%s number\n' "$1" $rule $field; done
  done
}
suggestions() { printf '.points number\n.verdict string\n%s' "$(rules .suggestions "$1")"; }
curve=$'.lr[] number\n.loss[] number\n.smooth[] number'

fastlr find --json --out found
shape find "$(suggestions number)
$curve"
same 'points and columns of find' 'true' "$(awk 'BEGIN { RS = "[[{]" } /^[-0-9.e+,null]+\]/ { sub(/\].*/, ""); n[++k] = gsub(/,/, ",") } END { print (k == 3 && n[1] > 10 && n[1] == n[2] && n[2] == n[3] ? "true" : "false") }' out)"
tail -n +2 run/found/sweep.csv | cut -d, -f1-3 >"$work/file.csv"
rm -rf run && mkdir run
fastlr find --csv --out found
same 'find --csv: header' lr,loss,smooth "$(head -1 out)"
same 'find --csv and sweep.csv' "$(cat "$work/file.csv")" "$(tail -n +2 out)"
own_words >"$work/words"
same 'what find says at its end' 'run directory: found' "$(tail -1 "$work/words")"
cp run/found/sweep.h5 run/found/sweep.csv "$work/"

# the error bar in sweep.h5 and in metrics.jsonl
if command -v h5dump >/dev/null; then
  same 'spread in sweep.h5' "$(sed -n 's/.*"consensus": {.*"spread":\([^}]*\)}.*/\1/p' run/found/metrics.jsonl)" \
    "$(h5dump -m %.17g -a /sweep/suggestions/consensus/spread run/found/sweep.h5 | sed -n 's/^ *(0): *//p')"
fi

# the curve's file gives what the sweep gave, smoothed the same way and as many points left out
fastlr suggest ../../sweep.csv --smooth 0.98 --trim-start 10 --csv
tail -n +2 out | awk -F, '{ printf "%-9s %.3g\n", $1, $2 }' >"$work/again"
sed -n 's/^  \([a-z]* *[-0-9.e+]*\).*/\1/p' "$work/words" | head -5 >"$work/told"
same 'find and suggest' "$(cat "$work/told")" "$(cat "$work/again")"

# three sweeps: bands and each of them, in all forms
bands=$'.low[] number\n.high[] number\n.smooth_low[] number\n.smooth_high[] number'
rm -rf run && mkdir run
fastlr find --json --sweep-repeats 3 --sweep-iters 40 --sweep-start 1e-4 --sweep-end 0.1 --batch 256 --out wide
shape 'find of repeats' "$(printf '.points number\n.verdict string\n%s' "$(wide_rules .suggestions)")
$curve
$bands
$(printf '.repeats[].points number\n.repeats[].verdict string\n%s' "$(rules .repeats[].suggestions number)")
.repeats[].loss[] number"
cp out "$work/wide.json"
same 'sweep.csv of repeats: header' lr,loss,smooth,se,samples,low,high,smooth_low,smooth_high,loss1,loss2,loss3 "$(head -1 run/wide/sweep.csv)"
same 'the median and the band in sweep.csv' '' "$(awk -F, 'NR > 1 { low = $10; high = $10; for (i = 11; i <= 12; i++) { if ($i < low) low = $i; if ($i > high) high = $i }
  if ($6 != low || $7 != high || $2 != $10 && $2 != $11 && $2 != $12 || $2 < low || $2 > high || $3 < $8 || $3 > $9 || $5 != 768) print NR }' run/wide/sweep.csv)"
grep '"event": "sweep"' run/wide/metrics.jsonl | sed 's/.*"time": [^,]*, /{/' >out
same 'sweep events of repeats' $'.high number\n.i number\n.loss number\n.losses[] number\n.low number\n.lr number\n.smooth number\n.smooth_high number\n.smooth_low number' \
  "$("$tools/test_cli.json_shape" lines <out | LC_ALL=C sort)"
grep '"event": "suggest"' run/wide/metrics.jsonl | sed 's/.*"time": [^,]*, /{/' | sed 's/ //g; s/,"picked.*/}/' >"$work/event"
same 'the suggest event and find' "$(sed 's/.*"suggestions":\({.*}\),"lr":\[.*/\1/; s/,"lr":\[.*//' "$work/wide.json")" "$(cat "$work/event")"
fastlr suggest wide/sweep.csv --csv --smooth 0.98 # which passes over the columns it does not know
same 'suggest of a curve with bands' '0 6' "$code $(wc -l <out)"
same 'consensus of a curve with bands' "$(sed 's/.*"consensus":{"lr":\([^,]*\),.*/\1/' "$work/event")" \
  "$(sed -n 's/^consensus,\([^,]*\),.*/\1/p' out)"
fastlr find --csv --sweep-repeats 3 --sweep-iters 40 --sweep-start 1e-4 --sweep-end 0.1 --batch 256 --out again
same 'find --csv of repeats' "$(cut -d, -f1-3,6- run/wide/sweep.csv)" "$(cat out)"
if command -v h5dump >/dev/null; then
  for k in 1 2 3; do
    same "repeat $k in sweep.h5" "$(cut -d, -f$((9 + k)) run/wide/sweep.csv | tail -n +2 | grep -v nan | head -20)" \
      "$(h5dump -y -w 1 -m %.17g -d /sweep/repeats/$k/loss run/wide/sweep.h5 | sed -n 's/^ *\([-0-9][-0-9.e+]*\),*$/\1/p' | head -20)"
  done
fi

# decays that are compared: each curve and what it tells, the one that was taken above them
rm -rf run && mkdir run
fastlr find --json --sweep-wd 1e-4,0 --sweep-iters 40 --sweep-start 1e-4 --sweep-end 0.1 --batch 256 --optimizer sgd --out wd
shape 'find of decays' "$(suggestions number)
$curve
$(printf '.decays[].%s\n' 'wd number' 'points number' 'verdict string' 'least_loss number' 'least_lr number' 'highest_lr number')
$(rules .decays[].suggestions number)
.decays[].lr[] number
.decays[].loss[] number
.decays[].smooth[] number
.wd number"
same 'sweep-wd.csv' 'wd,points,verdict,least_loss,least_lr,highest_lr,lr,taken 3 1' \
  "$(head -1 run/wd/sweep-wd.csv) $(wc -l <run/wd/sweep-wd.csv) $(cut -d, -f8 run/wd/sweep-wd.csv | grep -c 1)"
same 'the table of decays' 3 "$(own_words | grep -A2 '^  weight decay   least loss   at rate   highest rate   consensus$' | wc -l)"
taken=$(awk -F, '$8 == 1 { print $1 }' run/wd/sweep-wd.csv)
same 'the decay that was taken' "$taken $taken" \
  "$(sed 's/.*"wd":\([^,}]*\)}$/\1/' out) $(sed -n 's/^{"event": "suggest".*"wd": \([^,}]*\)}$/\1/p' run/wd/metrics.jsonl)"
same 'its curve in sweep.csv' "$(awk -F, '$8 == 1 { print $2 }' run/wd/sweep-wd.csv)" "$(tail -n +2 run/wd/sweep.csv | wc -l)"
if command -v h5dump >/dev/null; then
  same 'decays in sweep.h5' '0.0001 0' "$(for k in 1 2; do h5dump -m %g -a /sweep/decays/$k/wd run/wd/sweep.h5 | sed -n 's/^ *(0): *//p'; done | paste -sd' ')"
fi

# a sweep that ends in what is not finite: null in JSON, nan in tables, exit code 0
rm -rf run && mkdir run
fastlr find --json --quiet --out f --sweep-start 1e25 --sweep-end 1e38 --sweep-stop 0 --optimizer sgd
shape 'find without a usable rate' "$(suggestions null)
.lr[] number
.loss[] number
.loss[] null
.smooth[] number
.smooth[] null"
grep -q '"verdict":"nonfinite"' out || complain "a sweep that is not finite: $(head -c 200 out)"
grep -q ',nan,' run/f/sweep.csv || complain "sweep.csv of a sweep that is not finite: $(tail -2 run/f/sweep.csv)"
grep '"event": "sweep"' run/f/metrics.jsonl | tail -1 | grep -q '"loss": null' || complain 'metrics.jsonl of a sweep that is not finite'

fastlr suggest ../../sweep.csv --json
shape suggest "$(suggestions number)"
grep -q '"verdict":"diverged"' out || complain "suggest of a sweep that diverged: $(head -c 60 out)"
fastlr schedule --json --steps 5 --lr 1e-2
shape schedule $'[].step number\n[].lr number\n[].momentum number'
fastlr schedule --json --steps 5 --lr 1e-3:1e-2 --groups 2
shape 'schedule of groups' $'[].step number\n[].lr[] number\n[].momentum number'
fastlr backends --json
shape backends $'[].kind string\n[].name string\n[].available bool\n[].description string'
fastlr backends
same 'backends for people' 0 "$code"

if [ -c /dev/full ]; then
  for command in 'schedule --steps 5 --lr 1' 'backends --json' --help; do
    # shellcheck disable=SC2086
    words=$("$program" $command 2>&1 >/dev/full)
    same "a full disk under $command" '74 fastlr_dist: cannot write to standard output: No space left on device' "$? $words"
  done
fi

fastlr --data ../../good.h5 --batch 16 --steps 8 --lr 1e-2 --quiet --out ../../trained
fastlr eval ../../trained/final.h5 --json
shape eval $'.split string\n.samples number\n.loss number\n.error_rate number\n.accuracy number\n.confusion[][] number'
same 'eval: split and samples' '{"split":"valid","samples":19' "$(cut -d, -f1,2 out)"
# rows are labels: their sums are the validation split's classes, the diagonal the accuracy
same 'eval: the confusion matrix' 1 "$(sed 's/.*"accuracy":\([^,]*\),"confusion":\[\[\(.*\)\]\]}/\1 \2/; s/\],\[/ /g' out |
  awk '{ for (r = 2; r <= NF; r++) { n = split($r, c, ","); good += c[r - 1]; for (k = 1; k <= n; k++) all += c[k] } print ((good / all - $1)^2 < 1e-20 && NF == 5 && all == 19) }')"
fastlr eval ../../trained/final.h5 --split train --json
same 'eval --split train' '{"split":"train","samples":77' "$(cut -d, -f1,2 out)"

# a file that lacks the last classes is evaluated with the checkpoint's number of them
fastlr --steps 2 --lr 1e-3 --quiet --out ../../ten
fastlr eval ../../ten/final.h5 --data ../../good.h5 --json
same 'eval of ten classes on data with four' '0 10' "$code $(grep -o '\],\[\|\]\]' out | wc -l)"

sets=$'.datasets[].name string\n.datasets[].type string\n.datasets[].shape empty\n.datasets[].storage string\n.datasets[].bytes number\n.datasets[].nonfinite number\n.datasets[].whole bool\n.datasets[].shape[] number'
head=$'.file string\n.kind string\n.whole bool\n.checksums string'
fastlr inspect ../../trained/final.h5 --json
shape 'inspect of a checkpoint' "$head"$'\n.format_version number\n.program_version string\n.state string\n.model string\n.classes number\n.steps number\n.parameters number\n.config string\n'"$sets"
grep -q '"model":"mlp","classes":4,"steps":8,"parameters":50052,' out || complain "inspect of a checkpoint: $(cut -c1-200 out)"
fastlr inspect ../../sweep.h5 --json
shape 'inspect of a sweep' "$head"$'\n.format_version number\n.config string\n'"$sets"
fastlr inspect ../../good.h5 --json
shape 'inspect of a data set' "$head"$'\n.sample_shape[] number\n.axis_order string\n.classes number\n.reading.sample string\n.reading.sample_bytes number\n.reading.fast bool\n.reading.how string\n.reading.memory.bytes number\n.splits.train.samples number\n.splits.train.rarest_class number\n.splits.train.commonest_class number\n.splits.train.class_counts[] number\n.splits.train.values[] number\n.splits.train.repeated number\n.splits.valid.samples number\n.splits.valid.rarest_class number\n.splits.valid.commonest_class number\n.splits.valid.class_counts[] number\n.splits.valid.values[] number\n.splits.valid.repeated number\n.splits.valid.in_train number\n.warnings empty\n.mean[] number\n.std[] number\n'"$(sed '/shape empty/d; s/^\(.datasets\[\].type string\)$/\1\n.datasets[].shape[] number/; $d' <<<"$sets")"
fastlr inspect ../../foreign.h5 --json
grep -q '"kind":"unknown","whole":true' out || complain "inspect of a foreign file: $(cut -c1-200 out)"
fastlr inspect ../../trained/final.h5
same 'inspect for people' 0 "$code"
finish
