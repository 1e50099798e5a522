#!/usr/bin/env bash
# Data that are cut off or written anew while two ranks train: contiguous, compressed and kept in memory. usage: data_changes.sh MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
work_folder
mpirun=("$@")
cd "$work" || exit 1
printf 'a,b,c,d,label\n' >table.csv
seq 20000 | awk '{ print $1 % 97 "," $1 * 7 % 89 "," $1 % 13 "," $1 % 5 "," $1 % 3 }' >>table.csv
"$program" convert csv table.csv plain.h5 2>err || fail "convert"
"$program" convert csv table.csv packed.h5 --compress deflate --chunk-rows 100 2>err || fail "convert --compress"
job=(--model mlp --hidden 8 --batch 64 --epochs 100000 --lr 1e-3 --threads 1 --plot none --log-every 50 --checkpoint-every 1000000 --watchdog 20 --backend cpu)

# start DATA ARGUMENTS..: two ranks, in training
start() {
  rm -rf run
  cp "$1" data.h5
  timeout -k 5 60 "${mpirun[@]}" -np 2 "$program" --data data.h5 "${job[@]}" "${@:2}" --out run >out 2>err &
  started=$!
  for _ in $(seq 400); do grep -q '"event": "step"' run/metrics.jsonl 2>/dev/null && return; sleep 0.05; done
  fail "$*: training does not begin"
}
# ends PATTERN WHAT: with 65, or 74 where bytes are missing, and one line
ends() {
  wait $started
  code=$?
  [ $code = 65 ] || { [ $code = 74 ] && grep -q 'the file has become shorter' err; } || fail "$2: exit code $code"
  [ "$(grep -c '^fastlr_dist: .*data\.h5' err)" = 1 ] || fail "$2: not one line"
  grep -Eq "^fastlr_dist: (rank [01] \(.*\): )?data\.h5.*$1" err || fail "$2: no line '$1'"
  echo "$2: $(grep '^fastlr_dist: .*data\.h5' err)"
}
cut() { truncate -s $(($(stat -c %s data.h5) / 2)) data.h5; }
rewrite() { dd if=/dev/zero of=data.h5 bs=1k seek=$(($(stat -c %s data.h5) / 2048)) count=64 conv=notrunc status=none; }
for data in 'plain.h5' 'packed.h5 --window 8 --cache none' 'packed.h5' 'plain.h5 --cache ram'; do
  read -ra words <<<"$data"
  for harm in cut rewrite; do
    start "${words[@]}"
    $harm
    ends '(changed|was written to) while it was read|is damaged|has become shorter' "$data, $harm"
  done
done
# another file under the same name does no harm
start plain.h5
cp packed.h5 other.h5 && mv other.h5 data.h5
sleep 1
kill -0 $started || fail "a new file under the same name"
kill -USR2 "$(pgrep -P $started)" # (timeout hands on no such signal)
wait $started
code=$?
[ $code = 75 ] || fail "a new file under the same name: exit code $code"
echo passed
