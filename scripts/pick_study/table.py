"""The study's one page, as Markdown."""

import math

import numpy as np

from pick_study import measure

RULES = measure.FASTAI + ("first consensus", "consensus")
DEFAULT_POINTS = 100
SCORES = ("worst pair", "within 3x of the grid's best", f"regret at most {measure.GOOD}", "median of log10(taken / best)")


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head(*cells):
    return row(*cells) + "\n" + "|" + "---|" * len(cells)


def rate(exponent):
    return "none" if math.isnan(exponent) else f"{10**exponent:.2g}"


def middle(rates):
    """Geometric mean of the suggestions there are."""
    there = [r for r in rates if not math.isnan(r)]
    return sum(there) / len(there) if there else math.nan


def taken(pair, rule, points):
    rates = measure.picks(pair, rule, points)
    return f"{rate(middle(rates))} ({np.mean(pair.regret(rates)):.2f})" if rates else "-"


def cost(pair, points):
    """The sweep's steps as a share of training's."""
    lines = pair.sweeps.get(points, [])
    if not lines:
        return "-"
    share = np.mean([line["recorded"] for line in lines]) / pair.steps
    return f"{100 * share:.2g} %" if share < 0.995 else f"{share:.2g} x"


def pair_table(measured, points):
    yield head("pair", "ranks", "grid's best rate", "its loss", *RULES, "sweep")
    for pair in measured:
        cells = [taken(pair, rule, points) for rule in RULES]
        yield row(pair.name, pair.ranks, rate(pair.best_exponent), f"{pair.best:.3g}", *cells, cost(pair, points))


def score_cells(score):
    shares = (f"{100 * share:.0f} %" for share in (score.within, score.good))
    return f"{score.regret:.2f}", f"{score.worst:.2f} ({score.worst_pair})", *shares, f"{score.bias:+.2f}"


def rule_table(measured, points_there):
    yield head("rule", "points", "mean regret", *SCORES, "none")
    for rule in RULES:
        for points in points_there:
            chosen = [(pair, measure.picks(pair, rule, points)) for pair in measured if pair.sweeps.get(points)]
            found = measure.score(chosen)
            yield row(rule, points, *score_cells(found), found.none)


def constants_text(choice):
    form, weights, shift = choice
    words = [f"times {10**shift:.2g}"]
    if isinstance(form, tuple):
        words = [f"{name} {value:g}" for name, value in zip(("half-width", "fallen", "risen"), form)] + words
    if len(set(weights)) > 1:
        words.append("weights " + ", ".join(f"{w:.2g}" for w in weights))
    return ", ".join(words)


def fit_table(measured):
    yield head("rule, fitted", "points", "fitted on all", "mean regret there", "left out: mean regret", *SCORES)
    for fit in measure.fits(measured):
        for points in fit.points:
            choice, inside = fit.in_sample(points)
            yield row(fit.name, points, constants_text(choice), f"{inside.regret:.2f}", *score_cells(fit.left_out(points)))


def page(measured):
    """Lines of the whole page."""
    points_there = sorted({points for pair in measured for points in pair.sweeps})
    points = DEFAULT_POINTS if DEFAULT_POINTS in points_there else points_there[-1]
    trained = sum(len(pair.exponents) for pair in measured)
    sweeps = sum(len(lines) for lines in {pair.setting: pair.sweeps for pair in measured}.values() for lines in lines.values())
    yield f"{len(measured)} pairs, {len({pair.family for pair in measured})} families, {trained} rates trained, {sweeps} sweeps."
    yield f"\n## Every pair, {points} points\n"
    yield "Under each rule: the rate it took (geometric mean over seeds) and its regret. sweep: its steps against those of training.\n"
    yield from pair_table(measured, points)
    making = [pair for pair in measured if not pair.confirms]
    confirming = [pair for pair in measured if pair.confirms]
    parts = (("that they were made with", making), ("trained after they were fixed", confirming), ("of both kinds", measured))
    for kind, some in parts if confirming else parts[:1]:
        if some:
            yield f"\n## The rules as they stand, on the {len(some)} pairs {kind}\n"
            yield from rule_table(some, points_there)
    if making:
        yield "\n## The rules with constants fitted\n"
        yield "On all the pairs that they were made with; and for each family of those (net, data, optimizer and batch the same) on the"
        yield "others. One set of constants for all numbers of points.\n"
        yield from fit_table(making)
