#!/usr/bin/env bash
# Sets up, builds and runs all tests; ends with ctest's summary and fails when anything failed.
# usage: check.sh [ARGUMENTS OF ctest..]    such as -R cli; CTEST_PARALLEL_LEVEL in the environment: tests at a time (all cores)
set -euo pipefail
if [ "${1:-}" = --help ]; then sed -n '2,/^set /s/^# //p' "$0" && exit; fi
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$scripts/setup.sh" all
"$scripts/build.sh" all
exec ctest --test-dir "$scripts/../build/release" --output-on-failure --parallel "${CTEST_PARALLEL_LEVEL:-$(nproc)}" "$@"
