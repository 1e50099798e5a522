#!/usr/bin/env bash
# The module shows its table and nothing else, opens wherever it was built, and the program itself needs no CUDA library.
# usage: symbols.sh MODULE WHY_NOT    MODULE: "none" when it was not built, for the reason WHY_NOT
set -euo pipefail
module=$1
fail() {
  echo "FAILED: $*"
  exit 1
}

needed=$(ldd "${FLR_PROGRAM:?the program}")
grep -q libc.so <<<"$needed" || fail "ldd says nothing of the program: $needed"
if grep -E 'libcuda|libcublas|libcudnn|libnccl|libnv|libfastlr_cuda' <<<"$needed"; then fail "the program links CUDA"; fi

if [ "$module" = none ]; then
  echo "skipped: the CUDA module was not built: $2" >&2
  exit 77
fi
shown=$(nm -D --defined-only "$module" | awk '{ print $NF }')
[ "$shown" = flr_cuda_module_table ] || fail "the module shows: $shown"

said=$(unset FASTLR_CUDA_MODULE; "$FLR_PROGRAM" backends | grep '^backend  *cuda ')
if grep -E 'is not in|not loaded|cannot be loaded|build both|not a module' <<<"$said"; then fail "the module beside the program does not open"; fi
if [ ! -e /dev/nvidiactl ]; then
  grep -q 'no NVIDIA driver' <<<"$said" || fail "without a driver it says: $said"
fi
echo "$said"
FASTLR_CUDA_MODULE=$module "$FLR_PROGRAM" backends | grep -Fx "$said" >/dev/null || fail "named by FASTLR_CUDA_MODULE it says something else"
