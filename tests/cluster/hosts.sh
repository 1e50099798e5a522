# Sourced by the cluster tests: hosts on one machine, by namespaces. Each host has its own network, name, processes, shared memory and mounts; a
# bridge joins them. All lies in namespaces of the test's own, so that nothing is left when it ends, however it does.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../harness/script.sh"
clean_up() { umount /run/netns 2>/dev/null; }

# in_own_namespaces SCRIPT ARGUMENTS...: starts the script again where it may make hosts; returns in that one
in_own_namespaces() {
  [ -z "${FLR_OWN_NAMESPACES:-}" ] || return 0
  for tool in ip bridge nsenter unshare; do command -v $tool >/dev/null || skip "no $tool"; done
  local own=(unshare --mount --propagation private --pid --fork --kill-child --mount-proc)
  "${own[@]}" ip netns add "flr-probe-$$" 2>/dev/null || skip "network namespaces may not be made here"
  ip netns del "flr-probe-$$" 2>/dev/null # (the name's file alone)
  FLR_OWN_NAMESPACES=1 exec "${own[@]}" bash "$@"
}

# hosts_up FOLDER COUNT: host0, where mpirun runs, and host1 .. hostCOUNT
hosts_up() {
  local k
  hosts=$1
  mkdir -p "$hosts" /run/netns
  mount -t tmpfs tmpfs /run/netns || skip "file systems may not be mounted here"
  { echo '127.0.0.1 localhost' && for ((k = 0; k <= $2; k++)); do echo "10.77.0.$((k + 1)) host$k"; done; } >"$hosts/names"
  ip netns add switch
  ip -n switch link add br0 type bridge 2>/dev/null || skip "bridges may not be made here"
  ip -n switch link set br0 up
  for ((k = 0; k <= $2; k++)); do host_up "$k"; done
  cat >"$hosts/enter" <<'ENTER'
#!/bin/bash
# enter HOST WORDS...: what mpirun takes for ssh: the words are joined and given to a shell
while [[ "$1" == -* ]]; do shift; done
host=$1
shift
exec nsenter -t "$(cat "${0%/*}/$host.pid")" -n -u -m -i -p --wd="$PWD" -- /bin/sh -c "$*"
ENTER
  chmod +x "$hosts/enter"
}

# host_up K. Its first process holds its processes: killed, it takes them all along. host0 shares the processes of the test.
host_up() {
  local name=host$1 apart=(--uts --mount --ipc)
  [ "$1" = 0 ] || apart+=(--pid --fork --kill-child --mount-proc)
  if [ ! -e "/run/netns/$name" ]; then
    ip netns add "$name"
    ip -n "$name" link add eth0 type veth peer name "port$1" netns switch
    ip -n switch link set "port$1" master br0 up
    ip -n "$name" addr add "10.77.0.$(($1 + 1))/24" dev eth0
    ip -n "$name" link set eth0 up
    ip -n "$name" link set lo up
  fi
  rm -f "$hosts/$name.up"
  # shellcheck disable=SC2016 # (expanded there)
  nsenter --net="/run/netns/$name" unshare "${apart[@]}" bash -c 'hostname "$1" && mount -t tmpfs tmpfs /dev/shm &&
    mount --bind "$2/names" /etc/hosts && touch "$2/$1.up"; while :; do sleep 3600 & wait; done' host "$name" "$hosts" >/dev/null 2>&1 </dev/null &
  local outer=$!
  disown
  for _ in $(seq 200); do [ -e "$hosts/$name.up" ] && break; sleep 0.02; done
  [ -e "$hosts/$name.up" ] || skip "$name cannot be made"
  if [ "$1" = 0 ]; then echo $outer; else pgrep -P $outer; fi >"$hosts/$name.pid"
}

host_dies() { kill -KILL "$(cat "$hosts/host$1.pid")"; }

# The line between the switch and a host; the host does not notice.
host_cut() { bridge -n switch link set dev "port$1" state 0; }
host_join() { bridge -n switch link set dev "port$1" state 3; }

# hosts_mpirun ARGUMENTS...: from host0
hosts_mpirun() {
  nsenter -t "$(cat "$hosts/host0.pid")" -n -u -m -i -- mpirun --mca plm rsh --mca plm_rsh_agent "$hosts/enter" --mca plm_rsh_no_tree_spawn 1 \
    --mca oob_tcp_if_include eth0 --mca btl_tcp_if_include eth0 --mca btl vader,tcp,self --oversubscribe --bind-to none "$@"
}
