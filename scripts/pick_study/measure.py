"""What the results say: regret of rules over pairs, and constants fitted on other pairs."""

import dataclasses
import itertools
import math
import re

import numpy as np

from pick_study import pairs, rules

FASTAI = ("valley", "steepest", "minimum", "slide")
GOOD = 0.1  # a regret that few would notice
CAP = 3.0  # of regret, and what no suggestion costs: training does not begin
LEAST_LOSS = 0.1  # regret is relative to the grid's best loss, or to this

# What a fit may choose from.
HALF_WIDTHS = (0.35, 0.5, 0.7, 1.0)
FALLEN = (0.3, 0.5, 0.7)
RISEN = (0.5, 0.75, 1.0)
SHIFTS = tuple(np.round(np.arange(-1.6, 0.8001, 0.05), 2))  # log10 of what the mean is multiplied by
WEIGHTS = tuple((a / 6, b / 6, (6 - a - b) / 6) for a in range(7) for b in range(7 - a))
EVEN = ((1 / 3, 1 / 3, 1 / 3),)


@dataclasses.dataclass
class Pair:
    """A setting with a budget: its grid and its setting's sweeps."""

    setting: str
    steps: int
    ranks: int
    exponents: np.ndarray  # log10 of the grid's rates
    losses: np.ndarray  # mean over seeds, capped
    best: float
    best_exponent: float
    sweeps: dict  # points: [line of results with its curve]
    confirms: bool = False

    @property
    def name(self):
        return f"{self.setting}, {self.steps} steps"

    @property
    def family(self):
        """Pairs that a fit leaves out together: the sweeps of some are the same numbers."""
        return re.sub(r"-\dranks$", "", self.setting)

    def regret(self, exponents):
        """Of rates given as log10; NAN: no suggestion."""
        exponents = np.asarray(exponents, float)
        loss = np.interp(np.nan_to_num(exponents), self.exponents, self.losses)
        regret = np.minimum((loss - self.best) / max(self.best, LEAST_LOSS), CAP)
        return np.where(np.isnan(exponents), CAP, regret)


def argument(line, name):
    return re.search(rf"--{name} (\S+)", line["run"])[1]


def make_pair(setting, steps, grid, sweeps):
    """None unless the grid is finished."""
    exponents = np.array(sorted(grid))
    optimizer = argument(grid[exponents[0]][0], "optimizer")
    raw = [[math.inf if line["loss"] is None else line["loss"] for line in grid[e]] for e in exponents]
    means = {e: sum(losses) / len(losses) for e, losses in zip(exponents, raw)}
    if len(exponents) < len(pairs.coarse_grid(optimizer)) or pairs.refinements(means, optimizer):
        return None
    best_exponent = min(means, key=means.get)
    best = means[best_exponent]
    highest = best + CAP * max(best, LEAST_LOSS)
    losses = np.array([np.mean(np.minimum(row, highest)) for row in raw])
    ranks = int(re.search(r" n(\d+) ", grid[exponents[0]][0]["run"])[1])
    confirms = setting in {known.name for known in pairs.SETTINGS if known.confirms}
    return Pair(setting, steps, ranks, exponents, losses, best, best_exponent, sweeps, confirms)


def collect(results):
    """The finished pairs, as they were run."""
    grids, sweeps = {}, {}
    for line in results.lines.values():
        if line["kind"] == "sweep":
            points = int(argument(line, "sweep-iters"))
            line = line | {"points": points, "data": rules.read_curve(results.folder / "curves" / line["curve"])}
            sweeps.setdefault(line["setting"], {}).setdefault(points, []).append(line)
        else:
            exponent = round(math.log10(float(argument(line, "lr"))), 2)
            grid = grids.setdefault((line["setting"], int(argument(line, "steps"))), {})
            grid.setdefault(exponent, []).append(line)
    made = [make_pair(*key, grid, sweeps[key[0]]) for key, grid in grids.items() if key[0] in sweeps]
    return [pair for pair in made if pair]


def log10(rate):
    return math.nan if rate is None or math.isnan(rate) else math.log10(rate)


def picks(pair, rule, points, constants=rules.PROGRAM):
    """log10 of the rates a rule takes, one per sweep."""
    lines = pair.sweeps.get(points, [])
    if rule == "consensus":
        return [log10(rules.consensus(line["data"], constants)[0]) for line in lines]
    if rule == "first consensus":
        return [rules.first_consensus(line["data"]) for line in lines]
    return [log10(line["suggestions"][rule]["lr"]) for line in lines]


