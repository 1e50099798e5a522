#!/usr/bin/env bash
# The plots that a run draws by itself: at its end as pictures, with --plot terminal as text while it goes on. usage: see common.sh
. "$(dirname "$0")/common.sh"
command -v gnuplot >/dev/null || { echo 'there is no gnuplot here'; exit 77; }
pictures() { (cd "run/$1" && echo *.png *.svg | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/ $//'); }
mkdir "$work/bin" # without a gnuplot

# ---- while a run goes on: into a file after 1, 2, 4, .. epochs and the last, in plain text
COLUMNS=70 fastlr --epochs 5 --lr 1e-2 --plot terminal --out r
same 'a run with plots: exit code' 0 "$code"
same 'plots after epochs' 'epoch 1 plot epoch 2 plot epoch 3 epoch 4 plot epoch 5 plot' \
  "$(sed -n 's/^\(epoch [0-9]\).*/\1/p; s/^ *mlp, batch 64: loss$/plot/p' err | tr '\n' ' ' | sed 's/ $//')"
LC_ALL=C grep -q '[^ -~]' err && complain 'plots of a run: not plain ASCII'
[ "$(grep -v samples/s err | grep -v ' parameters; ' | wc -L)" -lt 70 ] || complain "plots of a run: too wide: $(grep -v samples/s err | wc -L)"
same 'pictures of a run' 'loss.png loss.svg schedule.png schedule.svg' "$(pictures r)"
fastlr plot r --out p
for file in loss.svg schedule.svg loss.png schedule.png; do cmp run/r/$file run/p/$file || complain "$file: drawn again it is another"; done
fastlr --epochs 1 --lr 1e-2 --plot none --out none
same 'plot none' '' "$(cd run/none && find . -name '*.svg' -o -name '*.png')"
fastlr --epochs 1 --lr 1e-2 --plot terminal --out quiet --quiet
same 'plots of a quiet run' '' "$(own_words)"
(cd run && PATH=$work/bin "$program" --epochs 1 --lr 1e-2 --out bare --quiet) >out 2>err
same 'a run without gnuplot' "0 fastlr_dist: warning: no plots of the run: there is no gnuplot in PATH: install it to get plots, or ask for none with --plot none" \
  "$? $(own_words)"
(cd run && PATH=$work/bin "$program" --epochs 1 --out bare --quiet) >out 2>err
same 'a sweep and a run without gnuplot: one warning' "0 1" "$? $(own_words | wc -l)"

# ---- in progress, killed, and resumed: drawn at any time
(cd run && exec "$program" --model cnn --batch 16 --steps 200 --lr 1e-3 --out k --log-every 1 --checkpoint-every 4 --quiet --plot none) &
pid=$!
for _ in $(seq 600); do
  [ "$(grep -c '"event": "checkpoint"' run/k/metrics.jsonl 2>/dev/null)" -ge 2 ] 2>/dev/null && break
  sleep 0.05
done
fastlr plot k --out k1
same 'a run in progress' '0 loss.png loss.svg schedule.png schedule.svg' "$code $(pictures k1)"
kill -9 $pid
wait $pid 2>/dev/null
fastlr plot k --out k2
same 'a killed run' '0 loss.png loss.svg schedule.png schedule.svg' "$code $(pictures k2)"
fastlr fit --resume k --plot auto
same 'a resumed run' '0 loss.png loss.svg schedule.png schedule.svg' "$code $(pictures k)"
grep -qF resumed run/k/loss.svg || complain 'a resumed run: loss.svg does not say so'
same 'a resumed run: steps in the log' "$(seq 0 199 | tr '\n' ' ')" "$(sed -n 's/^{"event": "step".*"step": \([0-9]*\),.*/\1/p' run/k/metrics.jsonl | tr '\n' ' ')"

# ---- diverging: what there is, is drawn
fastlr --steps 30 --lr 1e30 --policy constant --optimizer sgd --out d --quiet --log-every 1
same 'a run that diverged' '3 loss.png loss.svg schedule.png schedule.svg' "$code $(pictures d)"

# ---- on a terminal: redrawn in place; on one that cannot, no control characters
if command -v script >/dev/null; then
  on_terminal() { # TERM: the screen's bytes in ./screen
    (cd run && TERM=$1 script -qec "stty cols 80 rows 40; $program --epochs 3 --lr 1e-2 --plot terminal --out t" /dev/null) >screen </dev/null
  }
  on_terminal xterm
  drawn=$(grep -ac 'mlp, batch 64: loss' screen) erased=$(grep -aoP '\x1b\[\d+A\x1b\[J' screen | wc -l)
  [ "$drawn" -ge 3 ] || complain "on a terminal: drawn $drawn times"
  same 'on a terminal: all but the last drawing are erased' "$drawn" "$((erased + 1))"
  on_terminal dumb
  grep -aq "$(printf '\033')" screen && complain 'a dumb terminal gets control characters'
  same 'plots on a dumb terminal' 3 "$(grep -ac 'mlp, batch 64: loss' screen)"
fi
finish
