#!/usr/bin/env bash
# Files and folders that the user may not read or write: one line, the right exit code. Root has all rights, so somebody else tries, and a rank
# that lacks root's. A home that is not there and a closed standard input do no harm. usage: rights.sh MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
mpirun=("$@")
images=${FLR_SOURCE_DIR:?the tree}/tests/data/images
[ "$(id -u)" = 0 ] || skip "only root can become somebody else"
command -v setpriv >/dev/null || skip "there is no setpriv"
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
"${nobody[@]}" "$program" --version >/dev/null 2>&1 || skip "others may not run the program where it lies"
work_folder
chmod 755 "$work"
cd "$work" || exit 1

# as_nobody ARGS..: the program's exit code in $code, its output in ./out and ./err
as_nobody() {
  timeout -k 5 60 "${nobody[@]}" "$program" "$@" >out 2>err </dev/null
  code=$?
}
# one_line CODE PATTERN WHAT
one_line() {
  [ "$code" = "$1" ] || fail "$3: exit code $code, wanted $1"
  [ "$(grep -c '^fastlr_dist: ' err)" = 1 ] || fail "$3: not one line"
  grep -Eq "^fastlr_dist: $2" err || fail "$3: no line '$2'"
}
refused() { # CODE PATTERN ARGS..
  local wanted=$1 pattern=$2
  shift 2
  as_nobody "$@"
  one_line "$wanted" "$pattern" "$*"
}
short=(--steps 2 --lr 1e-3 --batch 16 --threads 1 --plot none --backend cpu)
mkdir -m 755 closed
mkdir -m 777 open

# ---- data, output folder, checkpoints ----
cp "$FLR_SOURCE_DIR/datasets/digits.h5" secret.h5
chmod 000 secret.h5
refused 74 "$work/secret.h5: Permission denied$" --data "$work/secret.h5" "${short[@]}" --out "$work/open/none"
refused 74 "$work/secret.h5: Permission denied$" inspect "$work/secret.h5"
refused 74 "--out: the folder $work/closed is not writable: Permission denied" "${short[@]}" --out "$work/closed"
refused 74 "--out: cannot make the folder $work/closed/run: Permission denied" "${short[@]}" --out "$work/closed/run"
[ -z "$(find closed open -mindepth 1)" ] || fail "something was left: $(find closed open -mindepth 1)"
as_nobody "${short[@]}" --out "$work/open/run"
[ "$code" = 0 ] || fail "a run of another user"
run=$work/open/run
chmod 000 "$run/final.h5"
for command in eval inspect predict; do refused 74 "$run/final.h5: Permission denied$" $command "$run/final.h5"; done
refused 74 "$run/final.h5: Permission denied$" export "$run/final.h5" "$work/open/out.safetensors"
refused 74 "$run/final.h5: Permission denied$" "${short[@]}" --init-weights "$run/final.h5" --out "$work/open/other"
[ "$(ls open)" = run ] || fail "something was left: $(ls open)"
rm "$run/final.h5"
chmod 000 "$run"/checkpoint-*.h5
refused 74 "$run/checkpoint-2.h5: Permission denied$" "${short[@]}" --resume "$run/checkpoint-2.h5" --out "$run"
refused 74 "no checkpoint of $run can be read: $run/checkpoint-2.h5: Permission denied$" "${short[@]}" --resume "$run" --out "$run"
chmod 644 "$run"/checkpoint-*.h5
chmod 000 "$run/best.h5"
refused 74 "cannot create $work/closed/out.safetensors: Permission denied" export "$run/checkpoint-2.h5" "$work/closed/out.safetensors"

# ---- a rank that cannot open what the others can ----
cat >rank1.sh <<'END'
[ "${OMPI_COMM_WORLD_RANK:-0}" != 1 ] || exec setpriv --bounding-set=-dac_override,-dac_read_search "$@"
exec "$@"
END
timeout -k 5 60 "${mpirun[@]}" -np 2 bash rank1.sh "$program" --data "$work/secret.h5" "${short[@]}" --out "$work/open/two" >out 2>err </dev/null
code=$?
one_line 74 "rank 1 \($(hostname)\): $work/secret.h5: Permission denied$" "a rank that may not read the data"
[ ! -e open/two ] || fail "a rank that may not read the data: a run folder is there"
grep '^fastlr_dist' err

# ---- converting ----
if "$program" backends | grep -q 'libjpeg  *yes'; then
  mkdir -p food/a food/b/deep food/b/shut
  for place in a/1 a/2 b/1 b/deep/2 b/shut/3; do cp "$images/444.jpg" food/$place.jpg; done
  chmod 000 food/a/2.jpg
  chmod 000 food/b/shut
  refused 66 "$work/food/b/shut: Permission denied$" convert imagefolder "$work/food" "$work/open/food.h5"
  chmod 755 food/b/shut
  as_nobody convert imagefolder "$work/food" "$work/open/food.h5"
  [ "$code" = 0 ] || fail "an image that may not be read"
  [ "$(cat open/food.h5.skipped.txt)" = 'a/2.jpg: Permission denied' ] || fail "left out: $(cat open/food.h5.skipped.txt)"
  rm -f open/food.h5*
  refused 65 "$work/food/a/2.jpg: Permission denied \(--strict\)" convert imagefolder "$work/food" "$work/open/food.h5" --strict
  chmod 000 food/a
  refused 66 "$work/food/a: Permission denied$" convert imagefolder "$work/food" "$work/open/food.h5"
  chmod 755 food/a
  ! compgen -G "open/food*" >/dev/null || fail "something was left: $(ls open)"
  refused 74 "cannot write $work/closed/food.h5: Permission denied$" convert imagefolder "$work/food" "$work/closed/food.h5"
  [ -z "$(ls -A closed)" ] || fail "something was left: $(ls -A closed)"
fi

# ---- no home, no standard input ----
for launch in '' "${mpirun[*]} -np 2"; do
  rm -rf open/run
  # shellcheck disable=SC2086
  HOME=/nonexistent XDG_CACHE_HOME='' timeout -k 5 60 $launch "$program" "${short[@]}" --out "$work/open/run" >out 2>err <&- || fail "no home and no input ($launch)"
  [ -e open/run/final.h5 ] || fail "no home and no input ($launch): no final.h5"
done
HOME=/nonexistent as_nobody convert csv /dev/null "$work/open/none.h5"
[ "$code" = 65 ] || [ "$code" = 66 ] || fail "a table that is empty"
echo passed
