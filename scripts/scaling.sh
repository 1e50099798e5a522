#!/usr/bin/env bash
# Weak and strong scaling of training over rank counts: a table (Markdown and CSV) and a plot (SVG and PNG).
# usage: scaling.sh [OPTIONS] [-- OPTIONS OF fastlr_dist..]
#   --ranks "1 2 4"    rank counts; the first is what the others are compared with (default "1 2 4")
#   --kind KIND        weak (the batch per rank stays), strong (the global batch stays) or both (default both)
#   --batch B          weak: of one rank; strong: of all (default 64)
#   --steps N          timed steps; as many before them warm up (default 20)
#   --rounds K         runs of each, in turn; medians count (default 3)
#   --launcher WORDS   what starts ranks: "srun --mpi=pmix" (default inside a Slurm job) or "mpirun .." (default elsewhere); "-n RANKS" is added
#   --program FILE     (default: build/release/fastlr_dist, else the one on the PATH)
#   --out FOLDER       (default: scaling): scaling.md, scaling.csv, scaling.svg, scaling.png, runs.csv and each run's log
# What follows -- goes to every run: --model, --data (default: synthetic images that are enough for the steps), --threads ..
# samples/s are those of the timed steps; exposed: the share of their time in which rank 0 waited for sums over ranks; stall: for data.
# Exit code 0, 64 wrong usage, or that of the first run that failed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ranks='1 2 4' kind=both batch=64 steps=20 rounds=3 out=scaling launcher='' program=''

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"
  exit "$1"
}
refuse() {
  echo "scaling: $*" >&2
  exit 64
}
while [ $# -gt 0 ]; do
  case "$1" in
    --help | -h) usage 0 ;;
    --ranks | --kind | --batch | --steps | --rounds | --launcher | --program | --out)
      [ $# -gt 1 ] || refuse "$1: a value is missing"
      declare "${1#--}=$2"
      shift
      ;;
    --) shift && break ;;
    *) refuse "$1: unknown; options of fastlr_dist come after --; see --help" ;;
  esac
  shift
done
options=("$@")
for number in $ranks $batch $steps $rounds; do
  [[ $number =~ ^[1-9][0-9]*$ ]] || refuse "'$number' is no whole number above 0"
done
[ -n "$ranks" ] || refuse "--ranks: name at least one rank count"
case "$kind" in weak | strong) kinds=$kind ;; both) kinds='weak strong' ;; *) refuse "--kind: $kind is not allowed: weak, strong or both" ;; esac
if [ -z "$program" ]; then
  program=$here/../build/release/fastlr_dist
  [ -x "$program" ] || program=$(command -v fastlr_dist) || refuse "no fastlr_dist: build it or name it with --program"
fi
if [ -z "$launcher" ]; then
  launcher='mpirun --bind-to none'
  [ -z "${SLURM_JOB_ID:-}" ] || launcher='srun --mpi=pmix'
fi
export SLURM_PMIX_FENCE="${SLURM_PMIX_FENCE:-tree}" # (as slurm/train.sbatch has it)
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
mkdir -p "$out"
runs=$out/runs.csv
echo 'kind,ranks,round,batch,samples_per_second,exposed_share,stall_share' >"$runs"

# field LINE NAME: of a JSON object
field() { sed -n "s/.*\"$2\": \([-0-9.e+]*\).*/\1/p" <<<"$1"; }

# run KIND RANKS ROUND: two epochs of the steps; the second counts
run() {
  local size=$batch directory=$out/$1-$2-$3 line given=" ${options[*]} " data=() seconds code=0
  [ "$1" = strong ] || size=$((batch * $2))
  [[ $given == *' --data'* ]] || data=(--data "synthetic:$((size * steps)),32,32,3,10" --valid-fraction 0)
  rm -rf "$directory"
  # shellcheck disable=SC2086 # (the launcher is words)
  $launcher -n "$2" "$program" fit --model resnet20 "${data[@]}" --lr 1e-3 "${options[@]}" --batch "$size" --epochs 2 --checkpoint-every 1000000 \
    --keep 1 --plot none --quiet --out "$directory" >"$directory.log" 2>&1 || code=$?
  if [ $code != 0 ]; then
    echo "scaling: $1, $2 ranks: exit code $code: $(grep '^fastlr_dist:' "$directory.log" | head -1)" >&2
    exit $code
  fi
  line=$(grep '"event": "epoch"' "$directory/metrics.jsonl" | tail -1)
  seconds=$(field "$line" seconds)
  awk -v kind="$1" -v ranks="$2" -v round="$3" -v size="$size" -v rate="$(field "$line" samples_per_second)" -v seconds="$seconds" \
    -v exposed="$(field "$line" exposed_seconds)" -v stall="$(field "$line" stall_seconds)" 'BEGIN {
    printf "%s,%d,%d,%d,%.6g,%s,%s\n", kind, ranks, round, size, rate, exposed == "" ? "nan" : exposed / seconds, stall == "" ? "nan" : stall / seconds }' >>"$runs"
  rm -rf "$directory"
}

