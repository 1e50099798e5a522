#!/usr/bin/env bash
# Gets oneDNN 3 where the system has version 2: Intel's own Python package in a folder of its own, by pip; the system stays as it is.
# Quick when it is there. Says the folder, for -DCMAKE_PREFIX_PATH=, on standard output.
# The folder: FLR_ONEDNN3_ROOT, else fastlr_dist/onednn3 in XDG_CACHE_HOME or ~/.cache. About 180 MB.
# usage: setup_onednn3.sh [--there]    --there: only says the folder of what was installed before
set -euo pipefail
if [ "${1:-}" = --help ]; then sed -n '2,/^set /s/^# //p' "$0" && exit; fi
root=${FLR_ONEDNN3_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/fastlr_dist/onednn3}
package='onednn-devel-cpu-gomp==2023.2.*' # oneDNN 3.2 for GNU's OpenMP

die() {
  echo "setup_onednn3.sh: $*" >&2
  exit 69
}

there() { [ "$(cat "$root/complete" 2>/dev/null || true)" = "$package" ] && [ -e "$root/venv/lib/libdnnl.so" ]; }

fetch() {
  [ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || die "there is no package for $(uname -s) $(uname -m)"
  command -v python3 >/dev/null || die "python3 is missing: it installs the package"
  echo "setup_onednn3.sh: installing oneDNN 3 into $root" >&2
  rm -rf "$root/venv"
  mkdir -p "$root"
  python3 -m venv "$root/venv" >&2 || die "python3 cannot make a virtual environment: install python3-venv"
  "$root/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --only-binary :all: "$package" >&2 ||
    die "pip could not install $package: is there a network?"
  echo "$package" >"$root/complete"
  there || die "$package has no lib/libdnnl.so"
}

case "${1:-}" in
  '') there || fetch ;;
  --there) there || die "oneDNN 3 is not there: scripts/setup_onednn3.sh installs it" ;;
  *)
    echo "setup_onednn3.sh: unknown argument '$1': say --there or nothing" >&2
    exit 64
    ;;
esac
echo "$root/venv"
