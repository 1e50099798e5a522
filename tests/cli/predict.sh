#!/usr/bin/env bash
# Predictions: every sample of the split in its order, probabilities that give eval's loss and error rate. usage: see common.sh
. "$(dirname "$0")/common.sh"
"$tools/test_cli.fixtures" "$work" || exit 1
(cd run && "$program" --data ../../named.h5 --model cnn --batch 16 --steps 2 --lr 1e-3 --quiet --plot none --out ../../trained) ||
  complain 'no checkpoint was made'
checkpoint=../../trained/final.h5
settings=(--valid-fraction 0 --split train --threads 1 --batch 10) # the whole file; 9 full batches and one of 6

fastlr predict $checkpoint --csv "${settings[@]}"
same 'predict: exit code' 0 "$code"
same 'predict: header' index,label,predicted,p0,p1,p2,p3 "$(head -1 out)"
same 'predict: labels in file order' "$(seq 0 95 | awk '{ print $1 "," $1 % 4 }')" "$(tail -n +2 out | cut -d, -f1,2)"
# sums of 1, the largest one predicted; the error rate and the mean of -log p[label]
found=$(tail -n +2 out | awk -F, '{
  sum = best = 0
  for (c = 0; c < 4; c++) { sum += $(4 + c); if ($(4 + c) > $(4 + best)) best = c }
  bad += (sum - 1) ^ 2 > 1e-12 || best != $3 || NF != 7
  wrong += $3 != $2
  loss -= log($(4 + $2))
} END { printf "%d %.17g %.17g", bad, wrong / NR, loss / NR }')
read -r bad error_rate loss <<<"$found"
same 'predict: rows that do not add up' 0 "$bad"
digits=$(tail -n +2 out | grep -Ec '[0-9]{14,}')
[ "$digits" -gt 80 ] || complain "predict: $digits of 96 rows have a number of many digits: $(sed -n 2p out)"
cp out "$work/predictions"

fastlr eval $checkpoint --json "${settings[@]}"
same 'predict and eval' 1 "$(sed 's/.*"loss":\([^,]*\),"error_rate":\([^,]*\),.*/\1 \2/' out |
  awk -v loss="$loss" -v errors="$error_rate" '{ print (($1 - loss) ^ 2 < 1e-10 && ($2 - errors) ^ 2 < 1e-20 && $1 > 0) }')"

# as many shards on one rank give the same table
(cd run && "$program" predict $checkpoint --csv "${settings[@]}" --shards "$ranks") >"$work/alone" 2>"$work/words"
cmp -s "$work/alone" "$work/predictions" || complain "predict on $ranks ranks and on one differ: $(diff "$work/alone" "$work/predictions" | head -4)"
# fewer samples in the last batch than ranks
fastlr predict $checkpoint --csv "${settings[@]}" --batch 19 --shards "$ranks"
same 'predict with a batch of one sample' "$(cut -d, -f1-3 "$work/predictions")" "$(cut -d, -f1-3 out)"

# for people: names, and the split that eval takes too
fastlr predict $checkpoint
same 'predict: rows of the validation split' '0 20' "$code $(wc -l <out)"
same 'predict: names' 'ant bee cat dog' "$(tail -n +2 out | awk '{ print $2 }' | sort -u | xargs)"
same 'predict: wrong ones are marked' "$(tail -n +2 out | awk '$2 != $3' | wc -l)" "$(grep -c ' wrong$' out)"
words=$(own_words | tail -1)
fastlr eval $checkpoint
same 'the last word of predict' "$(head -1 out | sed 's/ loss [^,]*,//; s/, accuracy.*//')" "$words"
# eval's most confused pairs are those that predictions come to, by name where the data have names
pairs() { # NAMES..: of the table in ./out
  tail -n +2 out | awk -F, -v names="$*" 'BEGIN { split(names, name, " ") } $2 != $3 { n[$2 "," $3]++ }
    END { for (p in n) { split(p, c, ","); print n[p], c[1], c[2], name[c[1] + 1], name[c[2] + 1], n[p] } }' |
    sort -k1,1nr -k2,2n -k3,3n | cut -d' ' -f4-
}
fastlr predict $checkpoint --csv --split train
pairs ant bee cat dog | head -5 >"$work/named"
[ -s "$work/named" ] || complain 'predict: no sample is wrong'
fastlr eval $checkpoint --split train
same 'eval: the most confused, by name' "$(cat "$work/named")" "$(tail -n +4 out | xargs -n3)"
same 'eval: their heading' 'most confused: label predicted samples' "$(sed -n 2,3p out | xargs)"
(cd run && "$program" --steps 6 --lr 3e-3 --quiet --plot none --out ../../digits) || complain 'no checkpoint of the digits was made'
fastlr predict ../../digits/final.h5 --csv
pairs 0 1 2 3 4 5 6 7 8 9 >"$work/digits_pairs"
[ "$(wc -l <"$work/digits_pairs")" -gt 5 ] || complain "eval: only $(wc -l <"$work/digits_pairs") pairs to choose from"
fastlr eval ../../digits/final.h5
same 'eval: the five most confused' "$(head -5 "$work/digits_pairs")" "$(tail -n +4 out | xargs -n3)"
fastlr predict $checkpoint --quiet
same 'predict --quiet' '0 0 20' "$code $(own_words | wc -l) $(wc -l <out)"

if [ -c /dev/full ] && [ "$ranks" = 1 ]; then # a launcher takes the output of more
  (cd run && timeout 60 "$program" predict $checkpoint --csv --quiet) >/dev/full 2>err </dev/null
  same 'predict on a full disk' '74 fastlr_dist: cannot write to standard output: No space left on device' "$? $(own_words)"
fi
refused 66 '.*named.h5 has no test split: give another --split' predict $checkpoint --split test
refused 66 '../../missing.h5: No such file or directory' predict ../../missing.h5
finish
