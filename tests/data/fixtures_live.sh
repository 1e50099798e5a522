#!/usr/bin/env bash
# Files written by the h5py of this machine are read as NumPy says. usage: fixtures_live.sh TEST_PROGRAM SCRIPT
. "$(dirname "$0")/../harness/script.sh"
python=${FLR_PYTHON:-python3}
"$python" -c 'import h5py, numpy' 2>/dev/null || skip "$python has no h5py (FLR_PYTHON names another)"
work_folder
"$python" "$2" "$work" || exit 1
"$1" "$work"
