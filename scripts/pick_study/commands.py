"""The commands of scripts/pick-study."""

import json
import math
import subprocess
import sys

from pick_study import measure, pairs, rules, runs, table


def run(arguments):
    study = runs.Study(runs.Results(arguments.results), arguments.program, arguments.cifar, arguments.mpirun)
    names = [setting.name for setting in pairs.SETTINGS]
    wanted = arguments.only.split(",") if arguments.only else names
    for name in wanted:
        if name not in names:
            sys.exit(f"pick-study: --only {name}: there is no such setting: one of {', '.join(names)}")
    for setting in pairs.SETTINGS:
        if setting.name not in wanted:
            continue
        try:
            study.everything(setting, [int(points) for points in arguments.points.split(",")])
        except runs.Missing as reason:
            print(f"skipped: {setting.name}: {reason}", flush=True)


def compare_with_program(results, program):
    """Ends the script where the program says something else of a curve than rules.consensus."""
    largest, count = 0.0, 0
    for path in sorted((results.folder / "curves").glob("*.csv")):
        text = subprocess.run([program, "suggest", path, "--json"], capture_output=True, text=True, check=True).stdout
        theirs = json.loads(text)["suggestions"]["consensus"]
        rate, spread, status = rules.consensus(rules.read_curve(path))
        away = 0.0 if status != "ok" else max(abs(rate / (theirs["lr"] or math.nan) - 1), abs(spread / (theirs["spread"] or math.nan) - 1))
        if status != theirs["status"] or not away < 1e-9:
            sys.exit(f"pick-study: {path}: the program says {theirs}, pick_study/rules.py {rate}, {spread}, {status}")
        largest, count = max(largest, away), count + 1
    print(f"`consensus` here and in the program: the same for {count} curves (largest relative difference {largest:.1e}).\n")


def write_table(arguments):
    results = runs.Results(arguments.results)
    measured = measure.collect(results)
    if not measured:
        sys.exit(f"pick-study: {arguments.results} holds no finished pair: `pick-study run` makes some")
    if arguments.program:
        compare_with_program(results, arguments.program)
    for line in table.page(measured):
        print(line)


def list_settings(_):
    for s in pairs.SETTINGS:
        print(f"{s.name}: {s.data}, {s.ranks} rank{'s'[: s.ranks > 1]}, {s.options}, steps {', '.join(map(str, s.steps))}")
