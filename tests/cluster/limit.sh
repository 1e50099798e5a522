#!/usr/bin/env bash
# A job that reaches its time limit, and one that is preempted where Slurm warns the script first: told so, mpirun's ranks stop with a checkpoint and
# 75, the script requeues the job, which goes on and ends as an undisturbed run does. usage: limit.sh
# shellcheck disable=SC2034,SC2086
. "$(dirname "$0")/slurm.sh"
cluster_up 2 SlurmctldParameters=preempt_send_user_signal
export FASTLR_LAUNCH=mpirun
run=$work/shared/runs/limited
options='--model mlp --steps 3000 --lr 1e-2 --deterministic --shards 2 --log-every 1 --plot none'
data_is slow
# A minute is the least limit; Slurm looks at limits every half minute, so that it is told between 2 and 32 s after its start.
edited train.sbatch '--nodes=2 --ntasks-per-node=1 --cpus-per-task=1' 1 $data $run "$options"
sed -i 's/^#SBATCH --signal=.*/#SBATCH --signal=B:USR2@58/' "$script"
submit_slowly "$script"
read -ra words <<<"$options"
enter 0 "$FLR_PROGRAM" --data $work/shared/fast/digits.h5 --out $work/shared/runs/free "${words[@]}" 2>$work/shared/free.log || fail "the run without a limit: $?"

is_requeued() { grep -q ": requeued (restart $1 of 20)" "$work/shared/fastlr-train-$job.log" 2>/dev/null; }
has_resumed() { [ "$(events resume $run)" = "$1" ]; }
says() { [ "$(grep -c "$2" "$work/shared/fastlr-train-$job.log")" = "$1" ] || fail "the job's log does not say $1 times: $2"; }
wait_for 120 'told, stopped and requeued' is_requeued 1
says 1 'SIGUSR2: the step is told to stop with a checkpoint'
says 1 'attempt 1 ended with 75'
says 1 'fastlr_dist: stopped by a signal before step [0-9]* of the training, with a checkpoint'
has_checkpoint $run || fail 'there is no checkpoint'
slurm scontrol update "jobid=$job" TimeLimit=60

wait_for 120 'it goes on' has_resumed 1
limited=$job
submit --partition=high --nodes=2 --ntasks-per-node=2 --output=/dev/null --wrap=true
ends "$job" 0 'the job of more weight'
job=$limited
wait_for 60 'preempted, stopped and requeued' is_requeued 2
says 2 'SIGUSR2: the step is told to stop with a checkpoint'
data_is fast
ends "$job" 0 'in the end'
[ "$(restarts_of "$job")" = 2 ] || fail "it was started again $(restarts_of "$job") times"
[ "$(find $run/log -name "$job-*.log" | wc -l)" = 3 ] || fail 'there is no log for each start'
same $run $work/shared/runs/free 'in the end'
echo "passed after $SECONDS s"
