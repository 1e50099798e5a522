#!/usr/bin/env bash
# Every lint passes a clean tree and finds the fault that is planted in it. usage: self_test.sh LINT
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
lint=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=$work/build

# A clean tree in $work with one file to plant faults in.
plant() {
  mkdir -p "$work/src/core" "$work/src/tensor" "$work/scripts" "$build"
  cp "$here/../../.clang-format" "$here/../../.clang-tidy" "$work"
  cp "$here/../../src/core/status.h" "$work/src/core"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\necho "$0"\n' >"$work/scripts/a.sh"
  printf '/* A file. */\n#include <stdlib.h>\n\n#include "core/status.h"\n\nint first(const int *values);\n\n%s\n' \
    'int first(const int *values) { return values[0]; }' >"$work/src/core/a.c"
  printf '[{"directory": "%s", "command": "cc -I%s -c %s",\n"file": "%s"\n}]\n' "$build" "$work/src" "$work/src/core/a.c" \
    "$work/src/core/a.c" >"$build/compile_commands.json"
}
run() { FLR_SOURCE_DIR='' bash "$here/$lint.sh" "$work" "$build" >"$work/log" 2>&1; }

# finds WHAT PATTERN: with the fault that was just planted the lint fails and says so; then the tree is clean again
finds() {
  local code=0
  run || code=$?
  if [ "$code" = 0 ] || [ "$code" = 77 ] || ! grep -Eq "$2" "$work/log"; then
    echo "FAILED: $lint on $1: exit code $code, wanted a fault and '$2'"
    sed 's/^/  | /' "$work/log"
    exit 1
  fi
  echo "$lint finds $1"
  rm -rf "$work/src" "$work/scripts"
  plant
}

# lines N TEXT: N times the line TEXT
lines() { for _ in $(seq "$1"); do echo "$2"; done; }

faults_format() {
  echo 'int   b;' >>"$work/src/core/a.c"
  finds "two spaces too many" 'a\.c:9:.*clang-format'
  echo 'int   b;' >"$work/src/core/a.cu"
  finds "two spaces too many in a kernel" 'a\.cu:1:.*clang-format'
}
faults_tidy() {
  # shellcheck disable=SC2016
  echo 'int second(int n); int second(int n) { int *p = malloc(4); if (n) return 0; free(p); return 1; }' >>"$work/src/core/a.c"
  finds "a leak" 'a\.c:9:.*leak.*unix\.Malloc'
  echo 'int third(int n); int third(int n) { int *p = NULL; if (n > 2) p = &n; return *p; }' >>"$work/src/core/a.c"
  finds "a null pointer" 'a\.c:9:.*NullDereference'
}
faults_includes() {
  echo '#include "tensor/tensor.h"' >>"$work/src/core/a.c"
  finds "an arrow against the rules" 'a\.c:9: core may not include "tensor/tensor\.h"'
  echo '#include "status.h"' >>"$work/src/core/a.c"
  finds "an include without its room" 'a\.c:9: "status\.h" does not begin with a room'
  mkdir -p "$work/src/backend/cpu" "$work/src/backend/ref"
  echo '#include "backend/cpu/b.h"' >"$work/src/backend/ref/c.c"
  finds "a backend that uses another" 'c\.c:1: backend/ref may not include'
  echo '#include <mpi.h>' >>"$work/src/core/a.c"
  finds "mpi.h outside mpi" 'a\.c:9: <mpi\.h> belongs to mpi alone'
  echo '#include <oneapi/dnnl/dnnl.h>' >"$work/src/tensor/t.c"
  finds "dnnl.h outside backend/cpu" 't\.c:1: <oneapi/dnnl/dnnl\.h> belongs to backend/cpu alone'
  mkdir -p "$work/src/backend"
  echo '#include <cuda_runtime_api.h>' >"$work/src/backend/module_cuda.c"
  finds "CUDA in the loader of its module" 'module_cuda\.c:1: <cuda_runtime_api\.h> belongs'
  mkdir -p "$work/src/backend/cuda/kernels"
  echo '#include "mpi/comm.h"' >"$work/src/backend/cuda/kernels/k.cu"
  finds "a kernel that knows ranks" 'k\.cu:1: backend/cuda may not include'
  mkdir -p "$work/mpi"
  echo '#include <cuda_runtime_api.h>' >"$work/mpi/comm_mpi.c"
  finds "CUDA in a comm that is none of its" 'comm_mpi\.c:1: <cuda_runtime_api\.h> belongs'
  rm -r "$work/mpi"
  mkdir -p "$work/datasets"
  echo '#include <hdf5.h>' >"$work/datasets/loader.c"
  finds "hdf5.h outside its files" 'loader\.c:1: <hdf5\.h> belongs'
  rm -r "$work/datasets"
  mkdir "$work/src/attic"
  echo >"$work/src/attic/a.c"
  finds "a room without rules" 'attic/a\.c:1: this file is in no room'
}
faults_lengths() {
  { echo 'int second(void) {'; lines 79 '  first(NULL);'; echo '}'; } >>"$work/src/core/a.c"
  finds "a function of 81 lines" 'a\.c:9: the function has 81 lines'
  { echo 'static int second(int a,'; echo '                  int b) {'; lines 90 '  first(NULL);'; echo '}'; } >>"$work/src/core/a.c"
  finds "a function whose head takes two lines" 'a\.c:9: the function has 93 lines'
  { echo '__global__ void second(int a) {'; lines 90 '  first(NULL);'; echo '}'; } >"$work/src/core/a.cu"
  finds "a kernel of 92 lines" 'a\.cu:1: the function has 92 lines'
  lines 600 '' >>"$work/src/core/a.c"
  finds "a file of 608 lines" 'a\.c:1: the file has 608 lines'
}
faults_shell() {
  # shellcheck disable=SC2016
  echo 'rm $1' >>"$work/scripts/a.sh"
  finds "an unquoted variable" 'SC2086'
}

plant
code=0
run || code=$?
if [ "$code" = 77 ]; then cat "$work/log" && exit 77; fi
[ "$code" = 0 ] || { echo "FAILED: $lint on a clean tree: exit code $code" && cat "$work/log" && exit 1; }
"faults_$lint"
