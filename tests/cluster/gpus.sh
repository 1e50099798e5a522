#!/usr/bin/env bash
# Nodes with GPUs, as Slurm counts them: the directives of the batch scripts are taken, ranks see the GPUs of their node, and a job that was made for
# GPUs trains on them (on emulated ones). usage: gpus.sh
# shellcheck disable=SC2016,SC2034,SC2086
. "$(dirname "$0")/slurm.sh"
gpus=2 cpus=8
cluster_up 2
runs=$work/shared/runs

# Slurm itself reads what asks for GPUs.
edited train.sbatch '--nodes=2 --ntasks-per-node=2 --cpus-per-task=2' 10 $data $runs/none ''
for words in --gpus-per-node=2 --gpus-per-node=fake:2 --gres=gpu:2 --gres=gpu:fake:2 '--gpus-per-node=2 --gpu-bind=none' --gpus-per-task=1; do
  said=$(slurm sbatch --test-only $words "$script" 2>&1) || fail "sbatch $words: $said"
done
slurm sbatch --test-only --gpus-per-node=3 "$script" 2>/dev/null && fail 'three GPUs of a node with two are given'

# Ranks of a node see both of its GPUs, each rank of --gpus-per-task its own.
visible() { # WANTED WORDS...
  local seen
  seen=$(slurm srun --quiet --nodes=2 --ntasks-per-node=2 --mpi=none "${@:2}" sh -c 'echo "$SLURM_LOCALID:$CUDA_VISIBLE_DEVICES"' | sort | paste -sd ' ')
  [ "$seen" = "$1" ] || fail "${*:2}: local rank and GPUs are '$seen' and not '$1'"
}
visible '0:0,1 0:0,1 1:0,1 1:0,1' --gpus-per-node=2
visible '0:0,1 0:0,1 1:0,1 1:0,1' --gres=gpu:fake:2
visible '0:0 0:0 1:1 1:1' --gpus-per-node=2 --gpu-bind=map_gpu:0,1
echo "directives: ok"

# A job made for GPUs.
module=${FLR_PROGRAM%/*}/tests/libfastlr_cuda_emulated.so
if [ ! -e "$module" ]; then
  echo "no emulated GPUs in this build: no job on them"
  exit 0
fi
export FASTLR_CUDA_MODULE=$module FASTLR_EMULATED_DEVICES=8
options='--model mlp --steps 4 --lr 1e-2 --precision f32 --backend cuda --log-every 1 --plot none'
"$FLR_SOURCE_DIR/scripts/make_sbatch.sh" --nodes 2 --gpus-per-node 2 --cpus-per-rank 2 --time 10 --to $work/shared/made.sbatch -- \
  fastlr_dist --data $data --out $runs/made $options || fail "make_sbatch.sh: $?"
grep -q '^#SBATCH --nodes=2 --ntasks-per-node=2 --cpus-per-task=2 --gpus-per-node=2$' $work/shared/made.sbatch || fail "make_sbatch.sh: $(head -n 20 $work/shared/made.sbatch)"
submit made.sbatch
ends $job 0 'on GPUs'
grep -q '"ranks": 4, .*"backend": "cuda"' $runs/made/metrics.jsonl || fail "not four ranks on GPUs: $(head -n 1 $runs/made/metrics.jsonl)"

# More ranks than GPUs, which a rank sees by what Slurm gave to the job; slices of MIG, a rank for each, and one rank too many.
too_many() { # NAME WORDS OF sbatch...
  edited train.sbatch '--nodes=1 --ntasks-per-node=3 --cpus-per-task=1' 10 $data "$runs/$1" "$options"
  submit "${@:2}" "$script"
  ends $job 69 "$1"
  grep -q 'fastlr_dist: cuda: 3 ranks on this host and 2 GPUs: start at most 2 here' $work/shared/fastlr-train-$job.log || fail "$1: $(cat $work/shared/fastlr-train-$job.log)"
}
too_many crowded --gpus-per-node=2
cat >$work/shared/sliced <<'SLICED'
#!/bin/bash
CUDA_VISIBLE_DEVICES=MIG-8932f937-d72c,MIG-46a2c1f3-ab42 exec fastlr_dist "$@"
SLICED
chmod +x $work/shared/sliced
export FASTLR_PROGRAM=$work/shared/sliced
too_many slices --gpus-per-node=2
edited train.sbatch '--nodes=2 --ntasks-per-node=2 --cpus-per-task=1' 10 $data $runs/sliced "$options"
submit --gpus-per-node=2 "$script"
ends $job 0 'a rank for each slice'
echo "passed after $SECONDS s"
