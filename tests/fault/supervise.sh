#!/usr/bin/env bash
# scripts/supervise.sh: what it makes of each exit code, by a fake program; and a real job whose ranks are killed. usage: supervise.sh MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
work_folder
mpirun=("$@")
supervise=${FLR_SOURCE_DIR:?the tree}/scripts/supervise.sh

# Ends its n-th start with the n-th word of plan: CODE, CODE+ (a checkpoint further on is there then), SIGNAL's name, or hang.
cat >"$work/fake" <<'FAKE'
#!/usr/bin/env bash
cd "$FAKE_HOME" || exit 99
echo >>starts
n=$(wc -l <starts)
word=$(cut -d' ' -f"$n" plan)
case $word in *+) touch "checkpoint-$((100 * n)).h5" ;; esac
case $word in
  KILL | SEGV) kill "-$word" $$ ;;
  hang) trap 'exit 75' USR2; trap 'exit 33' TERM; echo >ready; for _ in $(seq 300); do sleep 0.1; done ;;
  *) exit "${word%+}" ;;
esac
FAKE
chmod +x "$work/fake"

# table PLAN RESTARTS CODE STARTS WORDS: a plan ends with CODE after STARTS starts, and says WORDS
table() {
  export FAKE_HOME=$work/run
  rm -rf "$FAKE_HOME"
  mkdir "$FAKE_HOME"
  echo "$1" >"$FAKE_HOME/plan"
  timeout 30 "$supervise" --restarts "$2" --delay 0 -- "$work/fake" --out "$FAKE_HOME" --resume 2>"$work/err"
  code=$?
  [ $code = "$3" ] || fail "plan '$1': exit code $code, wanted $3"
  [ "$(wc -l <"$FAKE_HOME/starts")" = "$4" ] || fail "plan '$1': $(wc -l <"$FAKE_HOME/starts") starts, wanted $4"
  grep -Eq "^supervise.sh: $5" "$work/err" || fail "plan '$1': no line '$5'"
  ! grep -qv '^supervise.sh: ' "$work/err" || fail "plan '$1': a line that is not its own"
}

table '0' 10 0 1 'start 1 ended with 0: done'
for code in 3 64 65 66 69; do table "$code 0" 10 $code 1 "start 1 ended with $code, .*: a new start would not help"; done
for end in 70 74 76 1 205; do table "$end 0" 10 0 2 "start 1 ended with $end.*: again in 0 s \(restarts used: 1 of 10\)"; done
table 'KILL SEGV 0' 10 0 3 'start 2 ended with 139, signal SEGV: again in 0 s \(restarts used: 2 of 10\)'
table '76 76 76 76' 3 76 4 'start 4 ended with 76, .*, and all 3 restarts are used up; the newest checkpoint is missing'
table '76 76' 0 76 1 'start 1 .*, and all 0 restarts are used up'
table 'KILL KILL' 1 137 2 'start 2 ended with 137, signal KILL, and all 1 restarts are used up'
table '75+ 75+ 75+ 75+ 75+ 0' 1 0 6 'start 5 ended with 75, stopped with a checkpoint: again in 0 s \(restarts used: 0 of 1\)'
table '75 75 75 75' 2 75 3 'start 3 ended with 75, .*, and all 2 restarts are used up'
table '75+ 75 75+ 75 75 0' 2 75 5 'start 5 ended with 75, .*, and all 2 restarts are used up; the newest checkpoint is checkpoint-300.h5'
table '76+ 3' 5 3 2 'start 2, from checkpoint-100.h5'

# ---- wrong use ----
wrong() { # CODE WORDS ARGUMENTS...
  local wanted=$1 words=$2
  shift 2
  "$supervise" "$@" 2>"$work/err"
  code=$?
  [ $code = "$wanted" ] || fail "'$*': exit code $code, wanted $wanted"
  [ "$(grep -c "^supervise.sh: .*$words" "$work/err") of $(wc -l <"$work/err")" = "1 of 1" ] || fail "'$*': not the one line '$words'"
}
wrong 64 'no command'
wrong 64 "'-1' is not allowed" --restarts -1 -- true --out x --resume
wrong 64 '--delay needs a value' --delay
wrong 64 "'mpirun' is not understood" mpirun -np 2
wrong 64 'no --resume' -- true --out x
wrong 64 'name its run directory' -- true --resume
wrong 64 'gone on from at every start' -- true --resume a/checkpoint-1.h5
wrong 69 'not found' -- "$work/nothing" --out x --resume
"$supervise" --help | grep -q -- '--run-limit SEC' || fail "--help does not say what it takes"

