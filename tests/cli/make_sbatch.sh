#!/usr/bin/env bash
# scripts/make_sbatch.sh: what it writes, and what it refuses before a job waits in a queue for nothing. usage: see common.sh
. "$(dirname "$0")/common.sh"
export OMP_NUM_THREADS=1
PATH=$(dirname "$program"):$PATH
make=(bash "$FLR_SOURCE_DIR/scripts/make_sbatch.sh")
cd "$work" || exit 1

printed() { "${make[@]}" "$@" --dry-run -- fastlr_dist --out run --batch 64 --hidden 8,8 2>"$work/said" || complain "make_sbatch.sh $*: exit code $?: $(cat "$work/said")"; }
has() { grep -qxF -- "$2" <<<"$1" || complain "no line '$2' in: $(head -n 22 <<<"$1")"; }
denied() { # CODE TEXT OPTIONS -- COMMAND
  local code=0
  "${make[@]}" --to refused.sbatch "${@:3}" >"$work/out" 2>"$work/said" || code=$?
  [ $code = "$1" ] || complain "make_sbatch.sh ${*:3}: exit code $code, wanted $1: $(cat "$work/said")"
  grep -Eq -- "$2" "$work/said" || complain "make_sbatch.sh ${*:3} says: $(cat "$work/said"), wanted: $2"
  [ ! -e refused.sbatch ] || complain "make_sbatch.sh ${*:3}: refused, and written"
}

text=$(printed --nodes 1-2 --ranks-per-node 2 --cpus-per-rank 4 --mem 4G --time 2:00:00 --partition p --account a --mpirun --stage --restarts 7)
has "$text" '#SBATCH --nodes=1-2 --ntasks-per-node=2 --cpus-per-task=4 --mem=4G --partition=p --account=a'
has "$text" '#SBATCH --time=2:00:00'
has "$text" '#SBATCH --signal=B:USR2@120'
has "$text" 'data=digits'
has "$text" "run=$(realpath -m run)"
has "$text" 'options=(--batch 64 --hidden 8\,8 --shards 4)'
for value in LAUNCH:-mpirun RESTARTS:-7 "STAGE:-$(realpath "$FLR_SOURCE_DIR/slurm")/stage-data.sh"; do
  grep -qF "=\${FASTLR_$value}" <<<"$text" || complain "no default $value"
done
bash -n <<<"$text" || complain 'the script that is printed is no script'
text=$(printed --nodes 2 --gpus-per-node 4 --time 90)
has "$text" '#SBATCH --nodes=2 --ntasks-per-node=4 --cpus-per-task=8 --gpus-per-node=4'
has "$text" 'options=(--batch 64 --hidden 8\,8)'
[ ! -e run ] || complain 'a run directory was made'

denied 64 "'x' is not allowed: 2, or 1-4" --nodes x --time 60 -- fastlr_dist --out run
denied 64 'the smaller number comes first' --nodes 4-2 --time 60 -- fastlr_dist --out run
denied 64 "--time: 'soon' is not allowed" --nodes 1 --time soon -- fastlr_dist --out run
denied 64 '--time: 3 is too short for a signal 120 s before its end' --nodes 1 --time 3 -- fastlr_dist --out run
denied 64 'the command has no --out DIR' --nodes 1 --time 60 -- fastlr_dist --batch 64
denied 64 'there is no command' --nodes 1 --time 60
denied 64 'fastlr_dist eval is not for batch scripts' --nodes 1 --time 60 -- fastlr_dist eval x.h5
denied 64 '--shards: 2 is fewer than the 4 ranks' --nodes 2 --ranks-per-node 2 --time 60 -- fastlr_dist --out run --shards 2
denied 64 "--ranks-per-node: 3 is more than the 2 GPUs" --nodes 2 --ranks-per-node 3 --gpus-per-node 2 --time 60 -- fastlr_dist --out run
denied 64 '^fastlr_dist: --batch: 3 is smaller than ' --nodes 2 --ranks-per-node 2 --time 60 -- fastlr_dist --out run --batch 3
denied 64 '^fastlr_dist: --bach is no option' --nodes 1 --time 60 -- fastlr_dist --out run --bach 3
denied 66 '^fastlr_dist: none.h5: No such file' --nodes 1 --time 60 -- fastlr_dist --out run --data none.h5
denied 64 '--mem: 300M is less than the [0-9]+ MiB that 4 ranks' --nodes 1 --ranks-per-node 4 --mem 300M --time 60 -- fastlr_dist --out run

# The lead of the signal, by what an earlier run took: 2 x (20 s + 5 s) + 30 s.
mkdir measured
cat >measured/metrics.jsonl <<'LOG'
{"event": "start", "time": 0}
{"event": "step", "time": 10, "step": 10}
{"event": "step", "time": 60, "step": 20}
{"event": "checkpoint", "time": 70, "file": "checkpoint-20.h5", "step": 20, "seconds": 20, "waited": 0}
{"event": "step", "time": 500, "step": 30}
LOG
denied 64 '--lead: 79 s is less than the 80 s that a checkpoint and a step' --nodes 1 --time 60 --measured measured --lead 79 -- fastlr_dist --out run
has "$(printed --nodes 1 --time 60 --measured measured --lead 80)" '#SBATCH --signal=B:USR2@80'
sed -i 's/"seconds": 20/"seconds": 1.2e2/' measured/metrics.jsonl
has "$(printed --nodes 1 --time 60 --measured measured)" '#SBATCH --signal=B:USR2@280'
denied 64 'is no run directory' --nodes 1 --time 60 --measured nowhere -- fastlr_dist --out run

touch there.sbatch
"${make[@]}" --nodes 1 --time 60 --to there.sbatch -- fastlr_dist --out run 2>/dev/null && complain 'a file was overwritten'
finish
