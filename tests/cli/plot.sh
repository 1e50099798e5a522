#!/usr/bin/env bash
# plot: any run directory is drawn again, whole or not; what is none is refused. usage: see common.sh
. "$(dirname "$0")/common.sh"

# step STEP LR LOSS, epoch EPOCH: lines of a log of ten steps an epoch
step() { awk -v s="$1" -v lr="$2" -v loss="$3" 'BEGIN { printf "{\"event\": \"step\", \"time\": 1, \"step\": %d, \"epoch\": %.17g, \"lr\": %s, \"momentum\": %.17g, \"loss\": %s}\n", s, (s + 1) / 10, lr, .95 - s / 1000, loss }'; }
epoch() { echo "{\"event\": \"epoch\", \"time\": 1, \"epoch\": $1, \"train_loss\": 1, \"valid_loss\": $2, \"error_rate\": $3}"; }
begin() {
  mkdir -p "$work/$1"
  echo '{"event": "start", "time": 0, "config": {"batch":"32","optimizer":"adam"}, "model": "cnn"}' >"$work/$1/metrics.jsonl"
}

# ---- what is refused, at any rank count
begin bare
mkdir "$work/empty" "$work/noise"
echo 'lr,loss' >"$work/noise/metrics.jsonl"
begin lost
for s in 0 1 2; do step $s 1e-3 null; done >>"$work/lost/metrics.jsonl"
refused 64 "plot: a file's name is missing: fastlr_dist plot RUN" plot
refused 64 'plot: b is one too many: fastlr_dist plot RUN' plot a b
refused 66 'nowhere: No such file or directory: give a run directory' plot nowhere
refused 66 '../../bare/metrics.jsonl is no folder: give a run directory' plot ../../bare/metrics.jsonl
refused 66 '../../empty is no run directory: it has no metrics.jsonl' plot ../../empty
refused 66 '../../bare has nothing to draw: it tells of no sweep and of no step' plot ../../bare
refused 66 '../../lost has nothing to draw for --which loss' plot ../../lost --which loss
refused 66 '../../lost has nothing to draw for --which sweep' plot ../../lost --which sweep
refused 65 '../../noise/metrics.jsonl: no line of it is a JSON object' plot ../../noise
refused 64 '--plot: none leaves nothing to do: plot takes auto \(files\) or terminal' plot ../../lost --plot none
refused 64 '--which: curve is not allowed: one of all,sweep,schedule,loss' plot ../../lost --which curve
refused 64 '--format: pdf is not allowed: one of both,svg,png' plot ../../lost --format pdf
refused 64 '--which: fit does not take it: only plot' --which loss
wait
command -v gnuplot >/dev/null || { echo 'there is no gnuplot here: drawing is not tried'; finish; exit; }
refused 74 '--out: cannot make the folder /dev/null/x: Not a directory' plot ../../lost --out /dev/null/x
wait

