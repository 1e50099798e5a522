#!/usr/bin/env bash
# How much of the sums of gradients backward hides over a delayed 1 Gbit line between two hosts, one rank of one thread on each: bench_overlap in
# namespaces. usage: bench_overlap.sh BUILD [ROUNDS [DELAY_US [RATE_MBIT [--option value]...]]]; without options ResNet-18 on 32x32, batch 128
# A delay of 0: the kernel's own limit of the rate, which takes none of the two hosts' cores.
export FLR_PROGRAM=${1:?the build folder}/fastlr_dist
. "$(dirname "$0")/../cluster/hosts.sh"
in_own_namespaces "$0" "$@"
build=$(cd "$1" && pwd) rounds=${2:-9} delay=${3:-200} rate=${4:-1000}
shift $(($# < 4 ? $# : 4))
options=("$@")
[ $# -gt 0 ] || options=(--model resnet18 --data 'synthetic:12800,32,32,3,10' --valid-fraction 0.01 --batch 128 --optimizer sgd)
work_folder
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
hosts_up "$work/hosts" 2
relayed_line() {
  "$build/tests/delayed_line" host1 host2 line0 "$delay" "$rate" >"$work/line" &
  for _ in $(seq 100); do [ -s "$work/line" ] && break; sleep 0.05; done
  [ -s "$work/line" ] || skip "the line cannot be made"
}
kernel_line() {
  ip link add to1 netns host1 type veth peer name to2 netns host2
  for k in 1 2; do
    ip -n "host$k" link set "to$k" name line0
    tc -n "host$k" qdisc add dev line0 root tbf rate "${rate}mbit" burst 200kb limit 16mb || skip "the kernel cannot limit a line's rate"
  done
}
if [ "$delay" -gt 0 ]; then relayed_line; else kernel_line; fi
for k in 1 2; do
  ip -n "host$k" link set line0 mtu 9000 txqueuelen 10000 up
  ip -n "host$k" addr add "10.78.0.$k/24" dev line0
done
sleep 0.2
nsenter -t "$(cat "$work/hosts/host1.pid")" -n ping -c 3 -i 0.2 10.78.0.2 2>/dev/null | tail -1
echo "one way $delay us, $rate Mbit/s, load $(cut -d' ' -f1 /proc/loadavg)"
nsenter -t "$(cat "$work/hosts/host0.pid")" -n -u -m -i -- mpirun --mca plm rsh --mca plm_rsh_agent "$work/hosts/enter" --mca plm_rsh_no_tree_spawn 1 \
  --mca oob_tcp_if_include eth0 --mca btl_tcp_if_include line0 --mca btl tcp,self --bind-to none --host host1,host2 -np 2 \
  "$build/tests/bench_overlap" "$rounds" --threads 1 "${options[@]}"
