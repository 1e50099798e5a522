#!/usr/bin/env bash
# Rooms include only the rooms they may, and foreign headers stay in theirs: rooms.txt has the rules. usage: includes.sh [TREE]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
cd "$tree"
tree=.
sources src mpi datasets | LC_ALL=C xargs -d '\n' awk -f "$here/includes.awk" "$here/rooms.txt"
