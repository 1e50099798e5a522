#!/usr/bin/env bash
# The cpu backend with oneDNN 3: a build of the library and its op tests for themselves, which pass; kept, so that the next time is
# quick. Skipped where scripts/setup_onednn3.sh was not run. usage: onednn3.sh FOLDER GENERATOR
set -euo pipefail
build=$1 generator=$2
prefix=$("${FLR_SOURCE_DIR:?}/scripts/setup_onednn3.sh" --there 2>&1) || { echo "skipped: $prefix"; exit 77; }
unset FLR_CUDA # (which asks for the module in every build)

cmake -S "$FLR_SOURCE_DIR" -B "$build" -G "$generator" -DCMAKE_BUILD_TYPE=Release -DFLR_WERROR="${FLR_WERROR:-OFF}" -DFLR_CUDA=OFF -U 'oneDNN_C_*' \
  "-DCMAKE_PREFIX_PATH=$prefix" >"$build.log" 2>&1 ||
  { cat "$build.log"; exit 1; }
cmake --build "$build" --parallel 2 --target test_ops.conformance test_ops.cpu_backend >"$build.log" 2>&1 || { tail -30 "$build.log"; exit 1; }
ldd "$build/tests/test_ops.conformance" | grep -F "$prefix/lib/libdnnl.so.3" || { echo "FAILED: not linked with oneDNN 3"; exit 1; }
"$build/tests/test_ops.conformance" cpu f32
"$build/tests/test_ops.cpu_backend"
ONEDNN_MAX_CPU_ISA=AVX2 "$build/tests/test_ops.conformance" cpu f32
