"""The program's rule `consensus` (src/optim/suggest.c) in numpy, with its constants free. `pick-study table --program` proves the
two equal on every curve."""

import dataclasses

import numpy as np

FLT_MIN = float(np.finfo(np.float32).tiny)


@dataclasses.dataclass(frozen=True)
class Constants:
    """Those of suggest.c, under its names."""

    kernel_half_width: float = 0.35
    start_decades: float = 1.5
    least_error: float = 0.02
    below_minimum: float = 2
    below_blow_up: float = 10
    clear_fall: float = 1.5
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


def estimates(curve, constants=PROGRAM):
    """(steepest, minimum, blow-up) as rates, before any division; a status in words where there are none."""
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
    least = int(np.argmin(value))
    if np.isnan(slope[: least + 1]).all():
        return "too-few-points"
    noise = np.sqrt(np.mean((curve.loss[:start_points] - value[:start_points]) ** 2))
    if least == 0 or not start - value[least] > constants.clear_fall * noise:
        return "no-minimum"
    above = np.nonzero(~(value[least + 1 :] <= start))[0]
    blow_up = least + 1 + int(above[0]) if len(above) else n - 1
    return curve.lr[int(np.nanargmin(slope[: least + 1]))], curve.lr[least], curve.lr[blow_up]


def consensus(curve, constants=PROGRAM):
    """(rate, spread, status); the first two NAN without one."""
    found = estimates(curve, constants)
    if isinstance(found, str):
        return np.nan, np.nan, found
    rates = np.array(found) / [1, constants.below_minimum, constants.below_blow_up]
    return float(np.exp(np.mean(np.log(rates)))), float(rates.max() / rates.min()), "ok"
