# Sourced by the tests of batch scripts, in namespaces of their own from then on: a real slurmctld and slurmds, on the hosts that hosts_up makes.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2086
. "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"
in_own_namespaces "$0" "$@"

tools_of_slurm() {
  for tool in slurmctld slurmd munged sbatch srun scontrol; do command -v $tool >/dev/null || skip "no $tool: Slurm is not installed"; done
}

fail() {
  echo "FAILED: $*"
  echo "jobs now:" && slurm squeue 2>&1 | sed 's/^/  | /'
  tail -n 25 "$work"/shared/*.log "$work"/shared/runs/*/log/* "$work"/shared/runs/*/*/log/* "$slurm"/log/slurmctld.log 2>/dev/null | sed 's/^/  | /'
  exit 1
}

# cluster_up NODES [LINES OF slurm.conf]: $work/shared is the file system that all hosts share, $TMPDIR each host's own. All lies in file systems
# and processes of the test's namespaces: nothing is left behind when the test ends, however it does.
cluster_up() {
  tools_of_slurm
  work=/run/cluster
  mount -t tmpfs tmpfs /run || skip "file systems may not be mounted here"
  mkdir -p $work/shared/runs $work/shared/{slow,fast} $work/local
  cp "$FLR_SOURCE_DIR/datasets/digits.h5" $work/shared/slow
  cp "$FLR_SOURCE_DIR/datasets/digits.h5" $work/shared/fast
  data_is fast
  PATH=$(dirname "$FLR_PROGRAM"):$PATH
  export TMPDIR=$work/local HOME=$work/shared PATH
  mount -t tmpfs -o size=64m tmpfs $TMPDIR
  hosts_up $work/hosts "$1"
  slurm=$work/slurm nodes=$1
  mkdir -p $slurm/{log,run,state,spool,munge}
  chmod 0755 $work $slurm $slurm/munge
  (umask 077 && head -c 1024 /dev/urandom >$slurm/munge/key)
  munged --socket=$slurm/munge/socket --key-file=$slurm/munge/key --pid-file=$slurm/munge/pid --log-file=$slurm/munge/log \
    --seed-file=$slurm/munge/seed --num-threads=2 >/dev/null 2>&1 || skip "munged does not start here: $(tail -n 1 $slurm/munge/log 2>/dev/null)"
  write_slurm_conf "${2:-}"
  export SLURM_CONF=$slurm/slurm.conf
  enter 0 slurmctld -c >/dev/null 2>&1 || skip "slurmctld does not start here: $(tail -n 1 $slurm/log/slurmctld.log)"
  for ((k = 1; k <= nodes; k++)); do node_up "$k"; done
  wait_for 60 "all nodes idle" all_idle
}

write_slurm_conf() { # MORE LINES
  local k
  cat >$slurm/slurm.conf <<CONF
ClusterName=test
SlurmctldHost=host0(10.77.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$slurm/munge/socket,cred_expire=5
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool/%n
SlurmctldPidFile=$slurm/run/slurmctld.pid
SlurmdPidFile=$slurm/run/slurmd.%n.pid
SlurmctldLogFile=$slurm/log/slurmctld.log
SlurmdLogFile=$slurm/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$slurm/log/ended.log
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=5
MinJobAge=3600
SlurmdTimeout=10
UnkillableStepTimeout=60
PropagateResourceLimits=NONE
TmpFS=$TMPDIR
PlugStackConfig=/dev/null
$1
CONF
  for ((k = 1; k <= nodes; k++)); do
    mkdir -p "$slurm/spool/host$k"
    echo "NodeName=host$k NodeAddr=10.77.0.$((k + 1)) CPUs=${cpus:-2} RealMemory=4000 State=UNKNOWN ${gpus:+Gres=gpu:fake:$gpus}"
  done >>$slurm/slurm.conf
  [ -z "${gpus:-}" ] || write_gres_conf
  echo "PartitionName=low Nodes=host[1-$nodes] Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=60
PartitionName=high Nodes=host[1-$nodes] MaxTime=INFINITE State=UP PriorityTier=10" >>$slurm/slurm.conf
}

# $gpus: how many each node has. Slurm gives a GPU to a job by its number, which it takes from the name of a device (here of one like /dev/null).
write_gres_conf() {
  local k
  for ((k = 0; k < gpus; k++)); do mknod "$slurm/gpu$k" c 1 3 2>/dev/null || skip "devices may not be made here"; done
  echo "Name=gpu Type=fake File=$slurm/gpu[0-$((gpus - 1))]" >$slurm/gres.conf
  echo 'GresTypes=gpu' >>$slurm/slurm.conf
}

enter() { # K WORDS...: on host K
  local pids=(-p)
  [ "$1" != 0 ] || pids=()
  nsenter -t "$(cat "$hosts/host$1.pid")" -n -u -m -i "${pids[@]}" --wd="$PWD" -- "${@:2}"
}

# node_up K: its own disk, and its slurmd. A node that comes back has an empty spool: what a step of the job left there would fail its next start.
node_up() {
  find "$slurm/spool/host$1" -mindepth 1 -delete
  enter "$1" mount -t tmpfs -o "size=${local_size:-64m}" tmpfs "$TMPDIR"
  enter "$1" slurmd >/dev/null 2>&1 || fail "slurmd of host$1 does not start"
}

# data_lines_up: a second network between the nodes, data0 on each, which can be cut while Slurm's own is well
data_lines_up() {
  local k
  ip -n switch link add br1 type bridge
  ip -n switch link set br1 up
  for ((k = 1; k <= nodes; k++)); do
    ip -n "host$k" link add data0 type veth peer name "data$k" netns switch
    ip -n switch link set "data$k" master br1 up
    ip -n "host$k" addr add "10.78.0.$((k + 1))/24" dev data0
    ip -n "host$k" link set data0 up
  done
}
data_cut() { bridge -n switch link set dev "data$1" state 0; }
data_join() { bridge -n switch link set dev "data$1" state 3; }

# slurm WORDS...: a command of Slurm as a user on host0 gives it. More ranks than cores wait for each other, as on one host (yield_when_idle).
slurm() {
  enter 0 env OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_tcp_if_include="${OMPI_MCA_btl_tcp_if_include:-eth0}" OMPI_MCA_oob_tcp_if_include=eth0 OMPI_MCA_btl=vader,tcp,self "$@"
}

all_idle() { [ "$(slurm sinfo -h -N -p low -t idle -o %N 2>/dev/null | wc -l)" = "$nodes" ]; }
node_is_back() { slurm sinfo -h -n "host$1" -p low -o %t | grep -Eq "^(idle|mix|alloc)$"; }

# wait_for SECONDS WHAT COMMAND...: until the command holds
wait_for() {
  local until=$((SECONDS + $1))
  while ! "${@:3}"; do
    [ $SECONDS -lt $until ] || fail "$2: not after $1 s"
    sleep 0.2
  done
}

# submit WORDS OF sbatch...: from $work/shared; the job's number in $job
submit() {
  job=$(cd $work/shared && slurm sbatch --parsable "$@") || fail "sbatch $*: refused"
  job=${job%%;*}
}

# submit_slowly WORDS..: the job takes 2 ms for each sample of slow data it reads, however fast the machine is
submit_slowly() {
  job=$(cd $work/shared && slurm "${slowly[@]}" sbatch --parsable "$@") || fail "sbatch $*: refused"
  job=${job%%;*}
}

state_of() { slurm scontrol show job "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' | head -n 1; }
exit_of() { slurm scontrol show job "$1" 2>/dev/null | sed -n 's/.*[^d]ExitCode=\([0-9]*\):.*/\1/p' | head -n 1; }
restarts_of() { slurm scontrol show job "$1" 2>/dev/null | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p' | head -n 1; }
is_over() { case $(state_of "$1") in COMPLETED | FAILED | TIMEOUT | CANCELLED | PREEMPTED | NODE_FAIL | OUT_OF_MEMORY | '') ;; *) return 1 ;; esac; }
runs() { [ "$(state_of "$1")" = RUNNING ]; }

