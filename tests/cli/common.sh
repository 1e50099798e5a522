# Sourced by the tests of the program: running it, and what a refusal must look like.
# shellcheck shell=bash disable=SC2034
# usage of the tests: TEST.sh RANKS TOOLS MPIRUN...; TOOLS: folder of test_cli.fixtures and test_cli.json_shape
. "$(dirname "${BASH_SOURCE[0]}")/../harness/script.sh"
work_folder
ranks=$1 tools=$2
shift 2
mpirun=("$@")
mkdir "$work/here" && cd "$work/here" || exit 1
# $work/here: the working directory of one case, with folder run for the program; files of the test lie in $work, the program
# sees them as ../../NAME
mkdir run
failures=0
together=$((ranks > 1 ? 3 : 1)) # refusals that are tried at a time: a launcher mostly waits

complain() { echo "FAILED: $*" | tee -a "$work/complaints"; }
needs_images() { # a build that reads them
  [ "$("$program" backends | grep -Ec '(libjpeg|libpng)  *yes')" = 2 ] || skip "this build reads no images"
}
# finish: the test's exit code
finish() {
  wait
  [ ! -e "$work/complaints" ] || { echo "$(grep -c '^FAILED' "$work/complaints") failed"; exit 1; }
  echo "all held"
}

# fastlr ARGS..: the program at $ranks ranks in ./run; its exit code in $code, its output in ./out and ./err
fastlr() {
  local before=("$program")
  [ "$ranks" = 1 ] || before=("${mpirun[@]}" -np "$ranks" "$program")
  # (launchers that run at a time must not take each other's folder of sessions away)
  (TMPDIR=$PWD && export TMPDIR && cd run && exec timeout -k 5 "${limit:-60}" "${before[@]}" "$@") >out 2>err </dev/null
  code=$?
}

# What the program itself said: the launcher's own remarks stand between lines of dashes, which may get lost where two come at once.
own_words() {
  awk '/^--------------------/ { inside = !inside; next }
    /^Primary job  terminated normally, but|^a non-zero exit code. Per user-direction/ { next }
    /^[a-z]+ detected that one or more processes exited|^the job to be terminated\. The first process|^  (Process name:|Exit code:  ) / { next }
    /^fastlr_dist: / || (!inside && NF)' err
}

soon=${ASAN_OPTIONS:+25} soon=${soon:-5} # seconds for a refusal; under a sanitizer everything takes longer

try_refused() {
  local wanted=$1 pattern=$2 what words place
  shift 2
  what="$ranks ranks: fastlr_dist $*"
  place=$(mktemp -d "$work/caseXXXXXX")
  mkdir "$place/run" && cd "$place" || exit 1
  limit=$soon fastlr "$@"
  [ "$code" != 124 ] || limit=$soon fastlr "$@" # a hang does so twice, a machine that was busy elsewhere does not
  words=$(own_words)
  [ "$code" = "$wanted" ] || complain "$what: exit code $code, wanted $wanted: $words"
  [ "$(wc -l <<<"$words")" = 1 ] || complain "$what: not one line: $words"
  grep -Eq -- "^fastlr_dist: $pattern" <<<"$words" || complain "$what: \"$words\" does not match \"$pattern\""
  [ ! -s out ] || complain "$what: something on standard output: $(head -c 200 out)"
  [ -z "$(ls -A run)" ] || complain "$what: left $(cd run && find . -mindepth 1 | head -5 | tr '\n' ' ')"
  rm -rf "$place"
}

# refused CODE PATTERN ARGS..: within 5 s that exit code, one line on standard error that the extended regular expression
# matches, nothing on standard output, no file made
refused() {
  while [ "$(jobs -rp | wc -l)" -ge "$together" ]; do wait -n; done
  (try_refused "$@") &
}

# accepted ARGS..: exit code 0
accepted() {
  fastlr "$@"
  [ "$code" = 0 ] || complain "$ranks ranks: fastlr_dist $*: exit code $code: $(own_words)"
  rm -rf run && mkdir run
}

# same WHAT WANTED FOUND
same() { [ "$2" = "$3" ] || complain "$1: wanted
$2
found
$3"; }
