#!/usr/bin/env bash
# Four weight decays as a job array, collected into one table and one plot; the sweep alone; two stages as a chain of jobs. usage: arrays.sh
# shellcheck disable=SC2034,SC2086
. "$(dirname "$0")/slurm.sh"
cluster_up 2
runs=$work/shared/runs
cd $work/shared || exit 1
job_of() { sed -n "s/.*$1 \([0-9]*\).*/\1/p" <<<"$said" | head -n 1; }

edited array-sweep.sbatch '--nodes=1 --ntasks-per-node=2 --cpus-per-task=1' 10 $data $runs/decays '--model mlp --deterministic --shards 2'
array_script=$script
said=$(slurm bash "$script") || fail "array-sweep.sbatch: $said"
collects=$(job_of 'then job')

# In the meantime: a sweep, and a chain on a copy of train.sbatch.
edited find.sbatch '--nodes=2 --ntasks-per-node=1 --cpus-per-task=1' 10 $data $runs/sweep '--model mlp --deterministic --shards 2'
submit "$script"
sweep=$job
edited train.sbatch '--nodes=1 --ntasks-per-node=2 --cpus-per-task=1' 10 $data $runs/none '--model mlp --deterministic --shards 2 --plot none'
said=$(slurm "$FLR_SOURCE_DIR/slurm/chain.sh" "$script" $runs/chain '--freeze --lr 1e-2 --steps 20' '--lr 1e-4:1e-2 --steps 30') || fail "chain.sh: $said"
first=$(job_of 'stage 1: job') second=$(job_of 'stage 2: job')
said=$(slurm "$FLR_SOURCE_DIR/slurm/chain.sh" "$script" $runs/broken '--lr 1e-2 --batch 1' '--lr 1e-2 --steps 30') || fail "chain.sh: $said"
never=$(job_of 'stage 2: job')

ends $collects 0 'the job that collects'
[ "$(head -n 1 $runs/decays/table.csv)" = 'wd,lr,least_lr,least_loss,points,end,train_loss,valid_loss,error_rate' ] || fail "the table: $(cat $runs/decays/table.csv)"
[ "$(tail -n +2 $runs/decays/table.csv | cut -d , -f 1,6 | tr '\n' ' ')" = '0,done 1e-4,done 1e-3,done 1e-2,done ' ] || fail "the table: $(cat $runs/decays/table.csv)"
while IFS=, read -r wd lr least_lr least_loss points _; do
  [ "$wd" = wd ] && continue
  # As the run itself says.
  grep -q "\"event\": \"suggest\".*\"lr\": $lr}" "$runs/decays/wd-$wd/metrics.jsonl" || fail "the table: $wd has the rate $lr"
  grep -q "^$least_lr,[^,]*,$least_loss," "$runs/decays/wd-$wd/sweep.csv" || fail "the table: $wd is lowest at $least_lr"
  [ "$points" -gt 50 ] || fail "the table: $wd has $points points"
done <$runs/decays/table.csv
if command -v gnuplot >/dev/null; then
  [ "$(head -c 4 $runs/decays/curves.png | tail -c 3)" = PNG ] || fail 'there is no curves.png'
  [ "$(grep -c '<title>gnuplot_plot_' $runs/decays/curves.svg)" = 4 ] || fail 'curves.svg does not have four curves'
fi
cat "$work"/shared/fastlr-array-"$collects".log
mv $runs/decays/wd-1e-3 $runs/decays/gone
bash "$array_script" collect >/dev/null || fail 'collected by hand'
grep -q '^1e-3,,,,0,missing,,,$' $runs/decays/table.csv || fail "a value that is missing: $(cat $runs/decays/table.csv)"
echo "array: ok"

ends $sweep 0 'the sweep alone'
[ -s $runs/sweep/sweep.csv ] || fail 'the sweep alone: no curve'
[ ! -e $runs/sweep/final.h5 ] || fail 'the sweep alone: it trained'
echo "sweep: ok"

ends $second 0 'the second stage'
[ "$(state_of $first)" = COMPLETED ] || fail "the first stage: $(state_of $first)"
grep -q "\"init-weights\":\"$runs/chain/stage1/final.h5\"" $runs/chain/stage2/metrics.jsonl || fail 'the second stage does not start from the first'
"$FLR_PROGRAM" inspect --diff --json $runs/chain/stage1/final.h5 $runs/chain/stage2/final.h5 | grep -Eq '"tensors_equal": ?false' || fail 'the second stage trained nothing'
is_gone() { case $(state_of $never) in CANCELLED | '') ;; *) return 1 ;; esac; }
wait_for 60 'the stage after one that failed is cancelled' is_gone
[ ! -e $runs/broken/stage2 ] || fail 'the stage after one that failed ran'
echo passed
