#!/usr/bin/env bash
# convert imagefolder: folders of images, good and bad ones, down to a training run on what it wrote. usage: see common.sh
. "$(dirname "$0")/common.sh"
images=$FLR_SOURCE_DIR/tests/data/images
needs_images

# put FOLDER FILE..: some of the images into $work/FOLDER
put() {
  local folder=$1
  shift
  mkdir -p "$work/$folder"
  (cd "$images" && cp "$@" "$work/$folder/")
}
# convert SRC OUT OPTIONS..: must go well
convert() {
  local source=$1 out=$2
  shift 2
  fastlr convert imagefolder "../../$source" "../../$out" "$@"
  [ "$code" = 0 ] || complain "$ranks ranks: convert $source $*: exit code $code: $(own_words)"
}
bad() { # CODE PATTERN SRC OPTIONS..
  local code=$1 pattern=$2 source=$3
  shift 3
  refused "$code" "$pattern" convert imagefolder "../../$source" out.h5 "$@"
}
has_lines() { # FILE LINE..
  local file=$1 line
  shift
  for line in "$@"; do grep -qxF -- "$line" "$file" || complain "$file lacks \"$line\": $(cat "$file")"; done
}

put 'good é/train/big cat' 420.jpg 444.jpg 422.jpg grey.jpg rgb.png
put 'good é/train/chien é/deeper/still' exif1.jpg exif6.jpg palette.png cmyk.jpg
put 'good é/train/chien é' progressive.jpg rgba.png
put 'good é/val/big cat' 420.jpg
put 'good é/val/chien é' exif1.jpg exif8.jpg
put 'good é/test/chien é' deep.png interlaced.png
mv "$work/good é/train/big cat/420.jpg" "$work/good é/train/big cat/named as it likes.txt"

convert 'good é' good.h5 --size 12
grep -q '^../../good.h5: 11 train and 3 valid and 2 test samples of 12x12x3, 2 classes, ' err || complain "what was written: $(own_words)"
same 'files beside the output' good.h5 "$(cd "$work" && echo good.h5*)"
accepted inspect ../../good.h5
fastlr inspect ../../good.h5 --json
grep -q '"train":{"samples":11,"rarest_class":5,"commonest_class":6,.*"valid":{"samples":3,.*"test":{"samples":2,' out || complain "inspect: $(head -c 1500 out)"
accepted --data ../../good.h5 --batch 4 --steps 2 --lr 1e-3 --model mlp --quiet

# the same bytes whatever the number of threads, another order by another seed, that of the names on demand
for workers in 1 4; do
  convert 'good é' again.h5 --size 12 --workers $workers
  cmp "$work/good.h5" "$work/again.h5" || complain "$workers threads write another file"
done
convert 'good é' again.h5 --size 12 --seed 2
cmp -s "$work/good.h5" "$work/again.h5" && complain 'another seed gives the same order'
convert 'good é' again.h5 --size 12 --order sequential
labels=$(h5dump -d /train/labels -y -w 200 "$work/again.h5" | grep -A1 'DATA {' | sed -n 2p | tr -d ' ')
same 'labels of --order sequential' 0,0,0,0,0,1,1,1,1,1,1 "$labels"
convert 'good é' grey.h5 --size 9 --channels 1
grep -q '^../../grey.h5: 11 train and 3 valid and 2 test samples of 9x9x1, 2 classes, ' err || complain "grey: $(own_words)"

# the pixels of libjpeg-turbo's own decoder, where it is installed (data.images has them for the same files)
if [ "$ranks" = 1 ] && command -v djpeg >/dev/null; then
  for name in 420 422 444 progressive restart cmyk ycck; do
    put "single$name/a" $name.jpg
    convert "single$name" single.h5
    h5dump -d /train/images -b LE -o "$work/pixels" "$work/single.h5" >/dev/null
    djpeg -ppm "$images/$name.jpg" | tail -c "$(stat -c %s "$work/pixels")" | cmp - "$work/pixels" || complain "$name.jpg: djpeg has other pixels"
  done
fi

