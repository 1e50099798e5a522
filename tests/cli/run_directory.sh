#!/usr/bin/env bash
# The run directory: all files, the events and fields of metrics.jsonl, final.h5 evaluated again. usage: see common.sh
. "$(dirname "$0")/common.sh"

# event NAME: the fields of these lines of metrics.jsonl
event() { grep "^{\"event\": \"$1\", " run/r/metrics.jsonl | "$tools/test_cli.json_shape" lines | grep -v '^\.config\.'; }
# value FIELD: of the last line of standard input that has it
value() { sed -n "s/.*\"$1\": *\\([^,}]*\\).*/\\1/p" | tail -1; }

fastlr --epochs 2 --out r --log-every 5 --comm mpi
same 'exit code' 0 "$code"
same 'standard output' '' "$(cat out)"
files='best.h5 checkpoint-22.h5 checkpoint-44.h5 config.ini final.h5 metrics.jsonl sweep.csv sweep.h5'
command -v gnuplot >/dev/null && files='best.h5 checkpoint-22.h5 checkpoint-44.h5 config.ini final.h5 loss.png loss.svg metrics.jsonl schedule.png schedule.svg sweep.csv sweep.h5 sweep.png sweep.svg'
same files "$files" "$(cd run/r && echo *)"
"$tools/test_cli.json_shape" lines <run/r/metrics.jsonl >/dev/null || complain 'metrics.jsonl is not one document a line'
same 'events' 'start sweep suggest step epoch step epoch end' \
  "$(sed 's/^{"event": "\([a-z]*\)".*/\1/' run/r/metrics.jsonl | grep -v checkpoint | uniq | tr '\n' ' ' | sed 's/ $//')"
common=$'.event string\n.time number\n'
same 'start' "$common"$'.version string\n.ranks number\n.shards number\n.backend string\n.comm string\n.comm_algorithm string\n.connect_seconds number\n.model string\n.parameters number\n.train_samples number\n.valid_samples number\n.classes number\n.threads number\n.job null' "$(event start)"
same 'sweep' "$common"$'.i number\n.lr number\n.loss number\n.smooth number' "$(event sweep)"
same 'suggest' "$common$(for rule in valley steepest minimum slide consensus; do printf '.%s.lr number\n.%s.status string\n' $rule $rule; done)"$'\n.consensus.spread number\n.picked string\n.lr number' "$(event suggest)"
same 'step' "$common"$'.step number\n.epoch number\n.lr number\n.momentum number\n.loss number\n.samples number\n.grad_norm number' "$(event step)"
same 'epoch' "$common"$'.epoch number\n.train_loss number\n.valid_loss number\n.error_rate number\n.accuracy number\n.seconds number\n.samples_per_second number\n.exposed_seconds number\n.stall_seconds number' "$(event epoch)"
same 'checkpoint' "$common"$'.file string\n.step number\n.seconds number\n.waited number' "$(event checkpoint)"
same 'checkpoints' '0 22 44' "$(sed -n 's/^{"event": "checkpoint".*"step": \([0-9]*\),.*/\1/p' run/r/metrics.jsonl | tr '\n' ' ' | sed 's/ $//')"
same 'end' "$common"$'.reason string\n.exit number\n.train_seconds number\n.stall_seconds number\n.stall_share number' "$(event end)"
grep -Eq '^waited [0-9.]+ s for samples, [0-9.]+ % of [0-9.]+ s of training$' err || complain "what it waited: $(tail -3 err)"
same 'how it ended' '"done" 0' "$(value reason <run/r/metrics.jsonl) $(value exit <run/r/metrics.jsonl)"
same 'steps that are logged' '0 5 10 15 20 25 30 35 40' "$(sed -n 's/^{"event": "step".*"step": \([0-9]*\),.*/\1/p' run/r/metrics.jsonl | tr '\n' ' ' | sed 's/ $//')"
same 'ranks, samples, model' "$ranks 1437 360 \"mlp\"" \
  "$(for field in ranks train_samples valid_samples model; do grep '"start"' run/r/metrics.jsonl | value $field; done | tr '\n' ' ' | sed 's/ $//')"
times=$(sed -n 's/.*"time": \([^,]*\),.*/\1/p' run/r/metrics.jsonl)
same 'time runs forward' "$(sort -g <<<"$times")" "$times"

# final.h5 evaluated is the last epoch's validation
epoch=$(grep '"event": "epoch"' run/r/metrics.jsonl | tail -1)
fastlr eval r/final.h5 --json
same 'eval: exit code' 0 "$code"
same 'eval and the last epoch' "$(value valid_loss <<<"$epoch") $(value error_rate <<<"$epoch") $(value accuracy <<<"$epoch")" \
  "$(value loss <out) $(value error_rate <out) $(value accuracy <out)"
# the weights exported and read again evaluate the same
fastlr export r/final.h5 r/final.safetensors
same 'export: exit code' 0 "$code"
fastlr eval r/final.safetensors --json
same 'eval of the export' "$(value valid_loss <<<"$epoch")" "$(value loss <out)"

