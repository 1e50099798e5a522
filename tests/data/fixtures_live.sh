#!/usr/bin/env bash
# Files written by the h5py of this machine are read as NumPy says. usage: fixtures_live.sh TEST_PROGRAM SCRIPT
set -u
python=${FLR_PYTHON:-python3}
"$python" -c 'import h5py, numpy' 2>/dev/null || { echo "skipped: $python has no h5py (FLR_PYTHON names another)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" "$2" "$work" || exit 1
"$1" "$work"
