#!/usr/bin/env bash
# convert: files of the MNIST and CIFAR families, good and bad ones, down to a training run on what it wrote. usage: see common.sh
. "$(dirname "$0")/common.sh"

# be32 N..: big-endian, as IDX has it
be32() {
  local n
  for n in "$@"; do printf '%b' "$(printf '\\x%02x' $((n >> 24 & 255)) $((n >> 16 & 255)) $((n >> 8 & 255)) $((n & 255)))"; done
}
# labels N CLASSES: N of them, one byte each
labels() {
  local i text=
  for ((i = 0; i < $1; i++)); do text+="\\x$(printf %02x $((i % $2)))"; done
  printf '%b' "$text"
}
# pixels BYTES: some that do not compress away
pixels() { head -c "$1" "$program"; }
# idx FOLDER STEM N CLASSES: N images of 8x8
idx() {
  mkdir -p "$work/$1"
  { be32 0x803 "$3" 8 8; pixels $(($3 * 64)); } >"$work/$1/$2-images-idx3-ubyte"
  { be32 0x801 "$3"; labels "$3" "$4"; } >"$work/$1/$2-labels-idx1-ubyte"
}
bad() { # CODE PATTERN KIND SRC
  refused "$1" "$2" convert "$3" "../../$4" out.h5
}

idx good train 96 4
idx good t10k 10 4
accepted convert idx ../../good ../../good.h5
accepted inspect ../../good.h5
fastlr convert idx ../../good ../../good.h5
grep -q '^../../good.h5: 96 train and 10 test samples of 8x8x1, 4 classes' err || complain "what was written: $(own_words)"
fastlr inspect ../../good.h5 --valid-fraction 0 --json
grep -q '"kind":"dataset","whole":true' out || complain "inspect: $(head -c 500 out)"
grep -q '"train":{"samples":96,"rarest_class":24,"commonest_class":24,"class_counts":\[24,24,24,24\],.*"test":{"samples":10,' out || complain "inspect: $(head -c 1500 out)"
accepted --data ../../good.h5 --batch 16 --steps 4 --lr 1e-3 --normalize file --quiet