# --json keeps messages away from standard output, and other ranks are silent
same 'messages of eval --json' 1 "$(wc -l <out)"

# a second run into the same folder keeps the old log; --plot none draws nothing
fastlr --steps 2 --lr 1e-3 --out r --quiet --plot none
same 'quiet' '' "$(own_words)"
same 'the old log is kept' 1 "$(grep -c '"event": "sweep", .*"i": 0,' run/r/metrics.jsonl.old)"
same 'the new log is new' 1 "$(grep -c '"event": "start"' run/r/metrics.jsonl)"

# without --out: runs/<time>-<model>, a new one each time
fastlr --steps 1 --lr 1e-3 --quiet
fastlr --steps 1 --lr 1e-3 --quiet --model cnn
same 'names of run directories' 'mlp cnn' "$(cd run/runs && for name in *; do grep -Eo '^[0-9]{8}-[0-9]{6}-(mlp|cnn)(-[0-9]+)?$' <<<"$name"; done | sed 's/^[0-9]*-[0-9]*-//' | sort -r | tr '\n' ' ' | sed 's/ $//')"

# diverging: exit code 3, the older final.h5 untouched, the log says so
before=$(cksum run/r/final.h5)
fastlr --steps 30 --lr 1e30 --policy constant --optimizer sgd --out r --quiet
same 'diverged: exit code' 3 "$code"
same 'diverged: message' 'fastlr_dist: training diverged: the loss is not finite; lower --lr (nothing was overwritten)' "$(own_words)"
same 'diverged: final.h5' "$before" "$(cksum run/r/final.h5)"
same 'diverged: end' '"nonfinite" 3' "$(value reason <run/r/metrics.jsonl) $(value exit <run/r/metrics.jsonl)"
fastlr --sweep-iters 6 --out none --quiet
same 'no rate found: exit code' 3 "$code"
grep -q '^fastlr_dist: the sweep gave no usable rate for --pick consensus (valley: .*): look at the plot, then give --lr$' <<<"$(own_words)" ||
  complain "no rate found: $(own_words)"
same 'no rate found: end' '"diverged" 3' "$(value reason <run/none/metrics.jsonl) $(value exit <run/none/metrics.jsonl)"
[ ! -e run/none/final.h5 ] || complain 'no rate found: trained all the same'

# points too few for the rule that picks: another that gave a rate is named
fastlr --sweep-iters 16 --sweep-stop 0 --sweep-start 1e-5 --pick slide --out few --quiet
same 'another rule: exit code' 3 "$code"
grep -Eq '^fastlr_dist: the sweep gave no usable rate for --pick slide \(.*slide: too-few-points, .*\): look at the plot; --pick [a-z]+ would give [0-9.e-]+$' <<<"$(own_words)" ||
  complain "another rule: $(own_words)"
fastlr find --sweep-iters 16 --sweep-stop 0 --sweep-start 1e-5 --pick slide --out few
same 'find without the picked rate: exit code' 0 "$code"
grep -Eq '^picked slide: none \(--pick [a-z]+ would give [0-9.e-]+\)$' err || complain "find without the picked rate: $(own_words | tail -3)"

# a net that learns nothing within the sweep: said so, nothing trained
fastlr --hidden 32,32,32,32,32,32,32,32 --optimizer sgd --out flat --plot none
same 'the loss never fell: exit code' 3 "$code"
same 'the loss never fell: words' '  consensus none: no-minimum  <- picked  (the loss never fell)' "$(own_words | grep '^  consensus')"
grep -q '^fastlr_dist: the sweep gave no usable rate for --pick consensus (valley: .*, consensus: no-minimum): look at the plot' <<<"$(own_words)" ||
  complain "the loss never fell: $(own_words | tail -1)"
same 'the loss never fell: events' 'start sweep suggest end' \
  "$(sed 's/^{"event": "\([a-z]*\)".*/\1/' run/flat/metrics.jsonl | grep -v checkpoint | uniq | tr '\n' ' ' | sed 's/ $//')"
[ ! -e run/flat/final.h5 ] || complain 'the loss never fell: trained all the same'
find run -name '*.tmp*' | grep . && complain 'temporary files stayed'
# Closed standard streams: their numbers go to no file of the run.
silent() { (cd run && eval "exec timeout 60 \"\$program\" --epochs 1 --lr 1e-2 --log-every 5 --plot none --out closed $1"); }
if [ "$ranks" = 1 ]; then
  for closed in '2>&-' '<&- >&- 2>&-'; do
    silent "$closed"
    same "with $closed: exit code" 0 $?
    "$tools/test_cli.json_shape" lines <run/closed/metrics.jsonl >/dev/null || complain "with $closed metrics.jsonl is not one document a line"
    "$program" inspect run/closed/final.h5 >/dev/null || complain "with $closed final.h5 is not whole"
    rm -rf run/closed
  done
  (cd run && "$program" inspect r/final.h5 --json >&-) 2>err
  same 'standard output closed: exit code' 74 $?
fi
finish
