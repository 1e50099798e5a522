#!/usr/bin/env bash
# No file has more than 600 lines, no function more than 80. usage: lengths.sh [TREE]
set -euo pipefail
here=$(dirname "$0")
. "$here/common.sh"
{
  sources src mpi datasets tests
  find "$tree" \( -name build -o -name .git -o -name runs \) -prune -o \( -name '*.sh' -o -name '*.cmake' -o -name CMakeLists.txt \) -print
} | LC_ALL=C xargs -d '\n' awk -f "$here/lengths.awk"
