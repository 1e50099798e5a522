#!/usr/bin/env bash
# Every script says what it is for when it is asked, at once and without doing it; words it does not know are exit code 64. usage: see common.sh
. "$(dirname "$0")/common.sh"
tree=${FLR_SOURCE_DIR:?the tree}

for script in "$tree"/scripts/*.sh "$tree"/slurm/*; do
  name=$(basename "$script")
  case $name in README.md | format.sh) continue ;; esac
  text=$(cd run && timeout 10 bash "$script" --help </dev/null 2>"$work/said")
  code=$?
  same "$name --help: exit code, $(head -c 200 "$work/said")" 0 $code
  grep -q "^\(usage: \)\?.*$name" <<<"$text" || complain "$name --help does not say how it is called: $(head -c 300 <<<"$text")"
  [ ! -s "$work/said" ] || complain "$name --help says on standard error: $(head -c 300 "$work/said")"
  [ -z "$(ls -A run)" ] || complain "$name --help left $(ls -A run)"
done

for call in 'setup.sh everything' 'build.sh everything' 'setup_onednn3.sh --here' 'make_sbatch.sh --bogus' 'scaling.sh --bogus' 'supervise.sh --bogus'; do
  read -ra words <<<"$call"
  (cd run && timeout 10 bash "$tree/scripts/${words[0]}" "${words[@]:1}" </dev/null) >out 2>&1
  code=$?
  same "$call: exit code, $(head -c 200 out)" 64 $code
done
finish
