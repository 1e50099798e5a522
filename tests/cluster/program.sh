#!/usr/bin/env bash
# The program itself under srun, on two nodes: without standard input and a HOME that can be written to; what it says, and of which rank; and what it
# says where srun's tasks do not find each other. usage: program.sh
# shellcheck disable=SC2034,SC2086
. "$(dirname "$0")/slurm.sh"
cluster_up 2
runs=$work/shared/runs
options="--data $data --model mlp --steps 40 --lr 1e-2 --log-every 1 --deterministic --threads 1 --watchdog 20 --plot none"

# step WHAT CODE WORDS...: two ranks by srun, a node for each; what they said in $said, srun's own lines left out
step() {
  local code all
  all=$work/shared/said.all said=$work/shared/said
  (cd $work/shared && slurm timeout -k 5 60 srun --quiet --nodes=2 --ntasks=2 "${@:3}" >$work/shared/out 2>$all)
  code=$?
  [ $code = "$2" ] || { cat $all; fail "$1: exit code $code instead of $2"; }
  grep -v '^\(srun\|slurmstepd[^:]*\): ' $all >$said
  [ ! -s $work/shared/out ] || fail "$1: on standard output: $(head -n 3 $work/shared/out)"
}
# spoken_once WHAT: no line is there twice, none has a rank or a host in it
spoken_once() {
  [ -z "$(sort $said | uniq -d)" ] || fail "$1: said twice: $(sort $said | uniq -d)"
  if grep -E 'host[0-9]|rank [0-9]' $said; then fail "$1: a rank or a host where nothing is wrong"; fi
  grep -q '^mlp: .* 2 ranks' $said || fail "$1: it does not say that there are two ranks: $(cat $said)"
  grep -q '^run directory: ' $said || fail "$1: it does not say where the run is"
}

step 'no input' 0 --mpi=pmix --input=none fastlr_dist $options --out $runs/none
spoken_once 'no input'
HOME=/proc step 'closed input, no HOME' 0 --mpi=pmix bash -c "exec fastlr_dist $options --out $runs/closed <&-"
spoken_once 'closed input, no HOME'
same $runs/none $runs/closed 'closed input, no HOME'
echo "a run: ok"

# What is wrong on rank 1 alone names it and its host, once.
says_once() { # WHAT PATTERN
  [ "$(grep -Ec "^fastlr_dist: $2" $said)" = 1 ] || fail "$1: it does not say once: $2: $(cat $said)"
  [ "$(grep -c '^fastlr_dist: ' $said)" = 1 ] || fail "$1: it says more: $(cat $said)"
  echo "$1: $(grep '^fastlr_dist: ' $said)"
}
step 'no file on a node' 66 --mpi=pmix bash -c "[ \$SLURM_PROCID = 0 ] || more='--data /nowhere.h5'; exec fastlr_dist $options \$more --out $runs/missing"
says_once 'no file on a node' 'on host2 \(1 of 2 nodes\): /nowhere.h5: No such file'
step 'a rank that stops' 76 --mpi=pmix bash -c "[ \$SLURM_PROCID = 0 ] || {
    for _ in \$(seq 300); do grep -qs '\"event\": \"step\"' $runs/stopped/metrics.jsonl && break; sleep 0.1; done
    sleep 1; kill -STOP \$\$; } & # (heartbeats, each 0.25 s, tell where it is)
  exec fastlr_dist $options --data synthetic:200000,8,8,1,10 --steps 10000000 --log-every 1000 --watchdog 2 --out $runs/stopped"
says_once 'a rank that stops' 'rank 1 \(host2\) has been silent for [0-9]+ s in train, step'

# Tasks of srun that cannot find each other say so, once, and leave nothing.
step 'srun without MPI' 64 --mpi=none fastlr_dist $options --out $runs/loose
says_once 'srun without MPI' 'srun started 2 tasks that do not find each other, .*: use srun --mpi=pmix '
[ ! -e $runs/loose ] || fail 'srun without MPI: it left a run directory'
echo "passed after $SECONDS s"
