#!/usr/bin/env bash
# A run directory on a disk that is really full, and one that is really read-only: small file systems in memory, which this process and its children
# alone see. usage: folders.sh FOLDER MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
in_own_mounts "$0" "$@" || skip "file systems may not be mounted here"
. "$(dirname "$0")/common.sh"
clean_up() {
  pkill -KILL -f "$work" 2>/dev/null
  umount "$work"/* 2>/dev/null
}

disk() { # NAME OPTIONS: a small disk at $work/NAME
  mkdir "$work/$1"
  mount -t tmpfs -o "$2" tmpfs "$work/$1" || skip "a file system in memory cannot be mounted"
}

# fill FOLDER KIB: leaves so much room
fill() {
  local free
  free=$(df --output=avail -k "$1" | tail -1)
  dd if=/dev/zero of="$1/other" bs=1k count=$((free - $2)) oflag=append conv=notrunc 2>/dev/null
}

one_line() { # PATTERN WHAT
  [ "$(grep -c '^fastlr_dist: ' "$work/err")" = 1 ] || fail "$2: not one line"
  says "$1" "$2"
}

# Room for one checkpoint (0.7 MB, and 1 MB that has to be left): the others are missing, the run goes on to its end.
disk full size=8m
fill "$work/full" 2200
run "$work/full/run"
ended_with 0 "a disk that becomes full"
says "^fastlr_dist: warning: no checkpoint was written: .*/checkpoint-[34]0.h5: it needs .* MiB, and the disk has .* MiB left: make room$" \
  "a disk that becomes full"
same_as_undisturbed "$work/full/run" "a disk that becomes full"
grep -m1 '^fastlr_dist' "$work/err"
newest=$(cd "$work/full/run" && echo checkpoint-*.h5)
# shellcheck disable=SC2086 # (a list)
whole "$work/full/run" $newest

# Not even room for what the end needs: 74 and the file's name; the checkpoint stays, and with room the run goes on.
rm "$work/full/run/final.h5"
fill "$work/full" 0
run "$work/full/run" --resume
ended_with 74 "a disk without room"
one_line "^fastlr_dist: .*$work/full/run/.*No space left on device" "a disk without room"
# shellcheck disable=SC2086
whole "$work/full/run" $newest
grep '^fastlr_dist' "$work/err"
rm "$work/full/other"
resumes "$work/full/run" "a disk without room"

# Read-only: refused before anything is computed; what was there stays whole.
disk readonly size=8m
run "$work/readonly/run"
ended_with 0 "a run on a disk that is not read-only yet"
mount -o remount,ro "$work/readonly" || skip "a file system in memory cannot be made read-only"
for arguments in '' '--resume'; do
  # shellcheck disable=SC2086
  run "$work/readonly/run" $arguments
  ended_with 74 "a read-only folder ($arguments)"
  one_line "^fastlr_dist: .*$work/readonly/run.*Read-only file system" "a read-only folder ($arguments)"
done
grep '^fastlr_dist' "$work/err"
whole "$work/readonly/run" checkpoint-30.h5 checkpoint-40.h5
mount -o remount,rw "$work/readonly"
umount "$work/readonly" "$work/full"
echo passed
