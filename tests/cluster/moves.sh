#!/usr/bin/env bash
# One job of train.sbatch that is requeued, loses a host twice, the second time the one its script runs on, and is preempted; it goes on with one node
# instead of two, and ends as an undisturbed run does. usage: moves.sh
# shellcheck disable=SC2034,SC2086
. "$(dirname "$0")/slurm.sh"
cluster_up 2
run=$work/shared/runs/moved
options='--model mlp --dropout 0.1 --batch 32 --steps 3000 --lr 1e-2 --deterministic --shards 4 --checkpoint-every 5 --log-every 1 --watchdog 10 --plot none'
read -ra words <<<"$options"
enter 0 "$FLR_PROGRAM" --data $work/shared/fast/digits.h5 --out $work/shared/runs/undisturbed "${words[@]}" 2>$work/shared/undisturbed.log &
undisturbed=$!

# It is at step $step of a further start, on so many ranks.
newest() { compgen -G "$run/checkpoint-[0-9]*.h5" | sed 's/.*-\([0-9]*\)\.h5/\1/' | sort -n | tail -n 1; }
goes_on() { # RANKS RESUMES WHAT
  wait_for 180 "$3: resumed" resumed "$2"
  [ "$1" = "$(grep '"event": "resume"' $run/metrics.jsonl | tail -n 1 | sed 's/.*"ranks": \([0-9]*\).*/\1/')" ] || fail "$3: not on $1 ranks"
  step=$(newest)
  wait_for 120 "$3: a new checkpoint" further
  echo "$3: goes on at step $step on $1 ranks, start $(($(restarts_of $job) + 1)), after $SECONDS s"
}
resumed() { [ -e $run/metrics.jsonl ] && [ "$(events resume $run)" = "$1" ]; }
further() { [ "$(newest)" -gt "$step" ]; }

data_is slow
edited train.sbatch '--nodes=1-2 --ntasks-per-node=2 --cpus-per-task=1' 60 $data $run "$options"
submit_slowly "$script"
wait_for 60 'a checkpoint' has_checkpoint $run

slurm scontrol requeue "$job"
goes_on 4 1 'scontrol requeue'

# The host that does not run the script dies: the ranks of the other end, the script requeues the job, on the node that is left.
host_dies 2
goes_on 2 2 'a host dies'
# Then the one with the script: Slurm itself requeues it, on the one that has come back.
host_up 2
node_up 2
wait_for 120 'host2 is back' node_is_back 2
host_dies 1
goes_on 2 3 'the host of the script dies'

# A job of more weight wants that node: Slurm sends SIGTERM to the ranks, which stop with a checkpoint; the job waits, and comes back.
moved=$job
submit --partition=high --nodelist=host2 --nodes=1 --ntasks-per-node=2 --output=/dev/null --wrap=true
ends $job 0 'the job of more weight'
job=$moved
goes_on 2 4 preempted
killed=$(grep -c 'ended with 137' $work/shared/fastlr-train-$job.log) # (see below)
grep -q "attempt $((4 + killed)) ended with 75" $work/shared/fastlr-train-$job.log || fail 'preempted: it did not stop with a checkpoint'

data_is fast
slurm scontrol requeue "$job"
ends "$job" 0 'in the end'
wait $undisturbed || fail "the undisturbed run: $?"
# (Slurm's killing of what a requeue ended may come late and meet the next start: one more, which the script answers as any other)
killed=$(grep -c 'ended with 137' $work/shared/fastlr-train-$job.log)
[ "$killed" -le 1 ] || fail "it was killed $killed times"
[ "$(restarts_of $job)" = $((5 + killed)) ] || fail "it was started again $(restarts_of $job) times, $killed of them since it was killed"
same $run $work/shared/runs/undisturbed 'in the end'
echo "passed after $SECONDS s"
