#!/usr/bin/env bash
# One rank of a host looks at the data's structure and tells the others: how often each asks the files, and what goes wrong there.
# usage: one_look.sh FOLDER MPIRUN... ; FOLDER: where look_count.so and storage_fault.so are
# shellcheck disable=SC2034 # code: ended_with looks at it
. "$(dirname "$0")/common.sh"
cd "$work" || exit 1
library=$(shim look_count) || { echo "$library"; exit 77; }
fault=$(shim storage_fault) || { echo "$fault"; exit 77; }

rows=3000
awk -v rows=$rows 'BEGIN { print "a,b,label"; for (i = 0; i < rows; i++) print i % 7 "," i % 11 "," i % 3 }' >food.csv
"$program" convert csv food.csv plain.h5 >/dev/null 2>err || fail "convert"
"$program" convert csv food.csv packed.h5 --compress deflate --chunk-rows 1 >/dev/null 2>err || fail "convert --compress"

# look RANKS DATA: opens the data as training would and ends; what rank r asked for is in counts.r
look() {
  rm -f counts.*
  timeout -k 5 60 "${mpirun[@]}" -np "$1" -x "LD_PRELOAD=$library" -x FLR_COUNT_PATH="$2" -x FLR_COUNT_OUT="$work/counts" \
    "$program" fit --data "$2" --model mlp --hidden 4 --batch 12 --steps 2 --lr 1e-2 --normalize none --plot none --dry-run >out 2>err ||
    fail "$2 on $1 ranks: exit code $?"
}
count() { sed "s/.*$1 \([0-9]*\).*/\1/" "counts.$2"; } # WHAT RANK

for ranks in 2 3 4; do
  for data in plain.h5 packed.h5; do
    look $ranks $data
    [ "$(count hdf5 0)" -gt 0 ] || skip "HDF5 is not called where a library put before it would see that"
    [ "$(count reads 0)" -gt 0 ] || fail "$data: rank 0 reads nothing: $(cat counts.0)"
    for ((rank = 1; rank < ranks; rank++)); do
      [ "$(count hdf5 $rank)" = 0 ] || fail "$data: rank $rank of $ranks calls HDF5: $(cat counts.$rank)"
      [ "$(count opens $rank)" = 1 ] || fail "$data: rank $rank of $ranks opens it more than once: $(cat counts.$rank)"
      [ "$(count reads $rank)" = 0 ] || fail "$data: rank $rank of $ranks reads at the start: $(cat counts.$rank)"
    done
  done
  echo "$ranks ranks, $rows chunks: rank 0: $(cat counts.0); rank 1: $(cat counts.1)"
done

# each rank in a folder of its own, where the data lie under one name
mkdir here there
food=(fit --data food.h5 --model mlp --hidden 4 --batch 12 --steps 2 --lr 1e-2 --plot none --dry-run)
apart() {
  timeout -k 5 60 "${mpirun[@]}" -np 1 -wdir "$work/here" "$program" "${food[@]}" : -np 1 -wdir "$work/there" "$program" "${food[@]}" >out 2>err
  code=$?
}
one_line() { [ "$(grep -c '^fastlr_dist:' err)" = 1 ] || fail "$1: not one line"; }

ln packed.h5 here/food.h5
ln packed.h5 there/food.h5
apart
ended_with 0 "the same file under two names"
rm there/food.h5
apart
ended_with 66 "rank 1 has no file"
says '^fastlr_dist: rank 1 \(.*\): food.h5: No such file' "rank 1 has no file"
one_line "rank 1 has no file"
cp packed.h5 there/food.h5
apart
ended_with 65 "rank 1 has a copy"
says '^fastlr_dist: rank 1 \(.*\): food.h5 is another file here than for the first rank of this node' "rank 1 has a copy"
one_line "rank 1 has a copy"
ln -f plain.h5 there/food.h5
apart
ended_with 65 "rank 1 has another file"
says '^fastlr_dist: rank 1 \(.*\): food.h5 is another file here .*its length differs' "rank 1 has another file"
rm here/food.h5
apart
ended_with 66 "rank 0 has no file"
says '^fastlr_dist: food.h5: No such file' "rank 0 has no file"
one_line "rank 0 has no file"
head -c 1000 packed.h5 >here/food.h5
apart
ended_with 65 "rank 0 has a torn file"
says '^fastlr_dist: food.h5 is damaged or cut off' "rank 0 has a torn file"
one_line "rank 0 has a torn file"

# shut RANK: the data cannot be opened there
shut() {
  timeout -k 5 60 "${mpirun[@]}" -np 2 -x "LD_PRELOAD=$fault" -x FLR_FAULT_RANK="$1" -x FLR_FAULT_PATH=packed.h5 -x FLR_FAULT_CALLS=open -x FLR_FAULT_ERRNO=13 \
    "$program" fit --data packed.h5 --model mlp --hidden 4 --batch 12 --steps 2 --lr 1e-2 --plot none --dry-run >out 2>err
  code=$?
}
shut 1
ended_with 74 "rank 1 may not open it"
says '^fastlr_dist: rank 1 \(.*\): packed.h5: Permission denied' "rank 1 may not open it"
one_line "rank 1 may not open it"
shut 0
ended_with 74 "rank 0 may not open it"
says '^fastlr_dist: packed.h5: Permission denied' "rank 0 may not open it"
one_line "rank 0 may not open it"
echo passed
