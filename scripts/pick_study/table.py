"""The study's one page, as Markdown."""

import math

import numpy as np

from pick_study import measure

RULES = measure.FASTAI + ("consensus",)
DEFAULT_POINTS = 100


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
    share = np.mean([line["recorded"] for line in lines]) / pair.steps if lines else math.nan
    return f"{100 * share:.2g} %" if share < 0.995 else f"{share:.2g} x"


def pair_table(measured, points):
    yield head("pair", "ranks", "grid's best rate", "its loss", *RULES, "sweep")
    for pair in measured:
        cells = [taken(pair, rule, points) for rule in RULES]
        yield row(pair.name, pair.ranks, rate(pair.best_exponent), f"{pair.best:.3g}", *cells, cost(pair, points))


def score_cells(score):
    return f"{score.regret:.2f}", f"{score.worst:.2f} ({score.worst_pair})", f"{100 * score.within:.0f} %", f"{score.bias:+.2f}"


def rule_table(measured, points_there):
    yield head("rule", "points", "mean regret", "worst pair", "within 3x of the grid's best", "median of log10(taken / best)", "none")
    for rule in RULES:
        for points in points_there:
            chosen = [(pair, measure.picks(pair, rule, points)) for pair in measured if pair.sweeps.get(points)]
            found = measure.score(chosen)
            yield row(rule, points, *score_cells(found), found.none)


def constants_text(choice):
    form, weights, shift = choice
    words = [f"times {10**shift:.2g}"]
    if isinstance(form, tuple):
        words = [f"half-width {form[0]:g}", f"start {form[1]:g} decades"] + words
        if len(set(weights)) > 1:
            words.append("weights " + ", ".join(f"{w:.2g}" for w in weights))
    return ", ".join(words)


def fit_table(measured, points_there):
    scores = ("left out: mean regret", "worst pair", "within 3x of the grid's best", "median of log10(taken / best)")
    yield head("rule, fitted", "points", "fitted on all", "mean regret there", *scores)
    for points in points_there:
        for fit in measure.fits(measured, points):
            choice, inside = fit.in_sample()
            yield row(fit.name, points, constants_text(choice), f"{inside.regret:.2f}", *score_cells(fit.left_out()))


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
    yield "\n## The rules as the program has them\n"
    yield from rule_table(measured, points_there)
    yield "\n## The rules with constants fitted\n"
    yield "Fitted on all pairs, and for each family of pairs (all that share net, data, optimizer and batch) on the others.\n"
    yield from fit_table(measured, points_there)