# ends JOB CODE WHAT: it does, with that exit code
ends() {
  wait_for 180 "$3: job $1 over" is_over "$1"
  [ "$(exit_of "$1")" = "$2" ] || fail "$3: job $1 is $(state_of "$1") with exit code $(exit_of "$1") instead of $2"
}

# edited SCRIPT 'NODES LINE' 'TIME' DATA RUN OPTIONS: a copy of a script of slurm/, its name in $script, with the lines at its top edited
edited() {
  script=$work/shared/$(basename "$1")
  sed -e "/^# ---- edit/,/^# ---- up to/ {
    s|^#SBATCH --nodes.*|#SBATCH $2|
    s|^#SBATCH --time.*|#SBATCH --time=$3|
    s|^data=.*|data=$4|
    s|^run=.*|run=$5|
    s|^options=.*|options=($6)|
  }" "$FLR_SOURCE_DIR/slurm/$1" >"$script"
}

# data_is slow|fast: where $data lies, also for jobs that are waiting to start again
data=/run/cluster/shared/now/digits.h5
slowly=(env "LD_PRELOAD=${FLR_PROGRAM%/*}/tests/storage_fault.so" FLR_FAULT_PATH=/slow/ FLR_FAULT_CALLS=read FLR_FAULT_MS=2)
data_is() { ln -sfn "$1" $work/shared/now; }

# same RUN RUN WHAT: parameters, statistics and moments of both are the same to the bit, and so is what each step of them says
same() {
  "$FLR_PROGRAM" inspect --diff --json "$1/final.h5" "$2/final.h5" | grep -Eq '"tensors_equal": ?true' || fail "$3: other weights than the undisturbed run"
  cmp <(losses "$1") <(losses "$2") || fail "$3: other losses, rates or samples than the undisturbed run"
}
losses() { grep '"event": "step"' "$1/metrics.jsonl" | sed 's/"time": [^,]*, //'; }

# events NAME RUN: how many such lines its log has
events() { grep -c "\"event\": \"$1\"" "$2/metrics.jsonl"; }
has_checkpoint() { compgen -G "$1/checkpoint-[0-9]*.h5" >/dev/null; }
