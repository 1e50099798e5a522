#!/usr/bin/env bash
# clang-tidy has nothing to say about the files that are built; .clang-tidy has the checks. usage: tidy.sh TREE BUILD [FILE]
# One process per file: several in one run give false reports about va_list.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
tidy=$(tool clang-tidy)

if [ $# = 3 ]; then
  # omp.h comes with the compiler that builds; what clang has itself goes first.
  extra=(--extra-arg=-idirafter --extra-arg="$(cc -print-file-name=include)")
  # (core/status.c defines what analyzer.h redefines)
  case "$3" in */core/status.c) ;; *) extra+=(--extra-arg=-include --extra-arg="$here/analyzer.h") ;; esac
  "$tidy" -p "$build" --quiet --warnings-as-errors='*' "${extra[@]}" "$3" 2>&1 | sed '/warnings\{0,1\} .*generated\.$/d'
  exit
fi

commands=$build/compile_commands.json
[ -e "$commands" ] || skip "there is no $commands"
mapfile -t files < <(sed -n 's/^ *"file": "\(.*\)",*$/\1/p' "$commands" | grep -F -x -f <(sources src mpi datasets | grep '\.[ch]$') | sort -u)
[ ${#files[@]} -gt 0 ] || skip "the build has none of the files"
printf '%s\n' "${files[@]}" | xargs -d '\n' -P "$(nproc)" -n 1 bash "$0" "$tree" "$build"