# classes without a train folder above them
mkdir -p "$work/flat"
cp -r "$work/good é/train/"* "$work/flat/"
convert flat flat.h5 --size 12
grep -q '^../../flat.h5: 11 train samples of 12x12x3' err || complain "classes alone: $(own_words)"
convert flat flat.h5 --size 12 --valid-fraction 0.3
grep -q '^../../flat.h5: 8 train and 3 valid samples of 12x12x3' err || complain "a fraction: $(own_words)"
bad 64 '--valid-fraction: \.\./\.\./good é has a validation split of its own' 'good é' --size 12 --valid-fraction 0.2
bad 64 '--valid-fraction: 0\.99 of 11 images leaves nothing to train on' flat --size 12 --valid-fraction 0.99

# what is left out leaves no trace in the file
mkdir "$work/mixed"
cp -r "$work/good é/"* "$work/mixed/"
mkdir "$work/mixed/train/big cat/.hidden"
echo 'text' >"$work/mixed/train/big cat/.hidden/file"
echo 'text' >"$work/mixed/train/big cat/00 notes"
: >"$work/mixed/train/big cat/empty.jpg"
head -c 700 "$images/444.jpg" >"$work/mixed/train/chien é/cut.jpg"
head -c 900 "$images/rgb.png" >"$work/mixed/train/chien é/cut.png"
printf 'GIF89a' >"$work/mixed/test/chien é/moving.jpg"
ln -s .. "$work/mixed/train/chien é/deeper/loop"
ln -s self "$work/mixed/train/chien é/self"
ln -s nowhere "$work/mixed/train/chien é/dangling"
mkfifo "$work/mixed/train/chien é/pipe"
for workers in 1 3; do
  convert mixed mixed.h5 --size 12 --workers $workers
  cmp "$work/good.h5" "$work/mixed.h5" || complain "$workers threads: what was left out changes the file"
  grep -q '^fastlr_dist: warning: 9 files were left out, see ../../mixed.h5.skipped.txt' err || complain "what was left out: $(own_words)"
  grep -q '^  and 4 more' err || complain "the end of the list: $(own_words)"
done
has_lines "$work/mixed.h5.skipped.txt" 'train/big cat/00 notes: it is neither JPEG nor PNG' 'train/big cat/empty.jpg: it is empty (0 bytes)' \
  'test/chien é/moving.jpg: it is GIF: JPEG and PNG are read' 'train/chien é/deeper/loop: it is a link back to a folder above it' \
  'train/chien é/self: Too many levels of symbolic links' 'train/chien é/dangling: No such file or directory' \
  'train/chien é/pipe: it is no regular file' 'train/chien é/cut.jpg: it is damaged or cut off: libjpeg says: Premature end of JPEG file' \
  'train/chien é/cut.png: it is damaged or cut off: libpng says: it ends too early'
same 'lines of what was left out' 9 "$(wc -l <"$work/mixed.h5.skipped.txt")"
bad 65 '\.\./\.\./mixed/train/chien é/dangling: No such file or directory \(--strict\)' mixed --size 12 --strict
convert 'good é' mixed.h5 --size 12
[ ! -e "$work/mixed.h5.skipped.txt" ] || complain 'the list of an older conversion is still there'
put strict/a 420.jpg
put strict/b 444.jpg
head -c 700 "$images/444.jpg" >"$work/strict/b/0.jpg"
bad 65 '\.\./\.\./strict/b/0\.jpg: it is damaged or cut off: .* \(--strict\)' strict --strict
bad 65 '\.\./\.\./strict: none of the training images of the class a can be read: the last reason is: its 41x29 pixels are more than --max-pixels 1188' strict --size 8 --max-pixels 1188

# 60,000 x 60,000 pixels by its header: left out, whatever it would take to decode it
put vast/a 420.jpg rgb.png
printf '\0\0\xea\x60\0\0\xea\x60\x08\x02\0\0\0\x0f\xb0\xe2\x15' | dd of="$work/vast/a/rgb.png" bs=1 seek=16 conv=notrunc status=none
convert vast vast.h5 --size 12
same 'a vast image' 'a/rgb.png: its 60000x60000 pixels are more than --max-pixels 100000000' "$(cat "$work/vast.h5.skipped.txt")"

