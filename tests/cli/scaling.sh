#!/usr/bin/env bash
# scripts/scaling.sh: refusals, and a short run whose table and plots are whole. usage: scaling.sh MPIRUN...
. "$(dirname "$0")/../harness/script.sh"
work_folder
script=${FLR_SOURCE_DIR:?the tree}/scripts/scaling.sh
refused() { # MESSAGE ARGUMENTS...
  local message=$1 code=0
  shift
  "$script" --program "$program" --out "$work/refused" "$@" >"$work/out" 2>"$work/err" || code=$?
  [ $code = 64 ] || fail "$*: exit code $code"
  grep -qF -- "$message" "$work/err" || fail "$*: no word of '$message'"
}
refused '--kind: huge' --kind huge
refused "'0' is no whole number above 0" --ranks '0 2'
refused '--model: unknown' --model cnn
refused '--steps: a value is missing' --steps
"$script" --help | grep -q -- '--launcher WORDS' || fail "--help"

run() {
  "$script" --program "$program" --launcher "$*" --ranks '1 2' --batch 8 --steps 2 --rounds 2 --out "$work/out put" -- \
    --model mlp --data synthetic:40,4,4,1,2 --threads 1 >"$work/table" 2>"$work/err"
}
run "$@" || fail "exit code $?"
table=$work/out\ put/scaling.csv
[ "$(cut -d, -f1-3 "$table" | tr '\n' ' ')" = 'kind,ranks,batch weak,1,8 weak,2,16 strong,1,8 strong,2,8 ' ] || fail "rows: $(cat "$table")"
awk -F, 'NR > 1 && $2 == 1 && ($5 != 1 || $6 != 1 || $7 > 0.5) { bad = 1 }
  NR > 1 && ($4 <= 0 || $6 <= 0 || $7 < 0 || $7 > 1 || $8 < 0 || $8 > 1) { bad = 1 }
  NR > 1 && $2 == 2 && ($5 - 2 * $6) ^ 2 > 1e-6 { bad = 1 }
  END { exit bad }' "$table" || fail "numbers: $(cat "$table")"
[ "$(grep -c . "$work/out put/runs.csv")" = 9 ] || fail "runs: $(cat "$work/out put/runs.csv")"
diff "$work/table" "$work/out put/scaling.md" || fail "what is printed is not the table"
if command -v gnuplot >/dev/null; then
  grep -q '</svg>' "$work/out put/scaling.svg" || fail "no whole SVG"
  [ "$(head -c 4 "$work/out put/scaling.png" | tail -c 3)" = PNG ] || fail "no PNG"
fi
echo passed
