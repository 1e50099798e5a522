#!/usr/bin/env bash
# Downloads a public data set, compares its checksum and converts it for training.
# usage: fetch-data.sh cifar10|mnist|imagenette [FOLDER] [CONVERT OPTIONS..]
#   cifar10      60,000 images of 32x32 in 10 classes, binary version (170 MB)        -> FOLDER/cifar10.h5
#   mnist        70,000 digits of 28x28 (12 MB)                                       -> FOLDER/mnist.h5
#   imagenette   13,394 photographs in 10 classes, short side 160 (99 MB), cut to
#                160x160 unless --size says otherwise                                 -> FOLDER/imagenette.h5
# FOLDER: data, where the downloads stay too: a second call takes them from there, and needs no network. Options that follow go to
# `fastlr_dist convert` (--compress zstd, ..). FASTLR_DIST names the program; else it is build/release/fastlr_dist or the one in PATH.
# Exit codes: 64 usage, 65 a checksum is wrong, 69 a command is missing, 74 the download failed; else the program's.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# die CODE MESSAGE
die() {
  echo "fetch-data.sh: $2" >&2
  exit "$1"
}

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

find_program() {
  if [ -n "${FASTLR_DIST:-}" ]; then
    echo "$FASTLR_DIST"
  elif [ -x "$root/build/release/fastlr_dist" ]; then
    echo "$root/build/release/fastlr_dist"
  else
    command -v fastlr_dist || die 69 "there is no fastlr_dist: build it first (scripts/build.sh), or name it by FASTLR_DIST"
  fi
}

is_whole() { # FILE MD5
  [ "$(md5sum "$1" | cut -d' ' -f1)" = "$2" ]
}

download() { # URL FILE
  if command -v curl >/dev/null; then
    curl --fail --location --silent --show-error --retry 3 --connect-timeout 20 --output "$2" "$1"
  elif command -v wget >/dev/null; then
    wget --quiet --tries=3 --timeout=20 --output-document="$2" "$1"
  else
    die 69 "neither curl nor wget is installed"
  fi
}

# fetch MD5 FILE URL..: into $folder, from the first address that gives the file; what is there and whole is not fetched again
fetch() {
  local md5=$1 file=$folder/$2 name=$2 url got=
  shift 2
  if [ -e "$file" ] && is_whole "$file" "$md5"; then return; fi
  for url in "$@"; do
    echo "fetching $url" >&2
    if download "$url" "$file.part"; then
      got=yes
      if is_whole "$file.part" "$md5"; then
        mv "$file.part" "$file"
        return
      fi
    fi
  done
  rm -f "$file.part"
  [ -z "$got" ] || die 65 "$name: what came is not what was published (its MD5 should be $md5)"
  die 74 "$name cannot be downloaded, is there a network? Put the file into $folder to go on without one: ${*: -1}"
}

unpack() { # FILE
  tar -xzf "$folder/$1" -C "$folder" || die 74 "$1 cannot be unpacked"
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
  cifar10 | mnist | imagenette) what=$1 ;;
  '') die 64 "which data set: cifar10, mnist or imagenette? --help says more" ;;
  *) die 64 "$1 is none of cifar10, mnist, imagenette" ;;
esac
shift
folder=data
case "${1:-}" in
  '' | -*) ;;
  *)
    folder=$1
    shift
    ;;
esac
program=$(find_program)
mkdir -p "$folder"

case $what in
  cifar10)
    # https://www.cs.toronto.edu/~kriz/cifar.html
    fetch c32a1d4ab5d03f1284b67883e8d87530 cifar-10-binary.tar.gz https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz
    unpack cifar-10-binary.tar.gz
    "$program" convert cifar "$folder/cifar-10-batches-bin" "$folder/cifar10.h5" "$@"
    rm -r "$folder/cifar-10-batches-bin"
    ;;
  mnist)
    # http://yann.lecun.com/exdb/mnist/, and where it is kept as well
    mkdir -p "$folder/mnist"
    while read -r md5 name; do
      fetch "$md5" "mnist/$name" "https://ossci-datasets.s3.amazonaws.com/mnist/$name" "https://storage.googleapis.com/cvdf-datasets/mnist/$name"
    done <<'END'
f68b3c2dcbeaaa9fbdd348bbdeb94873 train-images-idx3-ubyte.gz
d53e105ee54ea40749a09fcbcd1e9432 train-labels-idx1-ubyte.gz
9fb629c4189551a2d022fa330f9573f3 t10k-images-idx3-ubyte.gz
ec29112dd5afa0611ce80d1b7f02629c t10k-labels-idx1-ubyte.gz
END
    "$program" convert idx "$folder/mnist" "$folder/mnist.h5" "$@"
    ;;
  imagenette)
    # https://github.com/fastai/imagenette
    fetch e793b78cc4c9e9a4ccc0c1155377a412 imagenette2-160.tgz https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz
    unpack imagenette2-160.tgz
    "$program" convert imagefolder "$folder/imagenette2-160" "$folder/imagenette.h5" --size 160 "$@"
    rm -r "$folder/imagenette2-160"
    ;;
esac
