#!/usr/bin/env bash
# scripts/scaling.sh inside an allocation of two nodes: it starts 1, 2 and 4 ranks by srun; tables and plots come out, their numbers are possible ones.
# usage: scaling.sh
# shellcheck disable=SC2034,SC2086
. "$(dirname "$0")/slurm.sh"
cluster_up 2
out=$work/shared/scaling
cat >$work/shared/scaling.sbatch <<SCALING
#!/bin/bash
exec $FLR_SOURCE_DIR/scripts/scaling.sh --ranks '1 2 4' --batch 64 --rounds 1 --program $FLR_PROGRAM --out $out -- --model mlp --data $data --threads 1 --comm-algorithm mpi
SCALING
submit --nodes=2 --ntasks-per-node=2 --cpus-per-task=1 --time=10 --output=scaling.log scaling.sbatch
ends $job 0 'scaling.sh in a job'

for file in scaling.md scaling.csv runs.csv; do [ -s $out/$file ] || fail "no $file"; done
if command -v gnuplot >/dev/null; then for file in scaling.svg scaling.png; do [ -s $out/$file ] || fail "no $file"; done; fi
[ "$(cut -d , -f 1-3 $out/scaling.csv | tr '\n' ' ')" = 'kind,ranks,batch weak,1,64 weak,2,128 weak,4,256 strong,1,64 strong,2,64 strong,4,64 ' ] ||
  fail "other rows: $(cat $out/scaling.csv)"
# Speed-up and efficiency follow from the rates; one rank hardly waits for sums, several do, and for less than all of the time.
awk -F , '
  function near(a, b) { return a > b * 0.999 - 1e-4 && a < b * 1.001 + 1e-4 }
  NR == 1 { if ($0 != "kind,ranks,batch,samples_per_second,speedup,efficiency,exposed_share,stall_share") exit wrong = 1; next }
  $2 == 1 { base = $4 }
  !($4 > 0 && near($5, $4 / base) && near($6, $5 / $2) && $8 >= 0 && $8 < 1) { exit wrong = 1 }
  $2 == 1 && !($7 >= 0 && $7 < 0.5) { exit wrong = 1 }
  $2 > 1 && !($7 > 0 && $7 < 1) { exit wrong = 1 }
  END { exit wrong || NR != 7 }' $out/scaling.csv || fail "impossible numbers: $(cat $out/scaling.csv)"
cat $out/scaling.md
echo "passed after $SECONDS s"
