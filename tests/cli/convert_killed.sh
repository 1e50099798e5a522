#!/usr/bin/env bash
# Conversions that are killed in the middle, and those whose disk becomes full: nothing under the output's name, and the next one succeeds and
# removes what was left. usage: convert_killed.sh MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
own_mounts=yes
in_own_mounts "$0" "$@" || own_mounts=no
"$program" backends | grep -q 'libjpeg  *yes' || skip "this build reads no images"
work_folder
clean_up() {
  pkill -KILL -f "$work" 2>/dev/null
  umount "$work/disk" 2>/dev/null
}
mpirun=("$@")
images=${FLR_SOURCE_DIR:?the tree}/tests/data/images
cd "$work" || exit 1

# Many names of few files: some seconds of work
mkdir -p food/a food/b disk out
for i in $(seq 800); do
  ln "$images/444.jpg" "food/a/$i.jpg" 2>/dev/null || cp "$images/444.jpg" "food/a/$i.jpg"
  ln "$images/422.jpg" "food/b/$i.jpg" 2>/dev/null || cp "$images/422.jpg" "food/b/$i.jpg"
done
options=(convert imagefolder "$work/food" "$work/out/food.h5" --size 150 --compress deflate --compress-level 9 --chunk-rows 16 --workers 1)
launch() { # RANKS
  before=()
  [ "$1" = 1 ] || before=("${mpirun[@]}" -np "$1")
}
launch 1
"$program" "${options[@]}" >/dev/null 2>err || fail "undisturbed"
mv out/food.h5 wanted.h5

half_files() { compgen -G "$work/out/food.h5.tmp.*"; }
for ranks in 1 2; do
  for signal in KILL TERM; do
    what="$ranks ranks, SIG$signal"
    launch $ranks
    "${before[@]}" "$program" "${options[@]}" >/dev/null 2>err &
    job=$!
    # in the middle: half a file is there, of some size
    for _ in $(seq 500); do [ "$(stat -c %b "$(half_files | head -1)" 2>/dev/null || echo 0)" -gt 20000 ] && break; sleep 0.01; done # a tenth of it
    half_files >/dev/null || fail "$what: nothing was under way"
    victim=$(pgrep -f "^$program convert imagefolder $work" | tail -1)
    kill -$signal "$victim" || fail "$what: there is nobody to kill"
    wait $job
    code=$?
    [ $code != 0 ] || fail "$what: exit code 0"
    for _ in $(seq 100); do pgrep -f "^$program convert imagefolder $work" >/dev/null || break; sleep 0.05; done
    ! pgrep -f "^$program convert imagefolder $work" >/dev/null || fail "$what: a rank goes on"
    [ ! -e out/food.h5 ] || fail "$what: there is an output"
    echo "$what: exit code $code, left $(half_files | wc -l) half files"
    "${before[@]}" "$program" "${options[@]}" >/dev/null 2>err || fail "$what: the next one fails"
    cmp out/food.h5 wanted.h5 || fail "$what: the next one writes another file"
    [ "$(ls out)" = food.h5 ] || fail "$what: the next one leaves $(ls out)"
    rm out/food.h5
  done
done

# ---- a disk that becomes full ----
if [ $own_mounts = no ] || ! mount -t tmpfs -o size=2m tmpfs disk 2>/dev/null; then
  echo "passed, but for full disks: nothing may be mounted here"
  exit 0
fi
printf 'a,b,label\n' >table.csv
seq 200000 | awk '{ print $1 % 97 "," $1 * 7 % 89 "," $1 % 3 }' >>table.csv
head -c 3100000 /dev/urandom >values
mkdir idx
{ printf '\x00\x00\x08\x03\x00\x00\x0b\xb8\x00\x00\x00\x20\x00\x00\x00\x20' && head -c $((3000 * 1024)) values; } >idx/train-images-idx3-ubyte
{ printf '\x00\x00\x08\x01\x00\x00\x0b\xb8' && head -c 3000 /dev/zero; } >idx/train-labels-idx1-ubyte
# full RANKS KIND SOURCE OPTIONS..: 74 and one line, nothing on the disk
full() {
  local code
  launch "$1"
  shift
  timeout -k 5 60 "${before[@]}" "$program" convert "$1" "$2" "$work/disk/out.h5" "${@:3}" >/dev/null 2>err
  code=$?
  [ $code = 74 ] || fail "full disk, $*: exit code $code"
  [ "$(grep -c '^fastlr_dist' err)" = 1 ] || fail "full disk, $*: not one line"
  grep -Eq "^fastlr_dist: (rank [01] \(.*\): )?cannot write $work/disk/out\.h5: No space left on device" err || fail "full disk, $*"
  [ -z "$(ls -A disk)" ] || fail "full disk, $*: left $(ls -A disk)"
}
for ranks in 1 2; do
  full $ranks imagefolder food --size 64
  full $ranks imagefolder food --size 64 --compress deflate --chunk-rows 16
done
grep '^fastlr_dist' err
full 1 csv table.csv
full 1 idx idx
full 1 idx idx --compress deflate
head -n 9000 table.csv >short.csv
"$program" convert csv short.csv disk/out.h5 >/dev/null 2>err || fail "what fits: $(cat err)"
echo passed
