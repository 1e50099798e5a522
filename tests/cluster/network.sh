#!/usr/bin/env bash
# The line that carries the data between two nodes is cut while the batch system's own is well: for five seconds, and the job goes on; for ever, and the
# watchdog ends it in its time, the script requeues it, and it ends as an undisturbed run. usage: network.sh
# shellcheck disable=SC2034,SC2086
. "$(dirname "$0")/slurm.sh"
cluster_up 2
data_lines_up
run=$work/shared/runs/cut
options='--model mlp --batch 32 --steps 3000 --lr 1e-2 --deterministic --shards 2 --checkpoint-every 5 --log-every 1 --watchdog 12 --plot none'
read -ra words <<<"$options"
enter 0 "$FLR_PROGRAM" --data $work/shared/fast/digits.h5 --out $work/shared/runs/undisturbed "${words[@]}" 2>$work/shared/undisturbed.log &
undisturbed=$!

newest() { compgen -G "$run/checkpoint-[0-9]*.h5" | sed 's/.*-\([0-9]*\)\.h5/\1/' | sort -n | tail -n 1; }
further() { [ "$(newest)" -gt "$step" ]; }
data_is slow
edited train.sbatch '--nodes=2 --ntasks-per-node=1 --cpus-per-task=1' 60 $data $run "$options"
export OMPI_MCA_btl_tcp_if_include=data0
submit_slowly "$script"
wait_for 60 'a checkpoint' has_checkpoint $run

data_cut 2
sleep 5
data_join 2
step=$(newest)
wait_for 60 'cut for 5 s: it goes on' further
[ "$(restarts_of $job) $(events resume $run)" = '0 0' ] || fail 'cut for 5 s: it was started again'
echo "cut for 5 s: goes on at step $(newest)"

data_cut 2
began=$SECONDS
is_requeued() { grep -q ': requeued (restart 1 of 20)' "$work/shared/fastlr-train-$job.log" 2>/dev/null; }
wait_for 90 'cut for ever: ended and requeued' is_requeued
echo "cut for ever: requeued $((SECONDS - began)) s later"
grep -Eq '^fastlr_dist: .*(silent|answer|wait for each other)' $work/shared/fastlr-train-$job.log || fail 'cut for ever: no line of the watchdog'
grep -q 'attempt 1 ended with 76' $work/shared/fastlr-train-$job.log || fail 'cut for ever: not by exit code 76'
data_join 2
data_is fast
ends "$job" 0 'in the end'
wait $undisturbed || fail "the undisturbed run: $?"
[ "$(events resume $run)" = 1 ] || fail 'it began anew'
same $run $work/shared/runs/undisturbed 'in the end'
echo "passed after $SECONDS s"
