#!/usr/bin/env bash
# An installed tree works for others, also after it was moved. usage: install.sh BUILD [CFLAGS]
set -euo pipefail
. "$(dirname "$0")/../harness/script.sh"
work_folder
build=$1
flags=${2:-}
consumer=$(cd "$(dirname "$0")" && pwd)/consumer
unset LD_LIBRARY_PATH

cmake --install "$build" --prefix "$work/staged" >"$work/log" || fail "cmake --install: $(cat "$work/log")"
mv "$work/staged" "$work/prefix"
cd "$work"

prefix/bin/fastlr_dist --version || fail "the installed program does not start"
rows=$(prefix/bin/fastlr_dist schedule --steps 10 --lr 0.1 --csv | wc -l)
[ "$rows" = 11 ] || fail "the installed program's schedule has $rows lines, wanted 11"
grep -q '^\.TH FASTLR_DIST 1 ' prefix/share/man/man1/fastlr_dist.1 || fail "no manual page is installed"
if readelf -d prefix/bin/fastlr_dist prefix/lib*/libfastlr* prefix/lib*/*/libfastlr* 2>/dev/null | grep -F "$build"; then
  fail "an installed file looks for libraries in the build folder"
fi
if grep -rlF -e "$FLR_SOURCE_DIR" -e "$work/staged" prefix --include='*.cmake' --include='*.pc' --include='*.h'; then
  fail "an installed text file names the source tree or where it was first installed"
fi
echo "the program: ok"

unset FASTLR_CUDA_MODULE
module=$(find prefix -name libfastlr_cuda.so)
said=$(prefix/bin/fastlr_dist backends | grep '^backend  *cuda ')
if [ -n "$module" ]; then
  if grep -E 'is not in|cannot be loaded|build both' <<<"$said"; then fail "the installed module does not open"; fi
  rm "$module"
  said=$(prefix/bin/fastlr_dist backends | grep '^backend  *cuda ')
fi
grep -Fq "libfastlr_cuda.so is not in $(realpath "$work")/prefix/" <<<"$said" || fail "without a module the program says: $said"
if [ ! -e /dev/nvidiactl ]; then # a plain machine: nobody misses a GPU
  (unset CUDA_VISIBLE_DEVICES && prefix/bin/fastlr_dist fit --hidden 8 --steps 1 --lr 0.1 --plot none --out run) 2>log || fail "training: $(cat log)"
  if grep -F GPU log; then fail "without a module the program speaks of GPUs"; fi
fi
echo "the module: ok"

cmake -S "$consumer" -B with_cmake -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_C_FLAGS="$flags" >log 2>&1 || fail "find_package: $(cat log)"
cmake --build with_cmake >log 2>&1 || fail "building the consumer: $(cat log)"
(cd with_cmake && ./consumer) || fail "the consumer's exit code is $?"
echo "find_package: ok"

if command -v pkg-config >/dev/null; then
  PKG_CONFIG_PATH=$(find "$work/prefix" -name pkgconfig)
  export PKG_CONFIG_PATH
  static=()
  [ -n "$(find prefix -name 'libfastlr.so')" ] || static=(--static)
  read -ra words < <(pkg-config "${static[@]}" --cflags --libs fastlr)
  read -ra more <<<"$flags"
  mkdir with_pc
  cc "${more[@]}" "$consumer/consumer.c" -o with_pc/consumer "${words[@]}" -Wl,-rpath,"$(pkg-config --variable=libdir fastlr)"
  (cd with_pc && ./consumer) || fail "the consumer by pkg-config: exit code $?"
  echo "pkg-config: ok"
fi

if command -v c++ >/dev/null; then
  echo '#include <fastlr.h>' | c++ -I"$work/prefix/include/fastlr" -Wall -Wextra -Werror -fsyntax-only -x c++ - || fail "fastlr.h is not C++"
  echo "C++: ok"
fi