@dataclasses.dataclass
class Score:
    regret: float
    worst: float
    worst_pair: str
    within: float  # share within three times of the grid's best
    good: float  # share with a regret of at most GOOD
    bias: float  # median of log10(pick / best)
    none: int  # sweeps without a suggestion


def score(chosen):
    """Of [(pair, log10 rates)], pairs counting the same."""
    regrets = [float(np.mean(pair.regret(rates))) for pair, rates in chosen]
    away = [np.array(rates) - pair.best_exponent for pair, rates in chosen]
    worst = int(np.argmax(regrets))
    return Score(
        float(np.mean(regrets)), regrets[worst], chosen[worst][0].name,
        float(np.mean([np.mean(np.abs(a) <= math.log10(3) + 1e-9) for a in away])),
        float(np.mean([np.mean(pair.regret(rates) <= GOOD) for pair, rates in chosen])),
        float(np.nanmedian(np.concatenate(away))), int(sum(np.isnan(a).sum() for a in away)),
    )  # fmt: skip


class Fit:
    """Rules of one form over all their constants: log10 of a rate = weighted mean of log10 of estimates, plus a shift. One set of
    constants serves sweeps of any number of points."""

    def __init__(self, name, measured, estimates, forms, weights=EVEN, shifts=SHIFTS):
        """estimates(line, form): log10 of the estimates, or NANs."""
        self.name = name
        self.points = sorted({points for pair in measured for points in pair.sweeps})
        self.measured = [pair for pair in measured if sorted(pair.sweeps) == self.points]
        self.choices = list(itertools.product(forms, weights, shifts))
        self.rates = []
        for pair in self.measured:
            self.rates.append({n: self.candidates(pair.sweeps[n], estimates, forms, weights, shifts) for n in self.points})
        per_points = [[pair.regret(rates[n]).mean(axis=1) for n in self.points] for pair, rates in zip(self.measured, self.rates)]
        self.regrets = np.array(per_points).mean(axis=1)  # [pair, choice]

    @staticmethod
    def candidates(lines, estimates, forms, weights, shifts):
        """[choice, sweep]"""
        rates = []
        for form in forms:
            found = np.array([estimates(line, form) for line in lines])
            means = found @ np.array(weights).T  # [sweep, weights]
            rates.append((means.T[:, None, :] + np.array(shifts)[None, :, None]).reshape(-1, len(found)))
        return np.concatenate(rates)

    def best(self, mask):
        return int(np.argmin(self.regrets[mask].mean(axis=0)))

    def in_sample(self, points):
        choice = self.best(np.ones(len(self.measured), bool))
        return self.choices[choice], score([(pair, rates[points][choice]) for pair, rates in zip(self.measured, self.rates)])

    def left_out(self, points):
        """Each family with the constants that the others choose."""
        families = np.array([pair.family for pair in self.measured])
        chosen = {family: self.best(families != family) for family in set(families)}
        return score([(pair, rates[points][chosen[pair.family]]) for pair, rates in zip(self.measured, self.rates)])


def consensus_estimates(line, form):
    half_width, fallen, risen = form
    constants = dataclasses.replace(rules.PROGRAM, kernel_half_width=half_width, fallen=fallen, risen=risen)
    found = rules.estimates(line["data"], constants)
    return [math.nan] * 3 if isinstance(found, str) else found


def first_estimates(line, form):
    found = rules.first_estimates(line["data"], dataclasses.replace(rules.FIRST, kernel_half_width=form[0]))
    return [math.nan] * 3 if isinstance(found, str) else found


def suggested(line, rule):
    return [log10(line["suggestions"][rule]["lr"])]


def fits(measured):
    """The forms that the study compares."""
    forms = list(itertools.product(HALF_WIDTHS, FALLEN, RISEN))
    yield Fit("consensus", measured, consensus_estimates, forms)
    yield Fit("consensus, weights too", measured, consensus_estimates, forms, WEIGHTS)
    yield Fit("first consensus", measured, first_estimates, list(itertools.product(HALF_WIDTHS)))
    factors = tuple(np.round(np.arange(-1.5, 1.5001, 0.05), 2))
    for rule in FASTAI:
        yield Fit(f"{rule} times a factor", measured, suggested, [rule], [(1.0,)], factors)
