# Sourced by the lint scripts: what they look at and how they end.
# shellcheck shell=bash disable=SC2034
tree=${1:-${FLR_SOURCE_DIR:?the tree to look at}}
build=${2:-} # where compile_commands.json is: for clang-tidy

# sources ROOM...: the C and CUDA files and headers of these folders, in a fixed order
sources() {
  local rooms=()
  for room in "$@"; do [ ! -d "$tree/$room" ] || rooms+=("$tree/$room"); done
  [ ${#rooms[@]} -gt 0 ] && find "${rooms[@]}" -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' | LC_ALL=C sort
}

# tool NAME: the program of version 14, whose opinion is the one that counts; skips the test where there is none
tool() {
  for candidate in "$1-14" "$1"; do
    if command -v "$candidate" >/dev/null && "$candidate" --version | grep -q 'version 14\.'; then
      echo "$candidate"
      return
    fi
  done
  skip "$1 14 is not installed"
}

skip() {
  echo "skipped: $1" >&2
  exit 77
}
