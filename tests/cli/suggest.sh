#!/usr/bin/env bash
# suggest: golden suggestions of a smooth curve, statuses, what a CSV may look like. usage: see common.sh
. "$(dirname "$0")/common.sh"

# r(i) = 2.3 - 1.6 / (1 + exp(-2.5 (x + 3))) + exp(2.2 x), x = log10 of the rate, 100 points from 1e-7 towards 10
awk 'BEGIN { print "lr,loss"; for (i = 0; i < 100; i++) { x = -7 + 8 * i / 100
  printf "%.17g,%.17g\n", 10^x, 2.3 - 1.6 / (1 + exp(-2.5 * (x + 3))) + exp(2.2 * x) } }' >"$work/curve.csv"

# suggests WHAT "NAME RATE STATUS".. : as ./out (--csv) has them, rates to 1e-9
suggests() {
  local what=$1 row
  shift
  same "$what: exit code" 0 "$code"
  same "$what: header" 'name,lr,status' "$(head -1 out)"
  same "$what: lines" $(($# + 1)) "$(wc -l <out)"
  for row in "$@"; do
    awk -F, -v wanted="$row" 'BEGIN { split(wanted, w, " ") }
      $1 == w[1] { good = $3 == w[3] && ($2 == w[2] || ($2 - w[2])^2 <= (1e-9 * w[2])^2); line = $0 }
      END { if (!good) { print "found " line; exit 1 } }' out || complain "$what: wanted $row"
  done
}

fastlr suggest ../../curve.csv --csv
suggests 'the curve' 'valley 1.3182567385564074e-4 ok' 'steepest 1e-3 ok' 'minimum 3.311311214825908e-3 ok' \
  'slide 1.5848931924611132e-6 ok' 'consensus 0.013053268902218907 ok'
fastlr suggest ../../curve.csv --csv --smooth 0.98
suggests 'smoothed' 'valley 4.786300923226385e-4 ok' 'steepest 5.248074602497722e-3 ok' 'minimum 6.30957344480193e-2 ok' \
  'slide 3.0199517204020187e-3 ok' 'consensus 0.013053268902218907 ok' # which reads the raw losses
fastlr suggest ../../curve.csv
same 'for people' 6 "$(wc -l <out)"
grep -q '^consensus 0.01305      ok: estimates disagree by 19x: look at the plot or use --sweep-repeats 3$' out || complain "words: $(cat out)"

# the same points with another order of columns, quotes, comments, CRLF, a byte order mark and a column of standard errors
{
  printf '\xef\xbb\xbf"LR" , step,"Loss",se\r\n# a comment\r\n\r\n'
  awk -F, 'NR > 1 { printf " %s,%d,%s ,0.01\r\n", $1, NR, $2 }' "$work/curve.csv"
} >"$work/other.csv"
fastlr suggest ../../curve.csv --csv
cp out wanted
fastlr suggest ../../other.csv --csv
same 'another form of the same curve' "$(cat wanted)" "$(cat out)"

# standard errors weigh the raw losses: a certain outlier moves the consensus, an uncertain one does not
awk -F, 'NR == 1 { print $0 ",se"; next } { print $1 "," (NR == 50 ? 0.1 : $2) "," (NR == 50 ? 1e6 : 0) }' "$work/curve.csv" >"$work/uncertain.csv"
cut -d, -f1,2 "$work/uncertain.csv" >"$work/certain.csv"
fastlr suggest ../../uncertain.csv --csv
grep -q '^consensus,0.0130' out || complain "an uncertain outlier: $(cat out)"
fastlr suggest ../../certain.csv --csv
grep -q '^consensus,0.013' out && complain "a certain outlier: $(cat out)"

csv() { printf '%b' "$1" >"$work/c.csv"; }
csv 'lr,loss\n1e-3,2\n2e-3,1\n3e-3,3\n'
fastlr suggest ../../c.csv --csv --trim-start 0 --trim-end 0
suggests 'three points' 'valley 0.001 ok' 'steepest 0.001 ok' 'minimum 0.0002 ok' 'slide nan too-few-points' 'consensus nan too-few-points'
fastlr suggest ../../c.csv --csv
suggests 'nothing left after trimming' 'valley nan too-few-points' 'steepest nan too-few-points' 'minimum nan too-few-points' \
  'slide nan too-few-points' 'consensus nan too-few-points'
fastlr suggest ../../c.csv --csv --trim-start 1 --trim-end 1
suggests 'a single point left' 'valley nan too-few-points' 'steepest nan too-few-points' 'minimum nan too-few-points' \
  'slide nan too-few-points' 'consensus nan too-few-points'
csv 'lr,loss\n1e-3,1\n2e-3,2\n3e-3,3\n'
fastlr suggest ../../c.csv --csv --trim-start 0 --trim-end 0
suggests 'only rising' 'valley nan monotone' 'steepest nan monotone' 'minimum nan no-minimum' 'slide nan too-few-points' 'consensus nan too-few-points'
csv 'lr,loss\n1e-3,nan\n2e-3,2\n3e-3,3\n'
fastlr suggest ../../c.csv --json --trim-start 0 --trim-end 0
same 'not finite' '{"points":3,"verdict":"nonfinite","suggestions":{"valley":{"lr":null,"status":"nonfinite"},"steepest":{"lr":null,"status":"nonfinite"},"minimum":{"lr":null,"status":"nonfinite"},"slide":{"lr":null,"status":"nonfinite"},"consensus":{"lr":null,"status":"nonfinite","spread":null}}}' "$(cat out)"

# the verdict is a sweep's over these losses; without a stop there is none
verdict() { sed -n 's/.*"verdict":"\([a-z]*\)".*/\1/p' out; }
awk 'BEGIN { print "lr,loss"; for (i = 0; i < 100; i++) printf "%.17g,%.17g\n", 10^(-7 + 8 * i / 100), i < 80 ? 2 : 200 }' >"$work/up.csv"
fastlr suggest ../../up.csv --json
same 'a curve that blows up' diverged "$(verdict)"
fastlr suggest ../../up.csv --json --sweep-stop 0
same 'a curve that may' finished "$(verdict)"
fastlr suggest ../../curve.csv --json
same 'a curve that ends in time' finished "$(verdict)"

in_line() { # LINE PATTERN TEXT
  local file
  file=$(mktemp "$work/XXXXXX.csv")
  printf '%b' "$3" >"$file"
  refused 65 "../../$(basename "$file"), line $1: $2" suggest "../../$(basename "$file")"
}
in_line 1 'the header has no column loss' 'lr,value\n1,2\n'
in_line 1 'the header has no column lr' '1e-3,2\n2e-3,3\n'
in_line 3 '"x" is no number' 'lr,loss\n1e-3,2\n2e-3,x\n'
in_line 3 'a column is missing' 'lr,loss\n1e-3,2\n2e-3\n'
in_line 2 'the rate 0 is not above 0' 'lr,loss\n0,2\n'
in_line 3 'the rate 0.001 does not rise above 0.001' 'lr,loss\n1e-3,2\n1e-3,2\n'
: >"$work/empty.csv"
refused 65 '../../empty.csv holds no points: a header line lr,loss' suggest ../../empty.csv
refused 66 '../../none.csv: No such file or directory: give a CSV file' suggest ../../none.csv
refused 66 '../.. is a folder: give a CSV file' suggest ../..
finish
