#!/usr/bin/env bash
# Data on three hosts, two ranks on each: all have the same, some have none, one has another version. usage: other_data.sh
. "$(dirname "$0")/../cluster/hosts.sh"
in_own_namespaces "$0" "$@"
work_folder

# (each host has shared memory of its own, which serves as its local disk here)
put() { nsenter -t "$(cat "$work/hosts/host$2.pid")" -m -- cp "$1" /dev/shm/food.h5; }
take() { nsenter -t "$(cat "$work/hosts/host$1.pid")" -m -- rm -f /dev/shm/food.h5; }
train() {
  hosts_mpirun --host host1:2,host2:2,host3:2 -np 6 \
    "$program" fit --data /dev/shm/food.h5 --model mlp --hidden 8 --batch 12 --epochs 1 --lr 1e-2 --plot none --out "$work/run" "$@" >"$work/out" 2>"$work/err"
  code=$?
}
# refused CODE MESSAGE: that exit code, and this one line
refused() {
  train
  [ $code = "$1" ] || fail "exit code $code, wanted $1"
  [ "$(grep -c '^fastlr_dist:' "$work/err")" = 1 ] || fail "not one line"
  grep -qF "fastlr_dist: $2" "$work/err" || fail "no line '$2'"
  [ ! -e "$work/run" ] || fail "a run directory is there"
}

awk 'BEGIN { print "a,b,label"; for (i = 0; i < 120; i++) print i % 7 "," i % 11 "," i % 3 }' >"$work/food.csv"
sed '60s/^[0-9]*/99/' "$work/food.csv" >"$work/other.csv"
for name in food other; do "$program" convert csv "$work/$name.csv" "$work/$name.h5" 2>"$work/err" || fail "convert: exit code $?"; done
hosts_up "$work/hosts" 3

put "$work/food.h5" 1
refused 66 'on host[2-3] (2 of 3 nodes): /dev/shm/food.h5: '
put "$work/food.h5" 2
put "$work/other.h5" 3
refused 65 '/dev/shm/food.h5: on host3 it is another version than on host[1-2] ('
take 1
head -c 1000 "$work/food.h5" >"$work/torn.h5"
put "$work/torn.h5" 3
train
grep -Eq '^fastlr_dist: on host1 \(1 of 3 nodes\): /dev/shm/food.h5: .*; on host3 \(1 of 3 nodes\): /dev/shm/food.h5 ' "$work/err" || fail "two causes"
for host in 1 2 3; do put "$work/food.h5" $host; done
train --verbose
[ $code = 0 ] || fail "the same data everywhere: exit code $code"
grep -E 'ranks connected' "$work/err"
grep -q '"connect_seconds": [0-9.]*' "$work/run/metrics.jsonl" || fail "no connect_seconds"
echo passed