# one of two users of a folder lacks the rights: root has them all, so somebody else tries
if [ "$(id -u)" = 0 ] && [ "$ranks" = 1 ] && command -v setpriv >/dev/null; then
  chmod 755 "$work" && chmod -R a+rX "$work"/strict && mkdir -m 777 "$work/open"
  put strict/b 422.jpg
  chmod 0 "$work/strict/b/422.jpg"
  nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$program" convert imagefolder "$work/strict" "$work/open/out.h5" 2>"$work/nobody"; }
  if setpriv --reuid=65534 --regid=65534 --clear-groups "$program" --version >/dev/null 2>&1; then
    nobody || complain "a file that may not be read: $(cat "$work/nobody")"
    has_lines "$work/open/out.h5.skipped.txt" 'b/422.jpg: Permission denied'
    chmod 0 "$work/strict/b"
    nobody && complain 'a folder that may not be read is passed over'
    grep -q "^fastlr_dist: .*/strict/b: Permission denied" "$work/nobody" || complain "a folder that may not be read: $(cat "$work/nobody")"
    chmod 755 "$work/strict/b"
  fi
  chmod 700 "$work"
  rm -rf "$work/strict/b/422.jpg" "$work/open"
fi

bad 66 '\.\./\.\./nothing: No such file or directory' nothing
bad 66 '\.\./\.\./good\.h5 is no folder: give the one that has the classes. folders in it, or train' good.h5
put sizes/a 420.jpg rgb.png
bad 65 '\.\./\.\./sizes/a/rgb\.png has 37x26 pixels, a/420\.jpg 41x29: images of one size are wanted: --size S ' sizes
mkdir -p "$work/empty class/cat" "$work/no classes"
put 'empty class/ant' 420.jpg
bad 65 '\.\./\.\./empty class/cat holds no image: remove the folder' 'empty class'
bad 65 '\.\./\.\./no classes has no folders: each class is a folder' 'no classes'
mkdir -p "$work/unread/a"
echo text >"$work/unread/a/1"
bad 65 '\.\./\.\./unread: none of its 1 files is an image that can be read: of a/1: it is neither JPEG nor PNG' unread
bad 65 '\.\./\.\./unread: none of the training images of the class a can be read: the last reason is: it is neither' unread --size 4
put other/train/a 420.jpg
put other/test/b 420.jpg
bad 65 '\.\./\.\./other/test/b: the training split has no class of this name' other
put both/train/a 420.jpg
put both/val/a 420.jpg
put both/valid/a 420.jpg
bad 65 '\.\./\.\./both has both valid and val' both
refused 64 '--size: convert idx takes samples as they are: only imagefolder takes it' convert idx ../../good out.h5 --size 4
refused 64 '--strict: convert csv leaves nothing out: only imagefolder takes it' convert csv ../../good out.h5 --strict
bad 64 '--channels: 2 is not allowed: 3 for colours or 1 for grey' 'good é' --channels 2
wait

# what a killed conversion left goes, what one under way writes stays
sleep 0 &
dead=$!
wait $dead
touch "$work/good.h5.tmp.$(hostname).$dead" "$work/good.h5.tmp.$(hostname).$$" "$work/good.h5.tmp.elsewhere.$dead" "$work/good.h5.tmp.txt"
convert 'good é' good.h5 --size 12
same 'left files' "$(printf '%s\n' good.h5{,.tmp."$(hostname).$$",.tmp.elsewhere.$dead,.tmp.txt} | LC_ALL=C sort)" "$(cd "$work" && printf '%s\n' good.h5* | LC_ALL=C sort)"
# a disk that is full, or a limit; launchers meet it themselves
[ "$ranks" -gt 1 ] || (trap '' XFSZ && ulimit -f 40 && try_refused 74 'cannot write out\.h5: File too large: it takes 1\.[0-9] MB' convert imagefolder '../../good é' out.h5 --size 12)
finish
