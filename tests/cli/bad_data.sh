#!/usr/bin/env bash
# What bad data get: one line, the right exit code, nothing written. usage: see common.sh
. "$(dirname "$0")/common.sh"
"$tools/test_cli.fixtures" "$work" || exit 1

bad() { # CODE PATTERN FILE ARGS..
  local wanted=$1 pattern=$2 file=$3
  shift 3
  refused "$wanted" "$pattern" --data "../../$file" --batch 16 "$@"
}

bad 66 '\.\./\.\./missing\.h5: No such file or directory: give ' missing.h5
bad 66 '\.\./\.\./empty\.h5 is empty \(0 bytes\)' empty.h5
bad 66 '\.\./\.\./folder\.h5 is a folder: give an HDF5 file' folder.h5
bad 65 '\.\./\.\./text\.h5 is not an HDF5 file' text.h5
bad 65 '\.\./\.\./cut\.h5 is damaged or cut off \([0-9]+ bytes\)' cut.h5
bad 65 '\.\./\.\./cut_end\.h5 is damaged or cut off \([0-9]+ bytes\)' cut_end.h5
bad 65 '\.\./\.\./foreign\.h5: no data set train/images; it holds data/x, data/y: name them with --x-path and --y-path' foreign.h5
bad 65 '\.\./\.\./foreign\.h5: no data set data/z' foreign.h5 --x-path data/z --y-path data/y
bad 65 '\.\./\.\./good\.h5: no data set valid/x' good.h5 --valid-x-path valid/x --valid-y-path valid/y
bad 65 '\.\./\.\./lengths\.h5: train/labels has 90 labels for 96 samples: rows 90 to 95 have none: label them or leave them out' lengths.h5
bad 65 '\.\./\.\./negative\.h5: train/labels: the label of row 5 is -1: labels count classes from 0' negative.h5
bad 65 '\.\./\.\./beyond\.h5: a label is 7, class_names has 4 names: labels run from 0 to 3' beyond.h5
bad 65 '\.\./\.\./zero\.h5: train/images.* (no|0) samples' zero.h5
bad 65 '\.\./\.\./float_labels\.h5: train/labels: the label of row 5 is 1\.5: labels are whole numbers' float_labels.h5
bad 65 '\.\./\.\./blosc\.h5: train/images is stored through the filter .*32001.*HDF5_PLUGIN_PATH.*h5repack -f NONE' blosc.h5
bad 65 '\.\./\.\./larger\.h5: samples of train/images are 16x16x1, others 8x8x1' good.h5,../../larger.h5
bad 64 '--batch: 100 is larger than the training split of 77 samples: lower --batch or give --drop-last off' good.h5 --batch 100
bad 64 '--batch: 2 is smaller than .*--shards' good.h5 --batch 2 --shards 4
bad 64 '--valid-fraction: 0\.999 of 96 samples leaves nothing to train on' good.h5 --valid-fraction 0.999
bad 64 '--normalize: imagenet needs images of 3 channels, \.\./\.\./good\.h5 has 1' good.h5 --normalize imagenet
bad 65 '--normalize: \.\./\.\./good\.h5 has no mean and std: use auto to measure them' good.h5 --normalize file
refused 64 '--data: synthetic:10,8,8,1 is not allowed: synthetic:N,H,W,C,K' --data synthetic:10,8,8,1
if [ "$ranks" -gt 1 ]; then
  refused 64 '--batch: 1 is smaller than the 2 shards' --batch 1
  refused 64 '--shards: 1 is fewer than the 2 ranks: raise --shards or start fewer ranks' --shards 1
  refused 64 '--comm: self is for one rank, the launcher started 2: use mpi' --comm self
fi
accepted --data ../../good.h5 --batch 16 --steps 2 --lr 1e-3 --quiet
accepted --data ../../foreign.h5 --x-path data/x --y-path data/y --batch 16 --steps 2 --lr 1e-3 --quiet
finish
