#!/usr/bin/env bash
# Installs what building, running and testing need, and nothing else; quick when all is there.
# usage: setup.sh [run|all] [--cuda]    run: to build and use the program; all (default): also what its tests use;
#                                       --cuda: also a CUDA toolkit, where there is none (scripts/setup_cuda.sh)
set -euo pipefail
if [ "${1:-}" = --help ]; then sed -n '2,/^set /s/^# //p' "$0" && exit; fi
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

run_packages=(build-essential cmake ninja-build pkg-config openmpi-bin libopenmpi-dev libhdf5-openmpi-dev libdnnl-dev
  libcjson-dev zlib1g-dev libdeflate-dev liblz4-dev libzstd-dev libjpeg-dev libpng-dev gnuplot-nox)
test_packages=(libcmocka-dev hdf5-tools libjpeg-turbo-progs procps iproute2)
cuda_packages=(python3-venv) # which installs NVIDIA's packages
# Tools of the lint tests, and Slurm for the cluster tests, which start daemons of their own; skipped where a system does not offer them.
lint_packages=(clang-format-14 clang-tidy-14 shellcheck)
slurm_packages=(slurmctld slurmd slurm-client munge)

die() {
  echo "setup.sh: $*" >&2
  exit 69
}

# missing PACKAGE...: those of them that are not installed, one per line
missing() {
  local installed
  installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "$@" 2>/dev/null || true)"
  for package in "$@"; do
    case "$installed" in *" installed:$package "*) ;; *) echo "$package" ;; esac
  done
}

# offered PACKAGE...: those of them that apt can install, one per line
offered() {
  for package in "$@"; do
    if apt-cache show "$package" >/dev/null 2>&1; then echo "$package"; fi
  done
}

# as_root COMMAND...: runs it with the rights to install
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# Where there is no apt: what a build would look for, by the names that the tools themselves use.
check_elsewhere() {
  local lacking=()
  for tool in cc cmake mpicc mpirun; do command -v "$tool" >/dev/null || lacking+=("$tool"); done
  echo "setup.sh: this is not Debian or Ubuntu, so nothing was installed" >&2
  [ ${#lacking[@]} = 0 ] || echo "setup.sh: missing commands: ${lacking[*]}" >&2
  die "needed: a C compiler with OpenMP, CMake 3.22, Ninja or make, Open MPI 4.1, parallel HDF5 1.10, oneDNN 2.6 or 3.x, cJSON," \
    "zlib, libjpeg-turbo, libpng, gnuplot, and for compressed data libdeflate, LZ4 and zstd; for the tests also cmocka, the HDF5 tools and procps. With these in place: cmake --preset release && cmake --build build/release"
}

# install SET [CUDA]: the packages of that set
install() {
  local wanted=("${run_packages[@]}") extra=()
  [ "$1" = run ] || wanted+=("${test_packages[@]}") extra=("${lint_packages[@]}" "${slurm_packages[@]}")
  [ -z "${2:-}" ] || wanted+=("${cuda_packages[@]}")
  if ! { command -v apt-get && command -v dpkg-query; } >/dev/null; then check_elsewhere; fi

  local need tools
  mapfile -t need < <(missing "${wanted[@]}")
  mapfile -t tools < <(missing ${extra[@]+"${extra[@]}"})
  if [ ${#need[@]} = 0 ]; then mapfile -t tools < <(offered ${tools[@]+"${tools[@]}"}); fi
  if [ $((${#need[@]} + ${#tools[@]})) = 0 ]; then return 0; fi

  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    die "not root and no sudo: ask an administrator to run 'apt-get install ${need[*]} ${tools[*]}'"
  fi
  echo "setup.sh: installing ${need[*]} ${tools[*]}" >&2
  apt_get update >/dev/null || die "apt-get update failed: is there a network?"
  mapfile -t tools < <(offered ${tools[@]+"${tools[@]}"})
  apt_get install -y --no-install-recommends "${need[@]}" "${tools[@]}" >/dev/null || die "apt-get install failed, see above"
}

set=all cuda=
for word in "$@"; do
  case "$word" in
    run | all) set=$word ;;
    --cuda) cuda=yes ;;
    *)
      echo "setup.sh: unknown set '$word': say run or all, and --cuda" >&2
      exit 64
      ;;
  esac
done
install "$set" "$cuda"
[ -z "$cuda" ] || "$scripts/setup_cuda.sh"
