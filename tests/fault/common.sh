# Sourced by the fault tests of the program: a short job that always computes the same, and what has to hold after it.
# shellcheck shell=bash disable=SC2034
# usage of the tests: TEST.sh FOLDER MPIRUN...; FOLDER: where storage_fault.so and clock_jump.so are
. "$(dirname "${BASH_SOURCE[0]}")/../harness/script.sh"
work_folder
shims=$1
shift
mpirun=("$@")
job=(-np 2 "$program" fit --model mlp --dropout 0.1 --batch 32 --steps 40 --deterministic --shards 2 --lr 1e-2 --checkpoint-every 10 --log-every 1
  --plot none --quiet --watchdog 2)

# run FOLDER ARGUMENTS...: the job into that folder; its exit code in $code
run() {
  local folder=$1
  shift
  timeout -k 5 60 "${mpirun[@]}" "${job[@]}" --out "$folder" "$@" >"$work/out" 2>"$work/err"
  code=$?
}

# shim NAME: the library of that name, for LD_PRELOAD
shim() {
  [ -z "${ASAN_OPTIONS:-}" ] || skip "a sanitizer has to be loaded first, so nothing can be put before it"
  echo "$shims/$1.so"
}

# with_fault VARIABLE=VALUE... -- FOLDER ARGUMENTS...: run, with the storage's fault (storage_fault.c)
with_fault() {
  local library set=()
  library=$(shim storage_fault) || { echo "$library"; exit 77; }
  while [ "$1" != -- ]; do
    set+=(-x "FLR_FAULT_$1")
    shift
  done
  shift
  local mpirun=("${mpirun[@]}" -x "LD_PRELOAD=$library" "${set[@]}")
  run "$@"
}

ended_with() { # CODE WHAT
  [ "$code" = "$1" ] || fail "$2: exit code $code, wanted $1"
}

says() { # WORDS WHAT
  grep -Eq -- "$1" "$work/err" || fail "$2: no line '$1'"
}

# whole FOLDER NAME...: these checkpoints are there and whole, and there are no others, nor half ones
whole() {
  local folder=$1 wanted
  shift
  wanted=$(printf '%s\n' "$@" | LC_ALL=C sort)
  [ "$(find "$folder" -name 'checkpoint-*' -printf '%f\n' | LC_ALL=C sort)" = "$wanted" ] ||
    fail "$folder holds $(find "$folder" -name 'checkpoint-*' -printf '%f ') and not $*"
  for name in "$@"; do "$program" inspect "$folder/$name" >/dev/null 2>&1 || fail "$folder/$name is not whole"; done
  ! compgen -G "$folder/*.tmp.*" >/dev/null || fail "half files are left: $(echo "$folder"/*.tmp.*)"
}

# same_as_undisturbed FOLDER WHAT: the run there has the weights and all the steps of one that nothing happened to
same_as_undisturbed() {
  [ "$(weights "$1")" = "$undisturbed" ] || fail "$2: other weights than the undisturbed run"
  [ "$(sed -n 's/^{"event": "step".*"step": \([0-9]*\),.*/\1/p' "$1/metrics.jsonl" | tr '\n' ' ')" = "$(seq -s ' ' 0 39) " ] ||
    fail "$2: steps are missing or twice in metrics.jsonl"
}

# resumes FOLDER WHAT: gone on with, the run there ends as an undisturbed one
resumes() {
  run "$1" --resume
  ended_with 0 "$2, resumed"
  same_as_undisturbed "$1" "$2, resumed"
}

run "$work/undisturbed"
ended_with 0 "the undisturbed run"
undisturbed=$(weights "$work/undisturbed")
whole "$work/undisturbed" checkpoint-30.h5 checkpoint-40.h5
same_as_undisturbed "$work/undisturbed" "the undisturbed run"
