#!/usr/bin/env bash
# Jobs of train.sbatch: submitted, they sweep, train and are done, by srun and by mpirun, and give what a local run gives; what a new start would not
# help is not started again. usage: jobs.sh
# shellcheck disable=SC2034,SC2086
. "$(dirname "$0")/slurm.sh"
cluster_up 2
runs=$work/shared/runs
options='--model mlp --epochs 2 --deterministic --checkpoint-every 10'

# Four ranks on two nodes, by srun, with the lines at the top edited; by mpirun, with a script that was made.
edited train.sbatch '--nodes=2 --ntasks-per-node=2 --cpus-per-task=1' 10 $data $runs/srun "$options"
submit "$script"
by_srun=$job
read -ra words <<<"$options"
"$FLR_SOURCE_DIR/scripts/make_sbatch.sh" --nodes 2 --ranks-per-node 2 --cpus-per-rank 1 --time 10 --mpirun --to $work/shared/made.sbatch -- \
  fastlr_dist --data $data --out $runs/mpirun "${words[@]}" || fail "make_sbatch.sh: $?"
submit made.sbatch
by_mpirun=$job
# In the meantime, on the host that submits: the same, without Slurm.
hosts_mpirun --host host0 -np 4 "$FLR_PROGRAM" --data $data --out $runs/local "${words[@]}" 2>$work/shared/local.log || fail "the local run: $?"
for name in srun mpirun; do
  job=by_$name
  ends "${!job}" 0 "by $name"
  for file in config.ini metrics.jsonl sweep.h5 sweep.csv best.h5 final.h5; do [ -s $runs/$name/$file ] || fail "by $name: no $file"; done
  if command -v gnuplot >/dev/null; then [ -s $runs/$name/sweep.png ] || fail "by $name: no sweep.png"; fi
  same $runs/$name $runs/local "by $name"
  grep -q "\"ranks\": 4, .*\"job\": {\"id\": ${!job}, \"restarts\": 0, \"nodes\": \"host\[1-2\]\"}" $runs/$name/metrics.jsonl ||
    fail "by $name: the start line does not know its job: $(head -n 1 $runs/$name/metrics.jsonl)"
  [ "$(restarts_of "${!job}")" = 0 ] || fail "by $name: it was started again"
  grep -q ': done$' "$work/shared"/*-"${!job}.log" || fail "by $name: the job's log does not say that it is done"
done
echo "srun and mpirun: ok"

# Nodes where HOME is not writable and TMPDIR not there.
edited train.sbatch '--nodes=2 --ntasks-per-node=2 --cpus-per-task=1' 10 $data $runs/homeless "$options"
HOME=/proc TMPDIR=/nowhere submit "$script"
ends "$job" 0 'homeless'
same $runs/homeless $runs/local 'homeless'
echo "without HOME and TMPDIR: ok"

# It diverges; it is used wrongly; the program is missing: no new start.
end_at_once() { # NAME CODE TEXT OPTIONS
  edited train.sbatch '--nodes=1 --ntasks-per-node=2 --cpus-per-task=1' 10 $data "$runs/$1" "$4"
  submit "$script"
  ends "$job" "$2" "$1"
  [ "$(restarts_of "$job")" = 0 ] || fail "$1: it was started again"
  grep -q "$3" "$work/shared/fastlr-train-$job.log" || fail "$1: the job's log does not say: $3"
}
end_at_once diverges 3 'training diverged: a new start would not help' '--model mlp --steps 40 --lr 1e30 --optimizer sgd'
end_at_once wrong 64 '^fastlr_dist: --batch: 1 is smaller than the 2 shards' '--model mlp --batch 1'
FASTLR_SRUN=--mpi=none end_at_once loose 64 '^fastlr_dist: srun started 2 tasks that do not find each other' '--model mlp --steps 40 --lr 1e-2'
FASTLR_PROGRAM=fastlr_nowhere end_at_once absent 69 'fastlr_nowhere is not found' ''
echo "no new start: ok"

# A node that cannot start ranks (here: what a crash left of the step that comes): srun says so, and ends with 0.
mkdir -p $slurm/spool/host1/{pmix.$((job + 1)).0,stepd.slurm.pmix.$((job + 1)).0}
edited train.sbatch '--nodes=1 --ntasks-per-node=2 --cpus-per-task=1 --nodelist=host1' 10 $data $runs/unstarted '--model mlp --steps 40 --lr 1e-2'
FASTLR_RESTARTS=0 submit "$script"
ends "$job" 76 'a step that is not started'
grep -q 'but the run is not done: srun: error' $work/shared/fastlr-train-"$job".log || fail 'a step that is not started: the log does not say so'
echo "not started: ok"

# Told to stop with no restart left, it ends and says so; submitted again it goes on to the same end.
data_is slow
options='--model mlp --steps 200 --lr 1e-2 --deterministic --shards 2 --checkpoint-every 10 --log-every 1'
edited train.sbatch '--nodes=1 --ntasks-per-node=2 --cpus-per-task=1' 10 $data $runs/told "$options"
FASTLR_RESTARTS=0 submit_slowly "$script"
wait_for 60 'a checkpoint' has_checkpoint $runs/told
slurm scancel --batch --signal=USR2 "$job"
ends "$job" 75 'told to stop'
grep -q 'stopped with a checkpoint, and all 0 restarts are used up: submit it again to go on' $work/shared/fastlr-train-"$job".log || fail 'told to stop: it does not say so'
data_is fast
submit "$script"
ends "$job" 0 'submitted again'
[ "$(events resume $runs/told)" = 1 ] || fail 'submitted again: it began anew'
read -ra words <<<"$options"
enter 0 "$FLR_PROGRAM" --data $data --out $runs/alone "${words[@]}" 2>$work/shared/alone.log || fail "alone: $?"
same $runs/told $runs/alone 'submitted again'
echo passed
