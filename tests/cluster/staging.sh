#!/usr/bin/env bash
# Data on each node's own disk: copied, trained from and removed; a node without the file, with another version of it or with a full disk is named in
# one line, nothing waits and nothing is left behind. usage: staging.sh
# shellcheck disable=SC2034,SC2086
. "$(dirname "$0")/slurm.sh"
cluster_up 3
export FASTLR_STAGE=$FLR_SOURCE_DIR/slurm/stage-data.sh
options='--model mlp --steps 40 --lr 1e-2 --deterministic --shards 3 --checkpoint-every 10 --log-every 1 --watchdog 20 --plot none'

# All disks are as they were: host K's one is empty but for what the test put there
empty() { [ -z "$(enter "$1" find $TMPDIR -mindepth 1 -maxdepth 1 -not -name own)" ] || fail "$2: host$1 still has $(enter "$1" find $TMPDIR -mindepth 1)"; }

# A job that is killed leaves its copy, the next one of its user removes that.
enter 2 mkdir -p $TMPDIR/fastlr-0-999
enter 2 touch $TMPDIR/fastlr-0-999/left.h5
edited train.sbatch '--nodes=3 --ntasks-per-node=1 --cpus-per-task=1' 10 $data $work/shared/runs/staged "$options"
submit "$script"
ends $job 0 'staged'
grep -q "^$TMPDIR/fastlr-0-$job/digits.h5: 1437 training" $work/shared/runs/staged/log/$job-1.log || fail 'it did not train from the copy'
for k in 1 2 3; do empty $k 'staged'; done
read -ra words <<<"$options"
enter 0 "$FLR_PROGRAM" --data $data --out $work/shared/runs/direct "${words[@]}" 2>$work/shared/direct.log || fail "not staged: $?"
same $work/shared/runs/staged $work/shared/runs/direct 'staged'
echo "staged: ok"

# own/x.h5: a file on the nodes' own disks, there from the start as some sites have it
give() { # K FILE
  enter "$1" mkdir -p $TMPDIR/own
  enter "$1" cp "$2" $TMPDIR/own/x.h5
}
refused() { # WHAT CODE LINE
  submit "$script"
  ends $job "$2" "$1"
  [ "$(restarts_of $job)" = 0 ] || fail "$1: it was started again"
  grep '^stage-data.sh: ' $work/shared/fastlr-train-$job.log >$work/shared/said
  grep -qxE "stage-data.sh: $3" $work/shared/said || fail "$1: it says $(cat $work/shared/said)"
  [ "$(wc -l <$work/shared/said)" = 1 ] || fail "$1: not one line: $(cat $work/shared/said)"
  for k in 1 2 3; do empty $k "$1"; done
  echo "$1: $(cat $work/shared/said)"
}
export FASTLR_LOCAL=$TMPDIR
edited train.sbatch '--nodes=3 --ntasks-per-node=1 --cpus-per-task=1' 10 $TMPDIR/own/x.h5 $work/shared/runs/refused "$options"
give 1 $data
refused 'two nodes without the file' 66 "on host\[2-3\] \(2 of 3 nodes\): $TMPDIR/own/x.h5 is not there or cannot be read"
give 2 $data
{ head -c 40000 $data && tail -c +40001 $data | head -c 40000 | tr '\000' '\003' && tail -c +80001 $data; } >$work/shared/other.h5
[ "$(stat -c %s $work/shared/other.h5)" = "$(stat -L -c %s $data)" ] || fail 'the other version has another size'
give 3 $work/shared/other.h5
refused 'a node with another version, of the same size' 65 "on host3 \(1 of 3 nodes\): $TMPDIR/own/x.h5 is another version of it, or the copy in $TMPDIR is damaged: the hash differs"
give 3 $data
enter 3 dd if=/dev/zero of=$TMPDIR/own/filler bs=1k status=none 2>/dev/null # (until it is full)
refused 'a full disk' 74 "on host3 \(1 of 3 nodes\): no room in $TMPDIR for x.h5 \(0\.1 MiB\)"
enter 3 rm $TMPDIR/own/filler

# A node whose disk answers nobody (here: nobody who asks df) is named when the time is up, and the copies of the others are removed.
mkdir $work/shared/hanging
cat >$work/shared/hanging/df <<'HANGING'
#!/bin/bash
[ "$(hostname)" != host3 ] || { trap '' TERM && while :; do sleep 77; done; }
exec /usr/bin/df "$@"
HANGING
chmod +x $work/shared/hanging/df
began=$SECONDS
PATH=$work/shared/hanging:$PATH FASTLR_STAGE_TIMEOUT=6 refused 'a silent node' 74 "on host3 \(1 of 3 nodes\): no answer within 6 s \(FASTLR_STAGE_TIMEOUT\)"
[ $((SECONDS - began)) -lt 60 ] || fail "a silent node: it took $((SECONDS - began)) s"
[ -z "$(enter 3 pgrep -f 'sleep 77')" ] || fail 'a silent node: what hung there is left'

# Not staged, the program itself notices.
unset FASTLR_STAGE
said() { # WHAT CODE LINE
  submit "$script"
  ends $job "$2" "$1"
  grep '^fastlr_dist' $work/shared/fastlr-train-$job.log >$work/shared/said
  grep -qE "^fastlr_dist: $3" $work/shared/said || fail "$1: it says $(cat $work/shared/said)"
  [ "$(wc -l <$work/shared/said)" = 1 ] || fail "$1: not one line: $(cat $work/shared/said)"
  echo "$1: $(cat $work/shared/said)"
}
give 3 $work/shared/other.h5
said 'not staged, another version' 65 "$TMPDIR/own/x.h5: on host3 it is another version than on host\[1-2\] "
enter 2 rm $TMPDIR/own/x.h5
enter 3 rm $TMPDIR/own/x.h5
said 'not staged, no file' 66 "on host\[2-3\] \(2 of 3 nodes\): $TMPDIR/own/x.h5: No such file or directory"
echo passed
