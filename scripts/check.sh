#!/usr/bin/env bash
# Sets up, builds and runs all tests; ends with ctest's summary and fails when anything failed. Arguments go to ctest.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$scripts/setup.sh" all
"$scripts/build.sh" all
exec ctest --test-dir "$scripts/../build/release" --output-on-failure --parallel "${CTEST_PARALLEL_LEVEL:-$(nproc)}" "$@"
