#!/usr/bin/env bash
# Proves and measures the GPU path on a machine with 1 to 8 GPUs: builds, runs the GPU tests, trains, times steps beside PyTorch.
# usage: gpu-check.sh [--build DIR] [--quick] [OUT]
#   --build DIR   a build folder that is there already (default: configures and builds build/cuda)
#   --quick       a tenth of the steps
#   OUT           folder of report.json, report.md and the logs (default: gpu-report)
# Needs no network and no root. Exit code 0: everything that could be run passed; 1: something failed; 69: there is no GPU.
set -uo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(dirname "$scripts")
build='' out=gpu-report steps=200 failed=0
while [ $# -gt 0 ]; do
  case "$1" in
    --build) build=$(cd "${2:?--build wants a folder}" && pwd) && shift ;;
    --quick) steps=20 ;;
    --help) sed -n '2,7s/^# //p' "$0" && exit 0 ;;
    -*) sed -n '2,7s/^# //p' "$0" >&2 && exit 64 ;;
    *) out=$1 ;;
  esac
  shift
done
mkdir -p "$out" || exit 74
out=$(cd "$out" && pwd)
results=$out/results.jsonl
: >"$results"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1

say() { echo "gpu-check: $*" >&2; }
# note NAME JSON-VALUE: one line of the report
note() { printf '{"name": "%s", "value": %s}\n' "$1" "$2" >>"$results"; }
# field JSON KEY: the value of a key in a flat JSON line
field() { sed -n "s/.*\"$2\": *\"\{0,1\}\([^,\"}]*\)\"\{0,1\}[,}].*/\1/p" <<<"$1"; }
# attempt NAME COMMAND...: runs it, keeps its log, says how it ended
attempt() {
  local name=$1 began=$SECONDS
  shift
  if "$@" >"$out/$name.log" 2>&1; then
    note "$name" "{\"passed\": true, \"seconds\": $((SECONDS - began))}"
    say "$name: passed"
  else
    note "$name" "{\"passed\": false, \"exit\": $?, \"seconds\": $((SECONDS - began))}"
    say "$name: FAILED, see $out/$name.log"
    failed=1
    return 1
  fi
}

machine() {
  gpus=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | wc -l)
  gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -1)
  driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -1)
  revision=$(git -C "$tree" rev-parse --short HEAD 2>/dev/null || echo unknown)
  note machine "{\"date\": \"$(date -u +%F)\", \"gpus\": $gpus, \"gpu\": \"$gpu\", \"driver\": \"$driver\", \"revision\": \"$revision\"}"
}

# shellcheck disable=SC2317 # run by attempt
compile() {
  build=$tree/build/cuda
  cmake -S "$tree" -B "$build" -D CMAKE_BUILD_TYPE=Release -D FLR_CUDA=ON && cmake --build "$build" --parallel "$(nproc)"
}

# launch RANKS PROGRAM...: one rank without a launcher, so that it works where there is none
launch() {
  local ranks=$1
  shift
  if [ "$ranks" = 1 ]; then "$@"; else mpirun --oversubscribe --bind-to none -np "$ranks" "$@"; fi
}

# train NAME RANKS OPTIONS...: a whole run of the program; its last epoch goes into the report
train() {
  local name=$1 ranks=$2 last
  shift 2
  rm -rf "${out:?}/$name"
  attempt "$name" launch "$ranks" "$build/fastlr_dist" --out "$out/$name" "$@" || return
  last=$(grep '"epoch"' "$out/$name/metrics.jsonl" | tail -1)
  note "$name.last_epoch" "$last"
}

# across_backends: weights trained on the GPU are evaluated on the CPU, and the other way round
# shellcheck disable=SC2317 # run by attempt
across_backends() {
  local gpu_error cpu_error
  gpu_error=$("$build/fastlr_dist" eval "$out/digits_f32/final.h5" --data digits --backend cuda --precision f32 --json) &&
    cpu_error=$("$build/fastlr_dist" eval "$out/digits_f32/final.h5" --data digits --backend cpu --json) || return 1
  echo "$gpu_error"
  echo "$cpu_error"
  awk -v a="$(field "$(tr -d '\n\t' <<<"$gpu_error")" loss)" -v b="$(field "$(tr -d '\n\t' <<<"$cpu_error")" loss)" \
    'BEGIN { d = a - b; if (d < 0) d = -d; exit !(a != "" && d <= 1e-4 * (1 + b)) }'
}

