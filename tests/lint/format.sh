#!/usr/bin/env bash
# Every C file is as clang-format leaves it. usage: format.sh [TREE]
set -euo pipefail
. "$(dirname "$0")/common.sh"
format=$(tool clang-format)
# (the style comes from the tree's .clang-format, which is found from the file upwards)
if ! sources src mpi datasets tests | xargs -d '\n' "$format" --dry-run --Werror; then
  echo "remedy: scripts/format.sh" >&2
  exit 1
fi