mkdir "$work/packed é"
for file in "$work"/good/*; do gzip -c "$file" >"$work/packed é/$(basename "$file").gz"; done
fastlr convert idx '../../packed é' '../../packed é/out.h5' --quiet
same 'packed files: exit code' 0 "$code"
same 'packed files: messages with --quiet' '' "$(own_words)"
cmp "$work/good.h5" "$work/packed é/out.h5" || complain 'packed files give another data set'

mkdir "$work/cifar"
for batch in data_batch_1 data_batch_2 test_batch; do
  for i in 0 1 2 3 4 5 6 7 8 9; do labels $((i + 1)) 10 | tail -c 1; pixels 3072; done >"$work/cifar/$batch.bin"
done
accepted convert cifar ../../cifar ../../cifar.h5
accepted --data ../../cifar.h5 --batch 4 --steps 2 --lr 1e-3 --model mlp --quiet

for ((i = 0; i < 40; i++)); do echo "$((i % 7)),$((i % 3 - 1)).5,$([ $((i % 2)) = 0 ] && echo yes || echo no)"; done |
  sed '1i a,b,answer' >"$work/table.csv"
fastlr convert csv ../../table.csv ../../table.h5 --label answer
grep -q '^../../table.h5: 40 train samples of 2 features, 2 classes' err || complain "a table: $(own_words)"
accepted inspect ../../table.h5
accepted --data ../../table.h5 --batch 4 --steps 2 --lr 1e-3 --quiet
bad 65 '\.\./\.\./table\.csv has no column label but a, b, answer: name that of the labels with --label' csv table.csv
bad 66 '\.\./\.\./good/train\.csv: No such file or directory' csv good
refused 64 '--label: convert idx has no columns: only csv takes it' convert idx ../../good out.h5 --label a
refused 64 '--label: fit does not take it: only convert' --label a
bad 64 'convert: tar is no kind of source: ' tar good
refused 64 'convert: a file.s name is missing: fastlr_dist convert ' convert idx ../../good
bad 66 '\.\./\.\./nothing: No such file or directory' idx nothing
bad 66 '\.\./\.\./nothing: No such file or directory' cifar nothing
bad 66 '\.\./\.\./good has neither data_batch_1\.bin \(CIFAR-10\) nor train\.bin' cifar good
bad 66 '\.\./\.\./cifar has no train-images-idx3-ubyte, nor the same with \.gz' idx cifar
bad 66 '\.\./\.\./good\.h5 is no folder' idx good.h5
idx magic train 8 4
printf 'x' | dd of="$work/magic/train-images-idx3-ubyte" conv=notrunc status=none
bad 65 '\.\./\.\./magic/train-images-idx3-ubyte is no IDX file of images: it begins with 78000803, not 00000803' idx magic
idx cut train 8 4
truncate -s -1 "$work/cut/train-images-idx3-ubyte"
bad 65 '\.\./\.\./cut/train-images-idx3-ubyte is cut off: it has 527 bytes, its header says 528' idx cut
idx long train 8 4
echo >>"$work/long/train-labels-idx1-ubyte"
bad 65 '\.\./\.\./long/train-labels-idx1-ubyte is too long: it has 17 bytes, its header says 16' idx long
idx counts train 8 4
{ be32 0x801 7; labels 7 4; } >"$work/counts/train-labels-idx1-ubyte"
bad 65 '\.\./\.\./counts/train-labels-idx1-ubyte has 7 labels for the 8 images of \.\./\.\./counts/train-images-idx3-ubyte' idx counts
idx beyond train 8 4
idx beyond t10k 8 6
bad 65 '\.\./\.\./beyond: the label of row 4 of the test split is 4: labels run from 0 to 3' idx beyond
idx alone train 8 4
rm "$work/alone/train-labels-idx1-ubyte"
bad 66 '\.\./\.\./alone/train-images-idx3-ubyte has no labels beside it' idx alone
mkdir "$work/huge"
be32 0x803 4000000000 60000 60000 >"$work/huge/train-images-idx3-ubyte"
bad 65 '\.\./\.\./huge/train-images-idx3-ubyte: its header says more bytes than any file has' idx huge
mkdir "$work/large"
be32 0x803 1000 10000 10000 >"$work/large/train-images-idx3-ubyte"
bad 65 '\.\./\.\./large/train-images-idx3-ubyte is cut off: it has 16 bytes, its header says 100000000016' idx large
refused 74 'cannot write missing/out\.h5: No such file or directory' convert idx ../../good missing/out.h5
refused 64 '--valid-fraction: convert csv takes splits as they are: only imagefolder takes it' convert csv ../../table.csv out.h5 --label answer --valid-fraction 0.3
# only a data set is replaced: a source that is named as the output too stays what it was
wait
before=$(cksum "$work/table.csv" "$work/good/"*)
refused 64 'convert: \.\./\.\./table\.csv is there and no HDF5 file: remove it, or give another name to write to' convert csv ../../table.csv ../../table.csv --label answer
refused 64 'convert: \.\./\.\./good/train-labels-idx1-ubyte is there and no HDF5 file' convert idx ../../good ../../good/train-labels-idx1-ubyte
refused 74 'cannot write \.\./\.\./good: Is a directory' convert idx ../../good ../../good
mkfifo "$work/pipe"
refused 74 'cannot write \.\./\.\./pipe: it is no regular file' convert idx ../../good ../../pipe
wait
same 'the sources' "$before" "$(cksum "$work/table.csv" "$work/good/"*)"
[ -p "$work/pipe" ] || complain 'a pipe was replaced'
: >"$work/empty.h5"
accepted convert idx ../../good ../../empty.h5
cmp "$work/good.h5" "$work/empty.h5" || complain 'an empty file was not replaced'
# a disk that is full, or a limit; launchers meet it themselves
wait
[ "$ranks" -gt 1 ] || (trap '' XFSZ && ulimit -f 40 && try_refused 74 'cannot write out\.h5: File too large: it takes 1\.[0-9] MB' convert idx ../../good out.h5)
finish
