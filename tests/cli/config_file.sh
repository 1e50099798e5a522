#!/usr/bin/env bash
# --config: the order of sources, what a line may hold, errors with file and line. usage: see common.sh
. "$(dirname "$0")/common.sh"

ini() { printf '%b' "$1" >"$work/c.ini"; }
# in_line LINE PATTERN TEXT
in_line() {
  local file
  file=$(mktemp "$work/XXXXXX.ini")
  printf '%b' "$3" >"$file"
  refused 64 "../../$(basename "$file"), line $1: $2" --config "../../$(basename "$file")"
}
# effective NAME: its value in the run directory that ./run/r holds
effective() { sed -n "s/^$1 = //p" run/r/config.ini; }

in_line 1 '--batch: 0 is not allowed: a whole number from 1 to' 'batch = 0\n'
in_line 3 '--bach is no option: did you mean --batch' '# comment\n\nbach = 3\nbatch = x\n'
in_line 2 'not "name = value"' 'batch = 32\nnonsense\n'
in_line 2 'not "name = value"' '[section]\n[section\n'
in_line 1 'not "name = value"' '= 3\n'
in_line 1 '--quiet: yes is not allowed: on or off' 'quiet = yes\n'
in_line 1 '--config is no option' 'config = other.ini\n'
refused 66 '--config: ../../none.ini: No such file or directory: give an INI file' --config ../../none.ini
refused 66 '--config: ../..: Is a directory: give an INI file' --config ../..
refused 64 '--config: .* is not text, or longer than 1048576 bytes' --config "$program"

# default < file < command line; the last of two counts; sections, comments, white space and CRLF are nothing
ini '\xef\xbb\xbf; one\r\n[run]\r\n  batch = 48\r\nlr=1e-3 ; a rate\r\nsteps = 9\nsteps=3\nquiet = on\nwd = 0.5\nsweep-inclusive = on\n'
fastlr --config ../../c.ini --wd 0.25 --batch 40 --batch 50 --out r
same 'exit code' 0 "$code"
same 'what the run used' '50 1e-3 3 on 0.25 on 0.98' \
  "$(effective batch) $(effective lr) $(effective steps) $(effective quiet) $(effective wd) $(effective sweep-inclusive) $(effective sweep-beta)"

# the configuration of a run makes the same run again
cp run/r/config.ini "$work/again.ini"
fastlr --config ../../again.ini --out s
same 'exit code of the run again' 0 "$code"
same 'the configuration of the run again' "$(sed '/^out/d' run/r/config.ini)" "$(sed '/^out/d' run/s/config.ini)"
same 'the losses of the run again' "$(sed -n 's/.*"loss": \([^,]*\),.*/\1/p' run/r/metrics.jsonl)" \
  "$(sed -n 's/.*"loss": \([^,]*\),.*/\1/p' run/s/metrics.jsonl)"

# values may be long: a path of more than 200 characters comes back from config.ini and from a checkpoint
long=$work/$(printf 'd%.0s' $(seq 90))/$(printf 'e%.0s' $(seq 90))
mkdir -p "$long"
"$tools/test_cli.fixtures" "$long" || exit 1
fastlr --data "$long/good.h5" --batch 16 --steps 2 --lr 1e-3 --quiet --out "$long/run"
same 'exit code with a long path' 0 "$code"
accepted --config "$long/run/config.ini"
accepted eval "$long/run/final.h5" --json

# and may have what INI gives a meaning to
odd=$work/' we ; "ird" #1'
mkdir "$odd"
cp "$long/good.h5" "$odd/ a ;b.h5 "
(cd "$odd" && "$program" --data ' a ;b.h5 ' --batch 16 --steps 2 --lr 1e-3 --quiet --plot none --out ';run ') || complain 'odd names: no run'
grep -q '"data":" a ;b.h5 "' "$odd/;run /metrics.jsonl" || complain "odd names in metrics.jsonl: $(head -c 200 "$odd/;run /metrics.jsonl")"
again() { (cd "$odd" && "$program" "$@") >out 2>&1 || complain "odd names: $*: $(tail -1 out)"; }
again --config ';run /config.ini' --dry-run
again --resume ';run ' --dry-run
again eval ';run /final.h5'
finish
