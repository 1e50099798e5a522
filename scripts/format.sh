#!/usr/bin/env bash
# Formats every C and CUDA file of the tree in place.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
format=$(command -v clang-format-14 || command -v clang-format) || {
  echo "format.sh: clang-format is missing: scripts/setup.sh installs it" >&2
  exit 69
}
find src mpi datasets tests \( -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' \) -print0 | xargs -0 "$format" -i
