#!/usr/bin/env bash
# scripts/fetch-data.sh without a network: help, a clear failure, and files that are there already. usage: see common.sh
. "$(dirname "$0")/common.sh"
script=$FLR_SOURCE_DIR/scripts/fetch-data.sh
export FASTLR_DIST=$program
# a curl that finds nothing, or gives what the test wants
mkdir "$work/bin"
cat >"$work/bin/curl" <<'END'
#!/usr/bin/env bash
[ -n "${CURL_GIVES:-}" ] || { echo 'curl: (6) Could not resolve host' >&2; exit 6; }
while [ "$1" != --output ]; do shift; done
echo "$CURL_GIVES" >"$2"
END
chmod +x "$work/bin/curl"
PATH=$work/bin:$PATH

# fails CODE PATTERN ARGS..
fails() {
  local wanted=$1 pattern=$2 code=0
  shift 2
  "$script" "$@" >"$work/out" 2>"$work/err" || code=$?
  [ "$code" = "$wanted" ] || complain "fetch-data.sh $*: exit code $code, wanted $wanted: $(cat "$work/err")"
  grep -Eq "^fetch-data.sh: $pattern" "$work/err" || complain "fetch-data.sh $*: $(cat "$work/err")"
}
"$script" --help >"$work/out" || complain 'no help'
grep -q '^usage: fetch-data.sh cifar10|mnist|imagenette' "$work/out" || complain "help: $(cat "$work/out")"
grep -q 'set -euo' "$work/out" && complain 'the help goes too far'
fails 64 'which data set: cifar10, mnist or imagenette' # none
fails 64 'coco is none of cifar10, mnist, imagenette' coco
for what in cifar10 mnist imagenette; do
  fails 74 '[^ ]* cannot be downloaded, is there a network\?' $what "$work/data"
done
CURL_GIVES=nonsense fails 65 'cifar-10-binary.tar.gz: what came is not what was published' cifar10 "$work/data"
CURL_GIVES=nonsense fails 65 'mnist/train-images-idx3-ubyte.gz: what came is not what was published' mnist "$work/data"
same 'files left' '' "$(find "$work/data" -type f)"

# with archives that hold what the real ones do, in small, and a checksum that always fits
mkdir -p "$work/give/cifar-10-batches-bin" "$work/give/imagenette2-160/train/n01440764" "$work/give/imagenette2-160/val/n01440764"
head -c $((40 * 3073)) /dev/zero | tee "$work/give/cifar-10-batches-bin/data_batch_1.bin" >"$work/give/cifar-10-batches-bin/test_batch.bin"
cp "$FLR_SOURCE_DIR"/tests/data/images/4*.jpg "$work/give/imagenette2-160/train/n01440764"
cp "$FLR_SOURCE_DIR"/tests/data/images/4*.jpg "$work/give/imagenette2-160/val/n01440764"
tar -czf "$work/give/cifar-10-binary.tar.gz" -C "$work/give" cifar-10-batches-bin
tar -czf "$work/give/imagenette2-160.tgz" -C "$work/give" imagenette2-160
cat >"$work/bin/curl" <<END
#!/usr/bin/env bash
while [ "\$1" != --output ]; do shift; done
cp "$work/give/\${3##*/}" "\$2"
END
cat >"$work/bin/md5sum" <<END
#!/usr/bin/env bash
name=\${1##*/}
grep -oE "^ *fetch [0-9a-f]{32} \${name%.part}" "$script" | awk '{ print \$2 }'
END
chmod +x "$work/bin/md5sum"
images=$("$program" backends | grep -Ec '(libjpeg|libpng)  *yes')
for what in cifar10 imagenette; do
  [ "$what" = cifar10 ] || [ "$images" = 2 ] || continue
  for pass in 1 2; do # the second time nothing is fetched
    "$script" $what "$work/data" --checksum off >"$work/out" 2>"$work/err" || complain "$what: $(cat "$work/err")"
    [ -s "$work/data/$what.h5" ] || complain "$what: there is no file"
    rm -f "$work/data/$what.h5"
    same "$what: fetched in pass $pass" $((2 - pass)) "$(grep -c '^fetching' "$work/err")"
  done
done
finish
