#!/usr/bin/env bash
# schedule: golden rows (fastai v1's one-cycle in double precision), forms of rates, its answer within 50 ms. usage: see common.sh
. "$(dirname "$0")/common.sh"

# rows WHAT "STEP LR.. MOMENTUM".. : these rows of ./out to 1e-14
rows() {
  local what=$1 row
  shift
  for row in "$@"; do
    awk -F, -v wanted="$row" '
      BEGIN { n = split(wanted, w, " ") }
      $1 == w[1] { found = 1; for (i = 2; i <= n; i++) if (($i - w[i])^2 > (1e-14 * w[i])^2 || NF != n) bad = 1; line = $0 }
      END { if (!found || bad) { print "found " line; exit 1 } }' out || complain "$what: wanted $row"
  done
}

fastlr schedule --steps 100 --lr 1e-2
same 'header' 'step,lr,momentum' "$(head -1 out)"
same 'lines' 101 "$(wc -l <out)"
rows 'one-cycle' '0 4e-4 .95' '1 4.262949022322878e-4 .9497260947684136' '29 9.973705097767712e-3 .8502739052315863' '30 1e-2 .85' \
  '65 5.00002e-3 .9' '99 5.07464715475788e-6 .9499496533270657'
default=$(cat out)
fastlr schedule --steps 100 --lr 1e-2 --policy one-cycle --div-factor 25 --pct-start 0.3 --final-div 250000 --moms 0.95,0.85 --csv
same 'the defaults said aloud' "$default" "$(cat out)"
fastlr schedule --steps 100 --lr 1e-2 --policy one-cycle-v2
rows 'v2' '0 4e-4 .95' '1 4.378494336905042e-4 .9496057350657239' '25 1e-2 .85' '62 5.104761052295791e-3 .8989528790058321' \
  '99 4.485805647213027e-6 .9499561415049429'
fastlr schedule --steps 100 --lr 1e-2 --policy one-cycle-torch
rows 'torch' '1 4.2813780565907275e-4 .9497068978577179' '29 1e-2 .85' '65 4.775696745544034e-3 .9022432415175257' '99 4e-8 .95'
fastlr schedule --steps 100 --lr 1e-2 --policy one-cycle-torch3
rows 'torch, three phases' '29 1e-2 .85' '58 4e-4 .95' '59 3.994132189207244e-4 .95' '99 4e-8 .95'
fastlr schedule --steps 100 --lr .8 --policy annihilate
rows 'annihilate' '0 .08 .95' '1 .096 .9477777777777777' '45 .8 .85' '67 .448 .8988888888888888' '91 .07208 .95' '99 .00872 .95'
fastlr schedule --steps 100 --lr 1 --policy flat-cos --final-div 10
rows 'flat, then cosine' '74 1 .9' '75 1 .9' '99 0.10354838440848502 .9'
fastlr schedule --steps 70 --lr 1 --policy sgdr --moms 0.8
rows 'restarts' '0 1 .8' '5 .5 .8' '10 1 .8' '20 .5 .8' '30 1 .8'
fastlr schedule --policy fine-tune --steps 60 --epochs 3 --lr 2e-3 --groups 3
same 'lines of both phases' 81 "$(wc -l <out)"
rows 'fine-tune' '0 8e-6 8e-6 8e-5 .95' '19 .00019922766203175636 .00019922766203175636 .0019922766203175637 .85040225935846026' \
  '20 2e-6 2e-5 2e-4 .95' '38 1e-5 1e-4 1e-3 .85' '44 9.5048492910687014e-06 9.5048492910687e-05 .00095048492910687003 .85495155660487898'
fastlr schedule --policy fine-tune --steps 100 --epochs 10 --freeze-epochs 3 --lr 1 --groups 2 --lr-mult 4 --div-factor 10 --pct-start 0.5 --final-div 100
same 'lines after three frozen epochs' 131 "$(wc -l <out)"
rows 'fine-tune as told' '0 .004 .04 .95' '30 .0125 .05 .95' '80 .125 .5 .85'
fastlr schedule --steps 100 --epochs 10 --lr 1e-2 --policy one-cycle-v2
whole=$(tail -n +2 out)
fastlr schedule --steps 40 --epochs 4 --tot-epochs 10 --lr 1e-2 --policy one-cycle-v2
parts=$(tail -n +2 out)
fastlr schedule --steps 100 --epochs 10 --start-epoch 4 --tot-epochs 10 --lr 1e-2 --policy one-cycle-v2
same 'a cycle in two parts' "$whole" "$parts"$'\n'"$(tail -n +2 out)"
fastlr schedule --steps 10 --lr 1e-5:1e-3 --groups 3 --policy constant
same 'header of groups' 'step,lr0,lr1,lr2,momentum' "$(head -1 out)"
rows 'a slice' '0 1e-5 1e-4 1e-3 .9' '9 1e-5 1e-4 1e-3 .9'
fastlr schedule --steps 4 --lr :1e-3 --groups 3 --policy constant --moms 0.5
rows 'the last group at full rate' '3 1e-4 1e-4 1e-3 .5'
fastlr schedule --steps 2 --lr 1,2,3 --groups 3 --policy constant
rows 'a list' '1 1 2 3 .9'
fastlr schedule --steps 3 --lr 0
rows 'a rate of 0' '2 0 .875'
fastlr schedule --steps 1 --lr 1
same 'one step' 2 "$(wc -l <out)"

best=1000000000
for _ in 1 2 3 4 5; do
  began=$(date +%s%N)
  "$program" schedule --steps 100 --lr 1e-2 >/dev/null
  took=$(($(date +%s%N) - began))
  [ "$took" -ge "$best" ] || best=$took
done
echo "schedule answers within $((best / 1000)) us"
[ "$best" -lt 50000000 ] || complain "schedule took $((best / 1000)) us, wanted at most 50000"
finish