# ---- signals and --run-limit, on the fake ----
# signalled SIGNAL CODE WORDS: a signal reaches the job, and the supervisor ends with its code
signalled() {
  rm -f "$FAKE_HOME"/*
  echo 'hang 0' >"$FAKE_HOME/plan"
  "$supervise" --delay 0 -- "$work/fake" --out "$FAKE_HOME" --resume 2>"$work/err" &
  supervisor=$!
  for _ in $(seq 400); do [ -s "$FAKE_HOME/ready" ] && break; sleep 0.05; done
  kill "-$1" "$supervisor"
  wait "$supervisor"
  code=$?
  [ $code = "$2" ] || fail "SIG$1: exit code $code, wanted $2"
  grep -q "$3" "$work/err" || fail "SIG$1: no line '$3'"
  [ "$(wc -l <"$FAKE_HOME/starts")" = 1 ] || fail "SIG$1: it was started again"
  ! pgrep -f "$work/fake" >/dev/null || fail "SIG$1: the job is still there"
}
signalled TERM 33 'start 1 ended with 33, after SIGTERM'
signalled USR2 75 'start 1 ended with 75, .*, after SIGUSR2'
rm -f "$FAKE_HOME"/*
echo 'hang 0' >"$FAKE_HOME/plan"
"$supervise" --delay 0 --run-limit 1 -- "$work/fake" --out "$FAKE_HOME" --resume 2>"$work/err" || fail "--run-limit: exit code $?"
grep -q 'has run for 1 s (--run-limit): it is told to stop' "$work/err" || fail "--run-limit: it does not say so"
grep -q 'start 2 ended with 0: done' "$work/err" || fail "--run-limit: no second start"

# ---- a real job ----
# (each read takes longer, so that fast machines do not end before the second kill)
slow=(-x "LD_PRELOAD=${program%/*}/tests/storage_fault.so" -x FLR_FAULT_PATH=digits.h5 -x FLR_FAULT_CALLS=read -x FLR_FAULT_MS=1)
[ -z "${ASAN_OPTIONS:-}${TSAN_OPTIONS:-}" ] || slow=()
job=(-np 2 "$program" fit --data "$FLR_SOURCE_DIR/datasets/digits.h5" --model cnn --dropout 0.1 --batch 96 --epochs 7 --deterministic --shards 2
  --lr 1e-3 --checkpoint-every 10 --log-every 1 --plot none --quiet)
"${mpirun[@]}" "${job[@]}" --out "$work/whole" 2>"$work/err" || fail "the undisturbed run: exit code $?"

"$supervise" --delay 0 -- "${mpirun[@]}" "${slow[@]}" "${job[@]}" --out "$work/killed" --resume 2>"$work/err" &
supervisor=$!
# kill_at STEP: kill -9 of a rank when a checkpoint of that step or a later one is there
kill_at() {
  for _ in $(seq 600); do
    for name in "$work"/killed/checkpoint-*.h5; do
      step=${name##*checkpoint-}
      [ -e "$name" ] && [ "${step%.h5}" -ge "$1" ] && break 2
    done
    kill -0 "$supervisor" 2>/dev/null || fail "it ended before a rank could be killed at step $1"
    sleep 0.02
  done
  for _ in $(seq 600); do pgrep -f "^$program .*--out $work/killed" >/dev/null && break; sleep 0.02; done # (its start may be under way)
  kill -KILL "$(pgrep -f "^$program .*--out $work/killed" | tail -1)" || fail "no rank to kill at step $1"
  for _ in $(seq 600); do
    [ "$(grep -c 'again in' "$work/err")" -ge "$2" ] && return
    sleep 0.05
  done
  fail "the job did not end after its rank was killed at step $1"
}
kill_at 20 1
kill_at 50 2
wait "$supervisor" || fail "a killed job: exit code $?"
supervisor=''
[ "$(grep -c 'again in 0 s' "$work/err")" = 2 ] || fail "a killed job: not two restarts"
[ "$(weights "$work/killed")" = "$(weights "$work/whole")" ] || fail "a killed job ends with other weights"
sed -n 's/^supervise.sh: //p' "$work/err"
echo passed
