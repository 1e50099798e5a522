#!/usr/bin/env bash
# Files whose filters are plugins (Python's hdf5plugin) are read as NumPy says, train as plain ones do, and are refused without HDF5_PLUGIN_PATH.
# usage: plugins_live.sh TEST_PROGRAM SCRIPT MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
python=${FLR_PYTHON:-python3} reads=$1 script=$2
shift 2
plugins=$("$python" -c 'import h5py, numpy, hdf5plugin; print(hdf5plugin.PLUGIN_PATH)' 2>/dev/null) ||
  skip "$python has no h5py with hdf5plugin (FLR_PYTHON names another)"
work_folder
unset HDF5_PLUGIN_PATH
PYTHONDONTWRITEBYTECODE=1 "$python" "$script" "$work" || fail "the files could not be written"
HDF5_PLUGIN_PATH=$plugins "$reads" "$work" 24 || fail "other values"

# train RANKS DATA: its losses; what it says in $work/said
train() {
  local launch=()
  [ "$1" = 1 ] || launch=("${mpirun[@]}" -np "$1")
  timeout 60 "${launch[@]}" "$program" --data "$work/$2" --model mlp --hidden 8 --shards 2 --deterministic --batch 16 --lr 1e-2 --steps 8 --log-every 1 \
    --plot none --out "$work/run" >"$work/said" 2>&1
  code=$?
  [ $code != 0 ] || sed -n 's/^{"event": "step".*"loss": \([^,]*\),.*/\1/p' "$work/run/metrics.jsonl" >"$work/losses"
  rm -rf "$work/run"
}
mpirun=("$@")
train 1 plain.h5
[ "$code" = 0 ] || fail "plain data: $(cat "$work/said")"
cp "$work/losses" "$work/wanted"
[ "$(wc -l <"$work/wanted")" = 8 ] || fail "plain data: not 8 losses"
through='train/images is stored through a filter that only HDF5 undoes: read through HDF5, which is slower'
for name in blosc_lz4 bitshuffle_zstd; do
  for ranks in 1 2; do
    export HDF5_PLUGIN_PATH=$plugins
    train $ranks packed-$name.h5
    [ "$code" = 0 ] || fail "$name, $ranks ranks: exit code $code: $(cat "$work/said")"
    [ "$(grep -c "$through" "$work/said")" = 1 ] || fail "$name, $ranks ranks: H5Dread is not said once: $(cat "$work/said")"
    cmp "$work/losses" "$work/wanted" || fail "$name, $ranks ranks: other losses than those of plain data"
    unset HDF5_PLUGIN_PATH
    train $ranks packed-$name.h5
    [ "$code" = 65 ] || fail "$name, $ranks ranks, without the plugin: exit code $code: $(cat "$work/said")"
    [ "$(grep -c "^fastlr_dist: .*${name%%_*}.*which is not read here: set HDF5_PLUGIN_PATH " "$work/said")" = 1 ] ||
      fail "$name, $ranks ranks, without the plugin: $(cat "$work/said")"
  done
done
grep '^fastlr_dist: ' "$work/said"
# those that the program decodes itself need none
for name in lz4 zstd; do
  train 1 packed-$name.h5
  if [ "$code" = 69 ]; then
    grep -q 'install lib' "$work/said" || fail "$name: $(cat "$work/said")"
    continue
  fi
  [ "$code" = 0 ] || fail "$name: exit code $code: $(cat "$work/said")"
  ! grep -q 'through HDF5' "$work/said" || fail "$name is not decoded by the program"
  cmp "$work/losses" "$work/wanted" || fail "$name: other losses than those of plain data"
done
echo passed
