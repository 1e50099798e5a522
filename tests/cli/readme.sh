#!/usr/bin/env bash
# README.md and the pages it leads to are true: their options exist, their files do, and the README's recipes run, on less data. usage: see common.sh
. "$(dirname "$0")/common.sh"
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readme=$tree/README.md
pages=(README.md src/optim/CHOOSING.md src/checkpoint/FORMAT.md datasets/README.md datasets/FORMAT.md)
"$tools/test_cli.fixtures" "$work" || exit 1

# ---- every option is ours, or one of the programs around us
"$program" --help >help
bash "$tree/scripts/make_sbatch.sh" --help >>help
others='--mpi --bind-to --build --cuda --delay --install --map-by --mca --oversubscribe --prefix --preset --ranks --restarts --run-limit'
(cd "$tree" && grep -ohE -- '(^|[^-[:alnum:]])--[a-z][a-z0-9-]*' "${pages[@]}") | grep -oE -- '--.*' | sort -u >options
while IFS= read -r option; do
  grep -qE -- "$option([=[ ]|\$)" help || grep -qwF -- "$option" <<<"$others" || complain "README.md or a page beside it: there is no option $option"
done <options
# ---- every file that is linked to is there
for page in "${pages[@]}" slurm/README.md; do
  while IFS= read -r link; do
    case $link in http*) ;; *) [ -e "$tree/$(dirname "$page")/$link" ] || complain "$page links to $link, which is not there" ;; esac
  done < <(grep -oE '\]\([^)#]+\)' "$tree/$page" | sed 's/^](//; s/)$//')
done

# commands PATTERN: the lines of README.md's blocks that begin with `fastlr_dist` and match
commands() { awk '/^```/ { inside = !inside; next } inside && /^fastlr_dist/' "$readme" | grep -E -- "$1"; }
# try COMMAND MORE..: runs it in a folder with the fixtures, with further options; these count
try() {
  local words
  read -ra words <<<"$1"
  shift
  (cd "$work" && exec timeout -k 5 100 "$program" "${words[@]:1}" "$@") >out 2>err </dev/null
  code=$?
  same "README: ${words[*]}: exit code, $(tail -1 err)" 0 "$code"
}

# ---- labels elsewhere
commands '--data scans\.h5' >lines
same 'README: commands about labels elsewhere' 3 "$(wc -l <lines)"
while IFS= read -r line; do try "$line" --steps 2 --batch 16 --lr 1e-3 --quiet --plot none --out there; done <lines
same 'the validation split of the other file' '"valid_samples": 96' "$(grep -o '"valid_samples": [0-9]*' "$work/there/metrics.jsonl")"

# ---- the recipe: a smaller net, weights of another number of classes, one epoch
(cd "$work" && "$program" --data synthetic:32,8,8,1,10 --model resnet20 --steps 1 --batch 16 --lr 0 --quiet --plot none --out weights &&
  "$program" export weights/final.h5 resnet20.safetensors && mv good.h5 food.h5) || complain 'there are no weights to start from'
commands '--init-weights .*resnet34|--model resnet34 .*stage1' >lines
same 'README: the recipe' 'fit fit find' "$(cut -d' ' -f2 lines | tr '\n' ' ' | sed 's/ $//')"
while IFS= read -r line; do
  line=${line//resnet34/resnet20}
  try "${line//--epochs 4/--epochs 1}" --batch 16 --sweep-iters 30 --plot none
done <lines
grep -q '^picked consensus: ' err || complain "README: the recipe's find: $(tail -2 err)"
finish
