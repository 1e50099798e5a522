#!/usr/bin/env bash
# What unreadable and misshapen weights get, in --init-weights, eval, export and inspect. usage: see common.sh
. "$(dirname "$0")/common.sh"
"$tools/test_cli.fixtures" "$work" || exit 1
all=$ranks
ranks=1
fastlr --data ../../good.h5 --batch 16 --steps 4 --lr 1e-2 --quiet --out ../../trained
cp "$work/trained/final.h5" "$work/" || exit 1
head -c 5000 "$work/final.h5" >"$work/cut_final.h5"
ranks=$all

for command in '--data digits --init-weights' eval; do
  # shellcheck disable=SC2086
  bad() { refused "$1" "$2" $command "../../$3"; }
  bad 66 '../../missing.h5: No such file or directory: give a .safetensors or .h5 file' missing.h5
  bad 66 '../../empty.h5 is empty \(0 bytes\): give ' empty.h5
  bad 66 '../../folder.h5 is a folder: give a weights file' folder.h5
  bad 65 '../../text.h5: the header claims [0-9]+ bytes, the file has [0-9]+: neither HDF5 nor whole .safetensors' text.h5
  bad 65 '../../cut_final.h5 is damaged or cut off \(5000 bytes\): HDF5 says: ' cut_final.h5
  bad 65 '../../huge.safetensors: the header claims 1152921504606846976 bytes' huge.safetensors
  bad 65 '../../no_json.safetensors: .*not a .safetensors file' no_json.safetensors
done
refused 65 '../../final.h5 does not fit the model, see --model: misshapen fc1.weight \[256, 64\], wanted \[256, 144\]' \
  --init-weights ../../final.h5 --data synthetic:256,12,12,1,4
refused 65 '../../final.h5 does not fit .*missing conv1.weight .*; and [0-9]+ more$' --init-weights ../../final.h5 --model resnet18 \
  --data ../../good.h5 --batch 16
"$program" --model resnet18 --stem imagenet --data synthetic:16,8,8,3,4 --batch 8 --steps 1 --lr 0 --quiet --plot none \
  --out "$work/resnet" || complain 'no ResNet was made'
refused 65 '../../resnet/final.h5 does not fit .*: misshapen conv1.weight \[64, 3, 7, 7\], wanted \[64, 3, 3, 3\] \(it has --stem imagenet\)$' \
  --init-weights ../../resnet/final.h5 --model resnet18 --data synthetic:16,8,8,3,4 --batch 8
refused 65 '../../other.safetensors does not fit .*: misshapen fc1.weight \[0, 9\], wanted \[256, 64\]; missing fc1.bias' \
  --init-weights ../../other.safetensors
refused 65 '../../final.h5 was trained on samples of 8x8x1 in 4 classes, synthetic:64,9,8,1,4 has 9x8x1 in 4: give the data' \
  eval ../../final.h5 --data synthetic:64,9,8,1,4
refused 65 '../../final.h5 was trained on samples of 8x8x1 in 4 classes, digits has 8x8x1 in 10' eval ../../final.h5 --data digits
refused 66 '../../good.h5 has no test split: give another --split' eval ../../final.h5 --split test
refused 64 '--split: all is not allowed: one of train,valid,test' eval ../../final.h5 --split all

refused 66 '../../missing.h5: No such file or directory: give ' export ../../missing.h5 out.safetensors
refused 65 '../../good.h5 holds no floating point tensors' export ../../good.h5 out.safetensors
refused 65 '../../cut_final.h5 is damaged or cut off' export ../../cut_final.h5 out.safetensors
refused 74 'cannot create no/such/folder/out.safetensors: No such file' export ../../final.h5 no/such/folder/out.safetensors
refused 64 '../../final.h5 and ../../final.h5 are the same file' export ../../final.h5 ../../final.h5
refused 64 '../../good.h5 is an HDF5 file, and .safetensors would replace it' export ../../final.h5 ../../good.h5
refused 74 'cannot write \.\.: Is a directory' export ../../final.h5 ..
mkfifo "$work/pipe"
refused 74 'cannot write ../../pipe: it is no regular file' export ../../final.h5 ../../pipe

refused 66 '../../missing.h5: No such file or directory: give an HDF5 file' inspect ../../missing.h5
refused 66 '../../empty.h5 is empty' inspect ../../empty.h5
refused 66 '../../folder.h5 is a folder' inspect ../../folder.h5
refused 65 '../../text.h5 is not an HDF5 file' inspect ../../text.h5
refused 65 '../../cut_final.h5 is damaged or cut off' inspect ../../cut_final.h5

# and what is good: the head is left out by itself where the classes differ, and on request
accepted --init-weights ../../final.h5 --steps 1 --lr 1e-3 --quiet
accepted --init-weights ../../final.h5 --init-head off --data ../../good.h5 --batch 16 --steps 1 --lr 1e-3 --quiet
accepted export ../../final.h5 ../../final.safetensors
accepted --init-weights ../../final.safetensors --data ../../good.h5 --batch 16 --steps 1 --lr 1e-3 --quiet
accepted eval ../../final.safetensors --model mlp --data ../../good.h5 --batch 16 --quiet
finish
