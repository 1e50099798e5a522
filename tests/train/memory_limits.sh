#!/usr/bin/env bash
# Data five times as large as the memory a job may have, contiguous and compressed, train through under a control group's limit and under
# ulimit -d, within what the program says that it takes. usage: memory_limits.sh MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
[ -z "${ASAN_OPTIONS:-}${TSAN_OPTIONS:-}" ] || skip "a sanitizer takes memory of its own"
work_folder said
mpirun=("$@")
group=
clean_up() { [ -z "$group" ] || rmdir "$group"; }
cd "$work" || exit 1

# ---- data ----
limit=48 pair=60 rows=36000 # MiB for one rank and for two; of 10240 bytes
mkdir idx
{
  printf '\x00\x00\x08\x03\x00\x00\x8c\xa0\x00\x00\x00\x40\x00\x00\x00\xa0'
  head -c $((rows * 10240)) /dev/urandom | LC_ALL=C tr '\200-\377' '\000-\177' # so that it can be compressed, a little
} >idx/train-images-idx3-ubyte
{
  printf '\x00\x00\x08\x01\x00\x00\x8c\xa0'
  head -c $rows /dev/zero | tr '\000' '\001'
} >idx/train-labels-idx1-ubyte
"$program" convert idx idx plain.h5 >said 2>&1 || fail "convert"
"$program" convert idx idx packed.h5 --compress deflate --compress-level 1 --chunk-rows 25 >said 2>&1 || fail "convert --compress"
rm -r idx
for file in plain packed; do [ "$(stat -c %s $file.h5)" -ge $((5 * pair * 1048576)) ] || fail "$file.h5 has less than 5 times $pair MiB"; done

# ---- what the program says ----
job=(--model mlp --hidden 8 --lr 0.01 --batch 64 --threads 1 --workers 2 --backend cpu --plot none --verbose)
number() { sed -n "s/.*$1.*/\1/p" said | head -1; }
peak() { number 'peak memory of rank 0: \([0-9.]*\) MiB'; }
# base LAUNCHER...: the peak of a run on few data
base() {
  "$@" "$program" fit --data "${FLR_SOURCE_DIR:?the tree}/datasets/digits.h5" "${job[@]}" --steps 100 --out run >said 2>&1 || fail "a run on few data"
  rm -rf run
  peak
}
# within BASE ARGUMENTS...: the peak of the last run is that of a run on few data, what the program said, and 6 MiB for threads
within() {
  local base=$1 is blocks stated
  shift
  is=$(peak) blocks=$(number '(\([0-9.]*\) MiB a rank)')
  "$program" fit "$@" "${job[@]}" --dry-run >said 2>&1 || fail "--dry-run $*"
  stated=$(number 'a rank with one shard takes \([0-9]*\) MiB')
  echo "$*: $is MiB at the peak; on few data $base, stated $stated and ${blocks:-0} for blocks"
  awk -v is="$is" -v most="$base $stated ${blocks:-0} 6" 'BEGIN { n = split(most, part, " "); for (i = 1; i <= n; i++) is -= part[i]; exit is > 0 }' ||
    fail "more memory than stated"
}

# ---- ulimit -d ----
alone=$(base) launched=$(base "${mpirun[@]}" -np 1)
for data in "plain.h5" "packed.h5 --window 16"; do
  read -ra words <<<"$data"
  (ulimit -s 512 && ulimit -d $((limit * 1024)) && exec timeout -k 5 100 "$program" fit --data "${words[@]}" "${job[@]}" --epochs 1 --out run) >said 2>&1 ||
    fail "ulimit -d, $data: exit code $?"
  rm -rf run
  within "$alone" --data "${words[@]}"
done
(ulimit -s 512 && ulimit -d $((limit * 1024)) && exec timeout -k 5 100 "$program" fit --data plain.h5 "${job[@]}" --hidden 4096 --steps 4 --out run) >said 2>&1
code=$?
[ "$code" = 70 ] || fail "a model too large for ulimit -d: exit code $code"
[ "$(grep -c '^fastlr_dist: out of memory: [0-9]* bytes wanted, [0-9]* are left ' said)" = 1 ] || fail "a model too large for ulimit -d"
[ ! -e run ] || fail "a model too large for ulimit -d: there is a run folder"

# ---- a control group ----
# group_below FOLDER FILE: a group there whose memory can be limited
group_below() {
  [ -w "$1" ] && mkdir "$1/fastlr-test-$$" 2>/dev/null || return 1
  group=$1/fastlr-test-$$
  [ -w "$group/$2" ] && return
  rmdir "$group"
  group=
  return 1
}
of() { sed -n "s/^[0-9]*:$1://p" /proc/self/cgroup; }
for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do
  group_below "$root$(of '')" memory.max || group_below $root memory.max && break
done
if [ -n "$group" ]; then
  limit_name=memory.max peak_name=memory.peak
  met() { awk '$1 == "max" { print $2 }' "$group/memory.events"; }
  killed() { awk '$1 == "oom_kill" { print $2 }' "$group/memory.events"; }
else
  group_below "/sys/fs/cgroup/memory$(of memory)" memory.limit_in_bytes || group_below /sys/fs/cgroup/memory memory.limit_in_bytes ||
    { echo "passed, but for control groups: none can be made here whose memory is limited"; exit 0; }
  limit_name=memory.limit_in_bytes peak_name=memory.max_usage_in_bytes
  met() { cat "$group/memory.failcnt"; }
  killed() { awk '$1 == "oom_kill" { print $2 }' "$group/memory.oom_control"; }
fi
cat >enter.sh <<END
echo \$\$ >"$group/cgroup.procs" && exec "\$@"
END
# grouped RANKS ARGUMENTS..: in the group, with the data not in memory yet; exit code in $code
grouped() {
  local ranks=$1 before
  shift
  sync ./*.h5
  for file in *.h5; do dd if="$file" iflag=nocache count=0 status=none; done
  before=$(met)
  rm -rf run
  timeout -k 5 100 "${mpirun[@]}" -np "$ranks" bash enter.sh "$program" fit "${job[@]}" "$@" --out run >said 2>&1
  code=$?
  [ "$(killed)" = 0 ] || fail "$ranks ranks, $*: the kernel ended a process"
  limited=$(($(met) - before))
}
for ranks in 1 2; do
  [ $ranks = 1 ] || limit=$pair
  echo $((limit * 1048576)) >"$group/$limit_name" || fail "no limit can be set"
  for data in "plain.h5" "packed.h5 --window 8"; do
    read -ra words <<<"$data"
    grouped $ranks --data "${words[@]}" --epochs 1
    [ $code = 0 ] || fail "$ranks ranks in $limit MiB, $data: exit code $code"
    [ "$limited" -gt 0 ] || fail "$ranks ranks in $limit MiB, $data: the limit was never met"
    [ $ranks = 2 ] || within "$launched" --data "${words[@]}"
  done
  grouped $ranks --data plain.h5 --hidden 4096 --steps 4
  [ $code = 70 ] || fail "$ranks ranks, a model too large for the group: exit code $code"
  [ "$(grep -c '^fastlr_dist: .*out of memory: [0-9]* bytes wanted, [0-9]* are left ' said)" = 1 ] || fail "$ranks ranks, a model too large for the group"
done
grep '^fastlr_dist: .*out of memory' said
[ ! -e "$group/$peak_name" ] || echo "at most $(($(cat "$group/$peak_name") / 1048576)) MiB in the group"
echo passed
