#!/usr/bin/env bash
# Storage that is slow, silent or failing while checkpoints are written and data are read. usage: storage.sh FOLDER MPIRUN...
. "$(dirname "$0")/common.sh"

# Slow: 0.7 s a checkpoint, ten steps take a small part of that.
with_fault PATH=.h5.tmp. CALLS=sync MS=700 -- "$work/slow"
ended_with 0 "slow storage"
! grep -q silent "$work/err" || fail "slow storage: the watchdog took it for silent"
same_as_undisturbed "$work/slow" "slow storage"
during=$(awk '/"event": "step"/ { step++ } /"event": "checkpoint".*"step": 10,/ { print step - 10; exit }' "$work/slow/metrics.jsonl")
[ "${during:-0}" -ge 3 ] || fail "slow storage: training made ${during:-no} steps while checkpoint-10.h5 was written"
echo "slow storage: training made $during steps while a checkpoint was written"

# Silent, in the second checkpoint: training goes on to the third, and waits there.
with_fault PATH=.h5.tmp. CALLS=sync MS=1000000 SKIP=1 -- "$work/silent"
ended_with 76 "storage silent in writing"
says "^fastlr_dist: rank 0 \(.*\) has been silent for [0-9]+ s in checkpoint, step 30: .*it is alive and waits for storage, writing .*/silent$" \
  "storage silent in writing"
"$program" inspect "$work/silent/checkpoint-10.h5" >/dev/null || fail "storage silent in writing: checkpoint-10.h5 is not whole"
grep '^fastlr_dist: rank' "$work/err"
resumes "$work/silent" "storage silent in writing"
whole "$work/silent" checkpoint-30.h5 checkpoint-40.h5

# Silent, in reading data on rank 1.
with_fault PATH=digits.h5 CALLS=read MS=1000000 SKIP=300 RANK=1 -- "$work/reading" --data "${FLR_SOURCE_DIR:?}/datasets/digits.h5" --watchdog-stack
ended_with 76 "storage silent in reading"
says "^fastlr_dist: rank 1 \(.*\) has been silent for [0-9]+ s in train, step [0-9]+: .*it is alive and waits for storage, reading .*digits.h5$" \
  "storage silent in reading"
says "flr_loader_next" "storage silent in reading, the stack"
grep '^fastlr_dist: rank' "$work/err"

# Failing (5: EIO), in reading data on rank 1, while the others wait for its part of every batch norm: told, and all end.
with_fault PATH=digits.h5 CALLS=read ERRNO=5 SKIP=300 RANK=1 -- "$work/unreadable" --data "$FLR_SOURCE_DIR/datasets/digits.h5" --model cnn --sync-bn on
ended_with 74 "a read that fails with --sync-bn"
says "^fastlr_dist: rank 1 \(.*\): .*digits.h5.*Input/output error" "a read that fails with --sync-bn"
grep '^fastlr_dist: rank' "$work/err"

# Full in the middle of a file (28: ENOSPC), at each fourth of its writes: that checkpoint is missing, training goes on.
for ((skip = 0; skip < 200; skip += 4)); do
  with_fault PATH=checkpoint-30.h5.tmp. CALLS=write ERRNO=28 SKIP=$skip -- "$work/full$skip"
  ended_with 0 "a disk that is full after $skip writes"
  same_as_undisturbed "$work/full$skip" "a disk that is full after $skip writes"
  grep -q warning "$work/err" || break
  says "^fastlr_dist: warning: no checkpoint was written: cannot write .*/checkpoint-30.h5( \(.*\))?: No space left on device$" "a full disk"
  whole "$work/full$skip" checkpoint-20.h5 checkpoint-40.h5
done
whole "$work/full$skip" checkpoint-30.h5 checkpoint-40.h5
[ "$skip" -gt 20 ] || fail "a full disk: only $skip writes were found"
echo "a disk that is full at any of $skip writes of a checkpoint: that one is missing, the run is the same"

# Read-only from the second checkpoint on (30: EROFS; a file is opened three times): what was there stays, the end is told.
with_fault PATH=.h5.tmp. CALLS=open ERRNO=30 SKIP=3 -- "$work/readonly"
ended_with 74 "a folder that becomes read-only"
says "^fastlr_dist: warning: no checkpoint was written: .*checkpoint-20.h5" "a folder that becomes read-only"
says "^fastlr_dist: .*final.h5.*Read-only file system" "a folder that becomes read-only"
whole "$work/readonly" checkpoint-10.h5
resumes "$work/readonly" "a folder that becomes read-only"
echo passed
