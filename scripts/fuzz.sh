#!/usr/bin/env bash
# Feeds the readers of files what libFuzzer makes up, under address and undefined-behaviour sanitizers: tests/fuzz. Needs clang.
# usage: fuzz.sh [SECONDS [TARGET...]]    SECONDS for each target (60); targets: csv codec convert folders image ini safetensors checkpoint dataset description
# Prints a line for each target: executions, seconds, findings. Exit code 1 when there is a finding in our own code; inputs that
# fail inside the HDF5 library are listed apart. They lie in build/fuzz/found, the inputs worth keeping in build/fuzz/inputs.
set -euo pipefail
if [ "${1:-}" = --help ]; then sed -n '2,/^set /s/^# //p' "$0" && exit; fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
seconds=${1:-60}
shift $(($# > 0))
targets=("$@")
[ $# -gt 0 ] || targets=(csv codec convert folders image ini safetensors checkpoint dataset description)
build=$root/build/fuzz
if ! command -v clang >/dev/null; then
  echo "skipped: clang is not installed" >&2
  exit 77
fi

settings=(--preset fuzz)
if [ ! -e "$build/CMakeCache.txt" ] && command -v ninja >/dev/null; then settings+=(-G Ninja); fi
mkdir -p "$build"
if ! (cd "$root" && cmake "${settings[@]}" >"$build/configure.log" 2>&1 &&
  cmake --build build/fuzz -j "$(nproc)" --target test_fuzz.write_seeds "${targets[@]/#/test_fuzz.}" >"$build/build.log" 2>&1); then
  tail -30 "$build/configure.log" "$build/build.log" >&2
  exit 1
fi
"$build/tests/test_fuzz.write_seeds" "$build/tests/fuzz/seeds"
export ASAN_OPTIONS=allocator_may_return_null=1 LSAN_OPTIONS=suppressions=$root/tests/harness/lsan.supp:print_suppressions=0

# where LOG: "HDF5" when the innermost function that is not the sanitizers' or libc's is the HDF5 library's, else its name
where() {
  awk '/^ *#[0-9]+ 0x/ && !/__sanitizer|__asan|__interceptor|fuzzer::|__ubsan|libc\.so|sysdeps|\.\/string|in (malloc|free|realloc|calloc|aligned_alloc|raise|abort)/ {
         if (/libhdf5/) print "HDF5"; else { sub(/.* in /, ""); print $1 }
         exit
       }' "$1"
}

total=0
for target in "${targets[@]}"; do
  program=$build/tests/fuzz_$target found=$build/found/$target inputs=$build/inputs/$target
  mkdir -p "$found" "$inputs"
  rm -f "$found"/*.log
  folders=("$inputs" "$root/tests/fuzz/corpus/$target")
  [ ! -d "$build/tests/fuzz/seeds/$target" ] || folders+=("$build/tests/fuzz/seeds/$target")
  "$program" -fork=1 -ignore_crashes=1 -ignore_ooms=1 -ignore_timeouts=1 -timeout=20 -rss_limit_mb=2500 -max_total_time="$seconds" \
    -artifact_prefix="$found/" "${folders[@]}" >"$build/fuzz_$target.log" 2>&1 || true
  ours=0 foreign=0
  for input in "$found"/*; do
    case "$input" in *.log | "$found/*") continue ;; esac
    "$program" -timeout=20 -rss_limit_mb=2500 "$input" >"$input.log" 2>&1 && rm -f "$input" "$input.log" && continue # it was the machine
    place=$(where "$input.log")
    if [ "$place" = HDF5 ]; then foreign=$((foreign + 1)); else ours=$((ours + 1)); fi
    echo "  $target: ${input#"$root/"}: in ${place:-?}: $(grep -m1 -oE 'ERROR: .*|runtime error: .*' "$input.log" | cut -c1-120)"
  done
  runs=$(grep -oE '^#[0-9]+' "$build/fuzz_$target.log" | tail -1)
  echo "$target: ${runs#\#} executions, $seconds s, $ours findings, $foreign inside HDF5"
  total=$((total + ours))
done
[ "$total" = 0 ]
