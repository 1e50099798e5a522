"""The program's rule `consensus` (src/optim/suggest.c) in numpy, with its constants free. `pick-study table --program` proves the
two equal on every curve."""

import dataclasses

import numpy as np

FLT_MIN = float(np.finfo(np.float32).tiny)


@dataclasses.dataclass(frozen=True)
class Constants:
    """Those of suggest.c, under its names."""

    kernel_half_width: float = 0.7
    start_decades: float = 1.5
    least_error: float = 0.02
    fallen: float = 0.5
    risen: float = 0.75
    above_fall: float = 3
    below_minimum: float = 2
    below_rise: float = 20
    clear_fall: float = 1.25
    usual_density: float = 12.5
    points: int = 10


PROGRAM = Constants()


@dataclasses.dataclass(frozen=True)
class Curve:
    lr: np.ndarray
    loss: np.ndarray
    se: np.ndarray


def read_curve(path):
    table = np.genfromtxt(path, delimiter=",", names=True, ndmin=1)
    return Curve(table["lr"], table["loss"], table["se"] if "se" in table.dtype.names else np.full(len(table), np.nan))


def finite_stretch(curve):
    bad = ~np.isfinite(curve.loss)
    n = int(bad.argmax()) if bad.any() else len(bad)
    return Curve(curve.lr[:n], curve.loss[:n], curve.se[:n])


def local_fit(curve, floor, half_width):
    """Value and slope per decade of a weighted line around every point; the value stays among the losses it is made of."""
    x = np.log10(curve.lr[None, :] / curve.lr[:, None])
    y = curve.loss[None, :] - curve.loss[:, None]
    kernel = np.maximum(1 - np.abs(x) / half_width, 0)
    se = np.where(curve.se > floor, curve.se, floor)
    w = kernel / se[None, :] ** 2
    sw, sx, sxx, sy, sxy = (np.sum(w * z, axis=1) for z in (1, x, x * x, y, x * y))
    determinant = sw * sxx - sx * sx
    alone = ~(determinant > np.finfo(float).eps * sw * sxx)
    determinant[alone] = 1
    near = np.where(kernel > 0, y, 0)
    rise = np.where(alone, 0, (sxx * sy - sx * sxy) / determinant)
    value = curve.loss + np.clip(rise, near.min(axis=1), near.max(axis=1))
    return value, np.where(alone, np.nan, (sw * sxy - sx * sy) / determinant)


def crossing(curve, value, inside, outside, level):
    """log10 of the rate where the fit crosses a level between two points."""
    x = np.log10(curve.lr[[inside, outside]])
    return x[0] + (x[1] - x[0]) * (level - value[inside]) / (value[outside] - value[inside])


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What all rules of this kind start from."""

    curve: Curve
    value: np.ndarray
    slope: np.ndarray
    start: float
    least: int


def fit(curve, constants):
    """A status in words where there is nothing to read off."""
    whole = len(curve.lr)
    curve = finite_stretch(curve)
    n = len(curve.lr)
    if n == 0 and whole:
        return "nonfinite"
    if n < constants.points:
        return "too-few-points"
    if not (np.diff(curve.loss) < 0).any():
        return "monotone"
    start_points = int(np.sum(np.log10(curve.lr / curve.lr[0]) <= constants.start_decades))
    start = np.median(curve.loss[:start_points])
    floor = max(constants.least_error * abs(np.median(curve.loss)), FLT_MIN)
    value, slope = local_fit(curve, floor, constants.kernel_half_width)
    if np.isnan(slope).all():
        return "too-few-points"
    least = int(np.argmin(value))
    noise = np.sqrt(np.mean((curve.loss[:start_points] - value[:start_points]) ** 2))
    if least == 0 or not start - value[least] > constants.clear_fall * noise:
        return "no-minimum"
    return Fitted(curve, value, slope, start, least)


def estimates(curve, constants=PROGRAM):
    """log10 of the rates (half-way down, minimum, back up), before the factors of each; a status where there are none."""
    f = fit(curve, constants)
    if isinstance(f, str):
        return f
    x, fall = np.log10(f.curve.lr), f.start - f.value[f.least]
    level = f.start - constants.fallen * fall
    above = np.nonzero(f.value[: f.least] > level)[0]
    down = crossing(f.curve, f.value, above[-1] + 1, above[-1], level) if len(above) else x[0]
    level = f.value[f.least] + constants.risen * fall
    above = np.nonzero(f.value[f.least :] > level)[0]
    up = crossing(f.curve, f.value, f.least + above[0] - 1, f.least + above[0], level) if len(above) else x[-1]
    density = (len(x) - 1) / (x[-1] - x[0])
    return np.array([down, x[f.least], up]) + np.log10(density / constants.usual_density) / 2


def consensus(curve, constants=PROGRAM):
    """(rate, spread, status); the first two NAN without one."""
    found = estimates(curve, constants)
    if isinstance(found, str):
        return np.nan, np.nan, found
    rates = found + np.log10([constants.above_fall, 1 / constants.below_minimum, 1 / constants.below_rise])
    return float(10 ** rates.mean()), float(10 ** (rates.max() - rates.min())), "ok"


def first_estimates(curve, constants):
    """Those of the rule that the study began with: steepest, minimum, and where the fit is back at its start."""
    f = fit(curve, constants)
    if isinstance(f, str):
        return f
    above = np.nonzero(f.value[f.least :] > f.start)[0]
    points = [int(np.nanargmin(f.slope[: f.least + 1])), f.least, f.least + above[0] if len(above) else len(f.value) - 1]
    return np.log10(f.curve.lr[points])


FIRST = dataclasses.replace(PROGRAM, kernel_half_width=0.35, clear_fall=1.5)


def first_consensus(curve):
    """log10 of its rate; NAN without one."""
    found = first_estimates(curve, FIRST)
    return np.nan if isinstance(found, str) else float(np.mean(found - np.log10([1, 2, 10])))
