"""Runs the program and keeps what came out: one JSON line a run in RESULTS/runs.jsonl, curves in RESULTS/curves. What is there is
not run again."""

import json
import math
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

from pick_study import pairs

MOST_ROUNDS = 8
QUIET = "--augment none --threads 1 --workers 1 --backend cpu --plot none --quiet --checkpoint-every 1000000".split()


class Missing(Exception):
    """Something a setting needs is not there."""


class Results:
    """A folder of results."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "curves").mkdir(parents=True, exist_ok=True)
        self.lines = {}
        for text in self.whole_lines():
            line = json.loads(text)
            self.lines[line["run"]] = line

    @property
    def path(self):
        return self.folder / "runs.jsonl"

    def whole_lines(self):
        """What an interrupted study left of its last line is cut off."""
        if not self.path.exists():
            return []
        text = self.path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:
            self.path.write_bytes(whole)
        return whole.decode().splitlines()

    def add(self, line):
        self.lines[line["run"]] = line
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class Study:
    """Where things are, and the running of one thing at a time."""

    def __init__(self, results, program, cifar, mpirun):
        self.results = results
        self.program = os.path.abspath(program)
        self.cifar = cifar
        self.mpirun = shlex.split(mpirun)
        self.work = results.folder / "work"

    def data(self, name):
        """The value of --data; made where it is not there yet."""
        if name == "digits":
            return name
        if name == "cifar":
            return str(self.cifar_file())
        return str(self.noisy_file(name))

    def noisy_file(self, name):
        file = self.work / f"{name}.h5"
        if not file.exists():
            source = self.work / name
            source.mkdir(parents=True, exist_ok=True)
            pairs.write_noisy_csv(source, int(name.removeprefix("noisy")) / 100)
            subprocess.run([self.program, "convert", "csv", source, file, "--label", "label", "--quiet"], check=True)
        return file

    def cifar_file(self):
        if not self.cifar:
            raise Missing("no --cifar")
        source = pathlib.Path(self.cifar)
        if not source.exists():
            raise Missing(f"{source} is not there")
        if source.is_file():
            return source
        file = self.work / "cifar.h5"
        if not file.exists():
            self.work.mkdir(parents=True, exist_ok=True)
            script = pathlib.Path(__file__).resolve().parents[2] / "tests" / "bench" / "cifar_classes.py"
            part = self.work / "cifar.part"
            made = subprocess.run([sys.executable, script, source, part, ",".join(pairs.CIFAR_CLASSES), "400", "100"], check=False)
            if made.returncode:
                raise Missing(f"{source} could not be read (see above)")
            part.rename(file)
        return file

    def run(self, setting, command, seed):
        """Runs it if it has not been; its line."""
        options = command + setting.options.split() + ["--seed", str(seed)]
        key = f"{setting.data} n{setting.ranks} " + " ".join(options)
        if key not in self.results.lines:
            self.results.add({"run": key, "setting": setting.name, "seed": seed} | self.execute(setting, options, key))
        return self.results.lines[key]

    def execute(self, setting, options, key):
        out = self.work / "run"
        shutil.rmtree(out, ignore_errors=True)
        before = self.mpirun + ["-np", str(setting.ranks)] if setting.ranks > 1 else []
        command = options + ["--data", self.data(setting.data), "--out", str(out)] + QUIET
        started = time.monotonic()
        done = subprocess.run(before + [self.program] + command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 3):
            sys.exit(f"{shlex.join(before + [self.program] + command)}: exit code {done.returncode}:\n{done.stderr}")
        line = {"exit": done.returncode, "seconds": round(time.monotonic() - started, 3)}
        line |= self.read_sweep(out, done.stdout, key) if options[0] == "find" else self.read_training(out)
        shutil.rmtree(out, ignore_errors=True)
        return line

    def read_sweep(self, out, text, key):
        found = json.loads(text)
        curve = key.replace(" --", "-").replace(" ", "-").replace(",", "_") + ".csv"
        shutil.copy(out / "sweep.csv", self.results.folder / "curves" / curve)
        kept = {name: found[name] for name in ("verdict", "suggestions")}
        return {"kind": "sweep", "curve": curve, "recorded": found["points"]} | kept

    @staticmethod
    def read_training(out):
        loss = error = None
        for text in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
            event = json.loads(text)
            if event["event"] == "epoch":
                loss, error = event["valid_loss"], event["error_rate"]
            elif event["event"] == "end" and event["reason"] != "done":
                loss = error = None  # it diverged
        return {"kind": "training", "loss": loss, "error": error}

    def train(self, setting, steps, exponent, seed):
        rate = f"{10**exponent:.4g}"
        return self.run(setting, ["fit", "--policy", "one-cycle", "--lr", rate, "--steps", str(steps)], seed)

    def grid(self, setting, steps):
        """Trains coarsely, then more finely around the best."""
        losses, wanted = {}, pairs.coarse_grid(setting.optimizer)
        for _ in range(MOST_ROUNDS):
            for exponent in wanted:
                lines = [self.train(setting, steps, exponent, seed + 1) for seed in range(setting.grid_seeds)]
                losses[exponent] = [math.inf if line["loss"] is None else line["loss"] for line in lines]
            wanted = pairs.refinements({e: sum(values) / len(values) for e, values in losses.items()}, setting.optimizer)

    def everything(self, setting, points_list):
        """Of one setting. Says when it is done."""
        if setting.ranks > 1 and not shutil.which(self.mpirun[0]):
            raise Missing(f"{self.mpirun[0]} is not there")
        self.data(setting.data)
        for steps in setting.steps:
            self.grid(setting, steps)
        for points in points_list:
            for seed in range(setting.sweep_seeds):
                self.run(setting, ["find", "--json", "--sweep-iters", str(points)], seed + 1)
        print(f"{time.strftime('%H:%M:%S')} done: {setting.name}", flush=True)