# step NAME RANKS OPTIONS...: steps per second and the timeline of one
step() {
  local name=$1 ranks=$2 line
  shift 2
  if line=$(launch "$ranks" "$build/tests/bench_device_step" "$steps" "$@" 2>"$out/$name.log" | tail -1) && [ -n "$line" ]; then
    note "$name" "$line"
    say "$name: $(field "$line" samples_per_second) samples/s"
  else
    note "$name" '{"passed": false}'
    say "$name: FAILED, see $out/$name.log"
    failed=1
  fi
}

# What the same nets do in PyTorch, where it can be imported.
peers() {
  python3 -c 'import torch, torchvision' 2>/dev/null || {
    say "no PyTorch here: no peer is measured"
    return 0
  }
  while IFS= read -r line; do note "torch.$(field "$line" name)" "$line"; done < <(python3 "$scripts/gpu_peer.py" "$steps" 2>"$out/peers.log")
}

training() {
  local precision
  for precision in f32 bf16 fp16; do train "digits_$precision" 1 --backend cuda --precision "$precision"; done
  train digits_cpu 1 --backend cpu
  attempt across_backends across_backends
  train digits_no_graph 1 --backend cuda --precision f32 --cuda-graph off
  train cifar_shaped 1 --backend cuda --data synthetic:20000,32,32,3,10 --model resnet9 --batch 512 --epochs 1
  train imagenet_shaped 1 --backend cuda --data synthetic:2048,224,224,3,1000 --model resnet50 --batch 128 --epochs 1 --lr 1e-3
  if [ "$gpus" -gt 1 ]; then train digits_all_gpus "$gpus" --backend cuda --precision f32 --batch $((64 * gpus)); fi
}

speed() {
  local ranks
  step resnet50_224_b256_bf16 1 --backend cuda --model resnet50 --data synthetic:4096,224,224,3,1000 --batch 256
  step resnet18_32_b512_bf16 1 --backend cuda --model resnet18 --data synthetic:16384,32,32,3,10 --batch 512
  step resnet18_32_b512_no_graph 1 --backend cuda --model resnet18 --data synthetic:16384,32,32,3,10 --batch 512 --cuda-graph off
  step mlp_b128_bf16 1 --backend cuda --model mlp --hidden 1024,1024 --data synthetic:16384,32,32,3,10 --batch 128
  for ((ranks = 2; ranks <= gpus; ranks *= 2)); do
    step "resnet50_224_x$ranks" "$ranks" --backend cuda --model resnet50 --data synthetic:4096,224,224,3,1000 --batch $((256 * ranks))
  done
  peers
}

report() {
  { echo '['; paste -sd, "$results"; echo ']'; } >"$out/report.json"
  {
    echo "# GPU check, $(date -u +%F)"
    echo
    echo "$gpus x $gpu, driver $driver, revision $revision"
    echo
    echo '| what | result |'
    echo '|---|---|'
    while IFS= read -r line; do
      local name=${line#*\"name\": \"}
      name=${name%%\"*}
      case "$line" in
        *error_rate*) echo "| $name | error rate $(field "$line" error_rate) |" ;;
        *samples_per_second*) echo "| $name | $(field "$line" samples_per_second) samples/s, $(field "$line" ms_per_step) ms a step |" ;;
        *'"passed": true'*) echo "| $name | passed |" ;;
        *'"passed": false'*) echo "| $name | **failed** |" ;;
      esac
    done <"$results"
  } >"$out/report.md"
  say "the report is $out/report.md"
}

main() {
  machine
  if [ -z "$build" ]; then attempt build compile || { report && exit 1; }; fi
  attempt tests ctest --test-dir "$build" -L 'cuda|nccl' --output-on-failure
  grep -E 'tests passed|tests failed|Skipped' "$out/tests.log" >&2
  if [ "$gpus" = 0 ]; then
    say "there is no GPU on this machine: nothing was trained or timed"
    report
    exit 69
  fi
  training
  speed
  report
  exit "$failed"
}

main
