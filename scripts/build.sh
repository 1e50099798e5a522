#!/usr/bin/env bash
# Configures and builds the release in build/release, as the preset of that name does, also with a CMake that is too old for the presets.
# usage: build.sh [run|all]    run: the program and the CUDA module; all (default): also the tests
# FLR_WERROR=ON in the environment: warnings are errors, as in continuous integration: other compilers warn of other things.
# FLR_CUDA=ON or OFF in the environment: with or without the CUDA module, otherwise it is built where a toolkit is found.
set -euo pipefail
if [ "${1:-}" = --help ]; then sed -n '2,/^set /s/^# //p' "$0" && exit; fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/release
jobs=$(nproc)

settings=(-DCMAKE_BUILD_TYPE=Release -DFLR_WERROR="${FLR_WERROR:-OFF}" ${FLR_CUDA:+-DFLR_CUDA="$FLR_CUDA"})
targets=()
case "${1:-all}" in
  run)
    targets=(--target fastlr_dist)
    [ -e "$build/CMakeCache.txt" ] || settings+=(-DBUILD_TESTING=OFF)
    ;;
  all) settings+=(-DBUILD_TESTING=ON) ;;
  *)
    echo "build.sh: unknown set '$1': say run or all" >&2
    exit 64
    ;;
esac
if [ ! -e "$build/CMakeCache.txt" ] && command -v ninja >/dev/null; then settings+=(-G Ninja); fi

mkdir -p "$build"
if [ ! -w "$build" ]; then
  echo "build.sh: cannot write to $build: remove it or run as its owner" >&2
  exit 74
fi
if ! cmake -S "$root" -B "$build" "${settings[@]}" >"$build/configure.log" 2>&1; then
  cat "$build/configure.log" >&2
  exit 1
fi
cmake --build "$build" -j "$jobs" ${targets[@]+"${targets[@]}"}
