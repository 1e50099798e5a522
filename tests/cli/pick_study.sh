#!/usr/bin/env bash
# scripts/pick-study: its arithmetic; and a small study, which goes on where it stopped. usage: see common.sh
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scripts=$(cd "$here/../../scripts" && pwd)
export PYTHONDONTWRITEBYTECODE=1
for python in python3 /usr/bin/python3 ''; do
  [ -n "$python" ] || skip "python3 with numpy is missing"
  "$python" -c 'import numpy' 2>/dev/null && break
done
"$python" "$here/pick_study.py" "$scripts" >words 2>&1 || complain "$(cat words)"

study() { timeout 100 "$python" "$scripts/pick-study" "$@" >words 2>&1 </dev/null; }
runs() { study run --results "$work/results" --program "$program" --points 40 --only "$1"; }
lines() { wc -l <"$work/results/runs.jsonl"; }

runs mlp-digits-adam-256,mlp-cifar-adam-64 || complain "$(cat words)"
grep -q 'done: mlp-digits-adam-256$' words || complain "$(cat words)"
grep -q '^skipped: mlp-cifar-adam-64: no --cifar$' words || complain "$(cat words)"
before=$(lines)
[ "$before" -ge 25 ] || complain "only $before runs"
head -c -20 "$work/results/runs.jsonl" >"$work/cut" && cp "$work/cut" "$work/results/runs.jsonl"
runs mlp-digits-adam-256 || complain "$(cat words)"
same 'runs after going on' "$before" "$(lines)"
cp "$work/results/runs.jsonl" once
runs mlp-digits-adam-256 || complain "$(cat words)"
cmp once "$work/results/runs.jsonl" || complain 'what was there was run again'

study table --results "$work/results" --program "$program" || complain "$(cat words)"
grep -q '^.consensus. here and in the program: the same for 3 curves' words || complain "$(head -1 words)"
grep -q '^| mlp-digits-adam-256, 100 steps | 1 | 0\.0' words || complain "$(cat words)"
grep -q '^| consensus | 40 | ' words || complain "$(cat words)"
sed -i '2,$s/^\([^,]*\),[^,]*/\1,2/' "$work"/results/curves/*seed-1.csv # losses of 2: no suggestion
study table --results "$work/results" || complain "$(cat words)"
grep -q '^| consensus | 40 | .* | 1 |$' words || complain "$(cat words)"
study table --results "$work/nothing" && complain 'a table of nothing'
grep -q 'holds no finished pair' words || complain "$(cat words)"
runs mlp-digit && complain 'a setting that is none'
grep -q 'there is no such setting: one of mlp-digits-adam-64, ' words || complain "$(cat words)"
finish