# drawn WHAT FILES: what the last command left in ./run/p
drawn() {
  same "$1: exit code" 0 "$code"
  same "$1: files" "$2" "$(cd run/p && echo *)"
  for file in run/p/*.svg; do grep -q '</svg>' "$file" || complain "$1: $file is not whole"; done
  [ ! -s out ] || complain "$1: something on standard output"
}
all='loss.png loss.svg schedule.png schedule.svg sweep.png sweep.svg'

# ---- a whole run: the sweep is drawn as the run itself drew it
fastlr --epochs 2 --out r --log-every 5 --seed 3
cp -r run/r "$work/whole"
fastlr plot r --out p
drawn 'a whole run' "$all"
for file in sweep.svg sweep.png; do cmp run/r/$file run/p/$file || complain "$file is not the run's"; done
same 'what it says' "$(printf 'drawn: p/%s\n' sweep.svg sweep.png schedule.svg schedule.png loss.svg loss.png)" "$(own_words)"
for words in 'mlp, batch 64: learning rate and momentum' 'momentum (beta1)' epoch; do grep -qF "$words" run/p/schedule.svg || complain "schedule.svg lacks $words"; done
for words in 'mlp, batch 64: loss and error rate' 'one batch in 5' 'training' 'validation' 'error rate (%)'; do
  grep -qF "$words" run/p/loss.svg || complain "loss.svg lacks $words"
done
find run -name '*.tmp*' | grep . && complain 'temporary files stayed'
rm -rf run/p
fastlr plot r --out p --format svg --which loss --quiet
drawn 'one picture' loss.svg
same 'quiet' '' "$(own_words)"
[ "$ranks" = 1 ] || { finish; exit; }

# ---- no gnuplot: said, with the way to one; and no file
mkdir "$work/bin"
words=$(PATH=$work/bin "$program" plot run/r --out "$work/none" 2>&1)
same 'without gnuplot' '69 fastlr_dist: plot: there is no gnuplot in PATH: install it (Debian: apt-get install gnuplot-nox)' "$? $words"
[ ! -e "$work/none" ] || complain 'without gnuplot: made the folder'

# ---- without --out the pictures go into the run directory itself
rm run/r/*.svg
fastlr plot r
same 'into the run directory' 'loss.svg schedule.svg sweep.svg' "$(cd run/r && echo *.svg)"

# ---- a sweep alone; its table alone
rm -rf run && mkdir run
fastlr find --out f --quiet
fastlr plot f --out p
drawn 'find alone' 'sweep.png sweep.svg'
mkdir run/table && cp run/f/sweep.csv run/table/
rm -rf run/p
fastlr plot table --out p
drawn 'a table alone' 'sweep.png sweep.svg'
grep -q 'consensus: ' run/p/sweep.svg || complain 'a table alone: no suggestions'

# ---- several sweeps: with their band, as the run drew them
rm -rf run && mkdir run
fastlr find --out f --quiet --sweep-repeats 3
fastlr plot f --out p
drawn 'several sweeps' 'sweep.png sweep.svg'
for file in sweep.svg sweep.png; do cmp run/f/$file run/p/$file || complain "several sweeps: $file is not the run's"; done
for words in 'median of 3' 'band of the repeats' ' to '; do grep -qF "$words" run/p/sweep.svg || complain "several sweeps: sweep.svg lacks $words"; done

# ---- a sweep that compared weight decays: all their curves
rm -rf run && mkdir run
fastlr find --out f --quiet --sweep-wd 0,1e-2,1 --sweep-repeats 2
fastlr plot f --out p
drawn 'weight decays' 'sweep.png sweep.svg'
for file in sweep.svg sweep.png; do cmp run/f/$file run/p/$file || complain "weight decays: $file is not the run's"; done
same 'weight decays: curves' 3 "$(grep -o 'weight decay [^<]*' run/p/sweep.svg | sort -u | wc -l)"

# ---- killed within a line, resumed twice, three groups, a loss that was not finite
begin resumed
{
  for s in $(seq 0 14); do step "$s" '[1e-6, 1e-5, 1e-4]' "2.$s"; done
  epoch 0 2.1 0.5
  echo '{"event": "resume", "time": 3, "file": "checkpoint-10.h5", "step": 10, "ranks": 2, "rescheduled": null}'
  for s in $(seq 10 29); do step "$s" '[1e-6, 1e-5, 1e-4]' "$([ "$s" = 17 ] && echo null || echo "1.$s")"; done
  epoch 1 1.2 0.25
  echo '{"event": "resume", "time": 3, "file": "checkpoint-25.h5", "step": 25, "ranks": 1, "rescheduled": null}'
  printf '{"event": "step", "time": 9, "step": 25, "epo'
} >>"$work/resumed/metrics.jsonl"
rm -rf run && mkdir run
fastlr plot ../../resumed --out p
drawn 'a killed run' 'loss.png loss.svg schedule.png schedule.svg'
for words in 'layer group 0 (input)' 'layer group 2 (head)' 'learning rate (log scale)' resumed; do grep -qF "$words" run/p/schedule.svg || complain "a killed run: schedule.svg lacks $words"; done
for words in 'not finite (1)' 'each batch' resumed; do grep -qF "$words" run/p/loss.svg || complain "a killed run: loss.svg lacks $words"; done

# ---- no finite loss: its schedule is still drawn; a line that is no JSON is left out, and said
echo 'noise' >>"$work/lost/metrics.jsonl"
rm -rf run && mkdir run
fastlr plot ../../lost --out p --quiet
drawn 'no finite loss' 'schedule.png schedule.svg'
same 'a line that is none' 'fastlr_dist: warning: ../../lost/metrics.jsonl: 1 of 5 lines are no JSON objects and left out' "$(own_words)"

# ---- many thousand steps: thinned, and said
begin long
awk 'BEGIN { for (s = 0; s < 60000; s += 2) printf "{\"event\": \"step\", \"step\": %d, \"epoch\": %.9g, \"lr\": %.9g, \"momentum\": 0.9, \"loss\": %.9g}\n", s, (s + 1) / 500, 1 + sin(s / 9000), 2 + sin(s * s) }' >>"$work/long/metrics.jsonl"
rm -rf run && mkdir run
fastlr plot ../../long --out p
drawn 'a long run' 'loss.png loss.svg schedule.png schedule.svg'
grep -qF 'one batch in 2; of each 75 of them first, least, greatest' run/p/loss.svg || complain 'a long run: the key does not say what is shown'
[ "$(wc -c <run/p/loss.svg)" -lt 400000 ] || complain "a long run: loss.svg has $(wc -c <run/p/loss.svg) bytes"

# ---- in the terminal: plain text on standard output, as wide as asked for, and no file
rm -rf run && mkdir run
for columns in 60 80 120; do
  COLUMNS=$columns LINES=40 TERM=dumb fastlr plot ../../whole --plot terminal
  same "text of $columns columns: exit code" 0 "$code"
  [ "$(wc -L <out)" -lt "$columns" ] || complain "text of $columns columns: $(wc -L <out) wide"
  LC_ALL=C grep -q '[^ -~]' out && complain "text of $columns columns: not plain ASCII"
  for words in 'learning rate sweep' 'learning rate and momentum' 'loss and error rate' 'momentum (beta1)' 'error rate (%)' 'V  validation'; do
    grep -qF "$words" out || complain "text of $columns columns lacks $words"
  done
done
same 'text leaves no files' '' "$(ls run)"
same 'text says nothing else' '' "$(own_words)"
if gnuplot --version | grep -q '^gnuplot 5\.4 '; then
  begin golden
  { for s in $(seq 0 29); do step "$s" "$(awk -v s="$s" 'BEGIN { print (s < 10 ? s : 30 - s) / 1000 }')" "$(awk -v s="$s" 'BEGIN { print 2 - s / 20 }')"; done; epoch 2 0.7 0.25; } >>"$work/golden/metrics.jsonl"
  COLUMNS=60 LINES=24 fastlr plot ../../golden --plot terminal --which schedule
  same 'the screen of a schedule' "$(cat "$(dirname "$0")/plot_schedule.txt")" "$(cat out)"
fi
finish
