#!/usr/bin/env bash
# GPUs that are asked for and not there: exit code, reason, remedy; and "auto", which goes on with one line or none.
. "$(dirname "$0")/common.sh"
unset CUDA_VISIBLE_DEVICES
yes 'no library' | head -100 >"$work/text.so"

export FASTLR_CUDA_MODULE=$work/none.so
refused 69 'cuda: FASTLR_CUDA_MODULE: .*/none\.so does not exist: .*--backend cpu$' --backend cuda
refused 69 'cuda: FASTLR_CUDA_MODULE: .*/none\.so does not exist: ' find --backend cuda
wait
export FASTLR_CUDA_MODULE=$work/text.so
refused 69 'cuda: .*/text\.so cannot be loaded \(.*\): .*--backend cpu$' --backend cuda
wait
export FASTLR_CUDA_MODULE=
refused 69 'cuda: FASTLR_CUDA_MODULE is empty' --backend cuda
wait

# warnings WHAT COUNT: of the last run
warnings() { same "$1" "$2" "$(grep -c '^fastlr_dist: warning: no GPU is used: cuda: ' err)"; }
short=(fit --data digits --hidden 8 --steps 2 --batch 64 --lr 0.1 --plot none)
export FASTLR_CUDA_MODULE=$work/text.so
accepted "${short[@]}"
warnings "auto with a module that is none" 1
accepted --backend cpu "${short[@]}"
warnings "cpu, as it was asked for" 0
export CUDA_VISIBLE_DEVICES=-1
accepted "${short[@]}"
warnings "auto where GPUs are hidden" 0
unset CUDA_VISIBLE_DEVICES
export FASTLR_CUDA_MODULE=
accepted "${short[@]}"
warnings "auto where no module is wanted" 0

# one rank with a GPU (the fake one: the reference backend) and one without: none is used, and one line says so
if [ "$ranks" = 2 ]; then
  fakes=$tools/fake_modules
  lucky=(env "FASTLR_CUDA_MODULE=$fakes/fake_good.so" "LD_LIBRARY_PATH=$fakes${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$program")
  (cd run && timeout 60 "${mpirun[@]}" -np 2 "${lucky[@]}" "${short[@]}") >out 2>err </dev/null
  same "auto with two GPUs" "0 1 0" "$? $(grep -c '2 ranks.*, ref (' err) $(grep -c 'no GPU' err)"
  (cd run && timeout 60 "${mpirun[@]}" -np 1 "${lucky[@]}" "${short[@]}" : -np 1 "$program" "${short[@]}") >out 2>err </dev/null
  same "auto with one GPU of two" "0 1" "$? $(grep -c '2 ranks.*, cpu (' err)"
  said=$(grep 'no GPU' err)
  [[ $said == *'as 1 of 2 ranks have none: rank 1 '*': cuda: not expected here' ]] || complain "auto with one GPU of two says: $said"
  same "warnings of it" 1 "$(wc -l <<<"$said")"
fi

if [ "$ranks" = 1 ]; then
  FASTLR_CUDA_MODULE=$work/none.so fastlr backends --json
  same "backends with a module that is missing" 0 "$code"
  tr -d '\n\t' <out >flat
  for name in backend:cuda comm:nccl; do
    grep -Eq '"kind": *"'"${name%:*}"'",[^}]*"name": *"'"${name#*:}"'",[^}]*"available": *false,[^}]*none\.so does not exist' flat ||
      complain "backends --json does not say why there is no $name: $(cat flat)"
  done
fi
finish
