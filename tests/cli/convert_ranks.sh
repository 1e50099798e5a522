#!/usr/bin/env bash
# convert imagefolder under mpirun: 1 to 4 ranks with 1 and 4 threads write the same bytes, and a rank that fails ends all.
# usage: see common.sh
. "$(dirname "$0")/common.sh"
images=$FLR_SOURCE_DIR/tests/data/images
needs_images
# 48 samples of 150x150: with two of them a chunk ranks have work for several rounds
for class in a b c; do
  mkdir -p "$work/food/$class"
  for i in 1 2; do for file in "$images"/{4*,exif[1-4]}.jpg "$images/palette.png"; do cp "$file" "$work/food/$class/$i$(basename "$file")"; done; done
done
cp "$images/rgb.png" "$images/bits.png" "$work/food/a"
mkdir "$work/mixed"
cp -r "$work/food" "$work/mixed/train"
for class in a b c; do for i in 1 5 9; do head -c 600 "$images/444.jpg" >"$work/mixed/train/$class/$i.jpg"; done; done
ln -s nowhere "$work/mixed/train/b/dangling"

# at RANKS THREADS ARGS..: the program's exit code in $code
at() {
  ranks=$1
  local threads=$2
  shift 2
  fastlr "$@" --workers "$threads"
}
storages=('' '--compress zstd --chunk-rows 2' '--chunk-rows 3 --checksum off')
[ -z "$("$program" backends | awk '$1 == "codec" && $2 == "zstd" && $3 != "yes"')" ] || storages[1]='--compress deflate --chunk-rows 2'
for i in 0 1 2; do
  read -ra storage <<<"${storages[i]}"
  at 1 1 convert imagefolder ../../food "../../one$i.h5" --size 150 --valid-fraction 0.2 "${storage[@]}"
  [ "$code" = 0 ] || complain "one rank: $(own_words)"
  for where in '1 4' '2 1' '2 4' '3 1' '4 1' '4 4'; do
    read -ra place <<<"$where"
    at "${place[@]}" convert imagefolder ../../food ../../many.h5 --size 150 --valid-fraction 0.2 "${storage[@]}"
    [ "$code" = 0 ] || complain "$where, ${storage[*]}: exit code $code: $(own_words)"
    cmp "$work/one$i.h5" "$work/many.h5" || complain "ranks and threads $where, ${storage[*]}: another file"
    same 'lines of all ranks' 1 "$(own_words | wc -l)"
  done
  at 1 1 inspect "../../one$i.h5"
  [ "$code" = 0 ] || complain "inspect ${storage[*]}: $(own_words)"
done

# what is left out is left out by all, whoever met it, and listed in the same order
at 1 1 convert imagefolder ../../food ../../plain.h5 --size 40
at 1 4 convert imagefolder ../../mixed ../../mixed1.h5 --size 40
at 3 1 convert imagefolder ../../mixed ../../mixed3.h5 --size 40
[ "$code" = 0 ] || complain "with files left out: $(own_words)"
for file in mixed1 mixed3; do cmp "$work/plain.h5" "$work/$file.h5" || complain "$file: what was left out changes the file"; done
cmp "$work/mixed1.h5.skipped.txt" "$work/mixed3.h5.skipped.txt" || complain 'three ranks list other files'
same 'what was left out' 10 "$(wc -l <"$work/mixed3.h5.skipped.txt")"

# shellcheck disable=SC2034
ranks=3
rm "$work/mixed/train/b/dangling"
refused 65 '\.\./\.\./mixed/train/[abc]/[159]\.jpg: it is damaged or cut off: .* \(--strict\)' convert imagefolder ../../mixed out.h5 --size 40 --strict
refused 65 '\.\./\.\./food/[abc]/.* has [0-9x]* pixels, a/1420\.jpg 41x29: images of one size are wanted' convert imagefolder ../../food out.h5
refused 66 '\.\./\.\./nothing: No such file or directory' convert imagefolder ../../nothing out.h5
refused 74 'cannot write missing/out\.h5: No such file or directory' convert imagefolder ../../food missing/out.h5 --size 40
wait

# rank 1 alone may not write so much
cat >"$work/limited.sh" <<'END'
trap '' XFSZ
[ "${OMPI_COMM_WORLD_RANK:-0}" != 1 ] || ulimit -f 60
exec "$@"
END
(cd run && exec timeout -k 5 60 "${mpirun[@]}" -np 2 bash "$work/limited.sh" "$program" convert imagefolder ../../food out.h5 --size 150) >out 2>err </dev/null
code=$?
[ "$code" = 74 ] || complain "rank 1 cannot write: exit code $code: $(own_words)"
[ "$(own_words | grep -c fastlr_dist)" = 1 ] || complain "rank 1 cannot write: not one line: $(own_words)"
own_words | grep -Eq '^fastlr_dist: rank 1 \(.*\): cannot write out\.h5: File too large' || complain "rank 1 cannot write: $(own_words)"
[ -z "$(ls -A run)" ] || complain "rank 1 cannot write: left $(ls run)"
finish
