#!/usr/bin/env bash
# Slurm itself reads what the batch scripts ask for; all scripts have --help; what several of them do is the same text. usage: scripts.sh
# shellcheck disable=SC2034,SC2086
set -u
folder=${FLR_SOURCE_DIR:?}/slurm
wrong=0
complain() {
  echo "FAILED: $*"
  wrong=1
}

for script in "$folder"/*.sh "$folder"/*.sbatch "$FLR_SOURCE_DIR/scripts/make_sbatch.sh"; do
  said=$(env -u SLURM_JOB_ID bash "$script" --help </dev/null) || complain "${script##*/} --help: exit code $?"
  grep -q '^usage: ' <<<"$said" || complain "${script##*/} --help: $said"
done
for script in "$folder"/*.sh "$folder"/train.sbatch "$folder"/find.sbatch "$FLR_SOURCE_DIR/scripts/make_sbatch.sh"; do
  env -u SLURM_JOB_ID bash "$script" </dev/null >/dev/null 2>&1
  [ $? = 64 ] || complain "${script##*/} by itself: not exit code 64"
done

SLURM_JOB_ID=1 FASTLR_STAGE_TIMEOUT=1h bash "$folder/stage-data.sh" clean 2>/dev/null
[ $? = 64 ] || complain 'stage-data.sh: a time that is no number of seconds is taken'

common() { sed -n '/^# ---- the job: the same lines/,/^# ---- up to here the same/p' "$folder/$1.sbatch"; }
[ "$(common train | wc -l)" -gt 60 ] || complain 'train.sbatch has no lines that all scripts share'
for script in find array-sweep; do
  diff <(common train) <(common $script) || complain "$script.sbatch differs from train.sbatch in what is the same"
done
# What the ranks of srun need (see README.md) is set for them, unless the user has.
fence() { # LAUNCH VALUE
  (eval "$(sed -n '/^launcher()/,/^}/p' "$folder/train.sbatch")" && launch=$1 more=() SLURM_PMIX_FENCE=$2 && launcher && env | sed -n 's/^SLURM_PMIX_FENCE=//p')
}
[ "$(fence srun '')$(fence srun ring)$(fence mpirun '')" = treering ] || complain "srun's fence: '$(fence srun '')', '$(fence srun ring)', '$(fence mpirun '')'"
for script in train find array-sweep; do
  lines=$(sed -n '/^# ---- edit/,/^# ---- up to here ----/p' "$folder/$script.sbatch" | grep -vc '^# ----')
  [ "$lines" -le 5 ] || complain "$script.sbatch has $lines lines to edit"
done
said=$(eval "$(sed -n '/^launcher()/,/^}/p' "$folder/train.sbatch")" && launch=srun more=(--mpi=pmi2 --container-image=x.sqsh) && launcher && echo "${words[*]}")
[[ $said == 'srun --mpi=pmix '*' --mpi=pmi2 --container-image=x.sqsh' ]] || complain "further words for srun: $said"
[ $wrong = 0 ] || exit 1

. "$(dirname "$0")/slurm.sh"
cpus=64
cluster_up 2
takes() { # SCRIPT CORES WORDS...
  said=$(slurm sbatch --test-only "${@:3}" "$1" 2>&1) || fail "sbatch --test-only ${1##*/}: $said"
  grep -Eq "to start at .* using $2 processors on nodes host" <<<"$said" || fail "sbatch --test-only ${1##*/}: not $2 cores: $said"
}
takes "$folder/train.sbatch" 64
takes "$folder/find.sbatch" 64
takes "$folder/array-sweep.sbatch" 32 --array=0-3
sed 's/^#SBATCH --signal=.*/#SBATCH --signal=B:WRONG@120/' "$folder/train.sbatch" >$work/shared/wrong.sbatch
slurm sbatch --test-only $work/shared/wrong.sbatch 2>/dev/null && fail 'a wrong directive is taken'
"$FLR_SOURCE_DIR/scripts/make_sbatch.sh" --nodes 1-2 --ranks-per-node 4 --cpus-per-rank 4 --mem 3G --time 1-0:30:00 --partition high \
  --to $work/shared/made.sbatch -- fastlr_dist find --batch 64 --out $work/shared/runs/made || fail "make_sbatch.sh: $?"
takes $work/shared/made.sbatch 32
echo passed