for ((round = 1; round <= rounds; round++)); do
  for which in $kinds; do
    for count in $ranks; do run "$which" "$count" "$round"; done
  done
done

# Medians; efficiency: samples/s of a rank over those of a rank of the first count.
sort -t, -k1,1r -k2,2n -s "$runs" | grep -v '^kind' | awk -F, -v first="${ranks%% *}" '
  function median(values, n, i, j, t) {
    for (i = 2; i <= n; i++) for (j = i; j > 1 && values[j - 1] > values[j]; j--) { t = values[j]; values[j] = values[j - 1]; values[j - 1] = t }
    return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
  }
  function flush(rate) {
    if (!n) return
    rows[++count] = kind; of[count] = ranks; size[count] = batch
    rates[count] = rate = median(a, n); exposed[count] = b[1] == "nan" ? "nan" : median(b, n); stall[count] = median(c, n)
    if (ranks == first) base[kind] = rate / ranks
    n = 0
  }
  $1 != kind || $2 != ranks { flush(); kind = $1; ranks = $2; batch = $4 }
  { n++; a[n] = $5 + 0; b[n] = $6 == "nan" ? "nan" : $6 + 0; c[n] = $7 + 0 }
  END {
    flush()
    print "kind,ranks,batch,samples_per_second,speedup,efficiency,exposed_share,stall_share"
    for (i = 1; i <= count; i++)
      printf "%s,%d,%d,%.6g,%.4f,%.4f,%s,%.4f\n", rows[i], of[i], size[i], rates[i], rates[i] / (base[rows[i]] * first),
        rates[i] / (base[rows[i]] * of[i]), exposed[i] == "nan" ? "nan" : sprintf("%.4f", exposed[i]), stall[i]
  }' >"$out/scaling.csv"
awk -F, 'NR == 1 { print "| | ranks | global batch | samples/s | speed-up | efficiency | exposed sums | loader stall |\n|---|---|---|---|---|---|---|---|"; next }
  { printf "| %s | %d | %d | %.1f | %.2f | %.1f %% | %s | %.1f %% |\n", $1, $2, $3, $4, $5, 100 * $6, $7 == "nan" ? "not known" : sprintf("%.1f %%", 100 * $7), 100 * $8 }' \
  "$out/scaling.csv" >"$out/scaling.md"
cat "$out/scaling.md"

# Efficiency on the left, where a step's time goes on the right.
draw() { # TERMINAL FILE
  local which colour
  {
    cat <<PLOT
set terminal $1
set output "$out/$2"
set datafile separator ","
set multiplot layout 1,2
set grid ytics
set key below maxrows 2
set xlabel "ranks" offset 0,0.5
set xtics ($(for count in $ranks; do printf '"%s" %s,' "$count" "$count"; done | sed 's/,$//'))
set logscale x 2
set offsets graph 0.05, graph 0.05, 0, 0
set title "efficiency: samples/s of a rank, % of ${ranks%% *} rank$([ "${ranks%% *}" = 1 ] || echo s)"
set yrange [0:*<110]
PLOT
    printf 'plot 100 with lines dashtype 3 linecolor rgb "gray50" notitle, \\\n'
    for which in $kinds; do
      [ "$which" = weak ] && colour='#1f77b4' || colour='#d95f02'
      echo "\"< grep ^$which '$out/scaling.csv'\" using 2:(100*column(6)) with linespoints linewidth 2 pointtype 7 linecolor rgb \"$colour\" title \"$which\", \\"
    done | sed '$s/, \\$//'
    cat <<PLOT
set title "share of a step's time, %"
set yrange [0:*]
PLOT
    printf 'plot \\\n'
    for which in $kinds; do
      [ "$which" = weak ] && colour='#1f77b4' || colour='#d95f02'
      echo "\"< grep ^$which '$out/scaling.csv'\" using 2:(100*column(7)) with linespoints linewidth 2 pointtype 7 linecolor rgb \"$colour\" title \"$which: sums not hidden\", \\"
      echo "\"\" using 2:(100*column(8)) with linespoints dashtype 2 pointtype 6 linecolor rgb \"$colour\" title \"$which: waiting for data\", \\"
    done | sed '$s/, \\$//'
    echo 'unset multiplot'
  } | gnuplot
}
if command -v gnuplot >/dev/null; then
  draw 'svg size 960,400 background rgb "white"' scaling.svg
  draw 'pngcairo size 960,400' scaling.png
else
  echo "scaling: no gnuplot: no plot is drawn" >&2
fi
