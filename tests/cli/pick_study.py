"""The arithmetic of scripts/pick-study, on curves and grids whose answers are known. usage: pick_study.py SCRIPTS"""

import math
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, sys.argv.pop(1))
from pick_study import measure, pairs, rules, runs  # noqa: E402


def bowl(times=1):
    """2 up to 1e-6, half a cosine down to 1 at 1e-3, half a one up to 2 at 1, 2 + log10(rate) / 2 from there; 12.5 points a decade,
    or so many times that."""
    x = -9 + 0.08 / times * np.arange(int(138 * times))
    y = np.where(x < -6, 2, np.where(x < 1e-9, 1.5 + 0.5 * np.cos(np.pi / 3 * (x + 6)), 2 + x / 2))
    return rules.Curve(10**x, y, np.full(len(x), np.nan))


def pair(setting, best_exponent, steps=100, sweeps=None):
    """A loss of 1 at its best, two more a decade away."""
    exponents = np.arange(-4.0, 0.01, 0.5)
    return measure.Pair(setting, steps, 1, exponents, 1 + 2 * np.abs(exponents - best_exponent), 1.0, best_exponent, sweeps or {})


class Rules(unittest.TestCase):
    def test_estimates_of_a_known_curve(self):
        curve = bowl()
        found = rules.estimates(curve)
        np.testing.assert_allclose(found, [-4.5, -3, -1], atol=0.05)  # as the kernel rounds the bottom
        rate, spread, status = rules.consensus(curve)
        self.assertEqual(status, "ok")
        wanted = found + np.log10([3, 1 / 2, 1 / 20])
        self.assertAlmostEqual(math.log10(rate), wanted.mean(), 12)
        self.assertAlmostEqual(math.log10(spread), wanted.max() - wanted.min(), 12)
        np.testing.assert_allclose(rules.first_estimates(curve, rules.FIRST), [-4.52, -3, 0.04], atol=0.081)

    def test_more_points_at_the_same_losses_mean_a_higher_rate(self):
        twice = bowl(2)
        self.assertAlmostEqual(math.log10(rules.consensus(twice)[0] / rules.consensus(bowl())[0]), math.log10(2) / 2, 2)

    def test_no_suggestion_has_its_status(self):
        curve = bowl()
        n = len(curve.lr)
        none = np.full(n, np.nan)
        for loss, status in ((curve.lr, "monotone"), (none, "nonfinite"), (2 + 1e-3 * (np.arange(n) % 2), "no-minimum")):
            self.assertEqual(rules.consensus(rules.Curve(curve.lr, loss, none))[2], status)
        self.assertEqual(rules.consensus(rules.Curve(curve.lr[:9], curve.loss[:9], none[:9]))[2], "too-few-points")
        apart = slice(None, None, 10)
        self.assertEqual(rules.consensus(rules.Curve(curve.lr[apart], curve.loss[apart], none[apart]))[2], "too-few-points")


class Regret(unittest.TestCase):
    def test_it_is_interpolated_relative_and_capped(self):
        p = pair("a", -2.0)
        np.testing.assert_allclose(p.regret([-2, -1.75, -2.5, -4, math.nan]), [0, 0.5, 1, 3, 3], atol=1e-12)
        p.best, p.losses = 0.01, p.losses - 0.99  # relative to 0.1
        np.testing.assert_allclose(p.regret([-2.0, -2.05]), [0, 1], atol=1e-12)

    def test_scores_count_pairs_alike(self):
        s = measure.score([(pair("a", -2.0), [-2.0, -2.5]), (pair("b", -3.0), [-2.0])])
        self.assertAlmostEqual(s.regret, (0.5 + 2) / 2)
        self.assertEqual((s.worst, s.worst_pair, s.none), (2.0, "b, 100 steps", 0))
        self.assertAlmostEqual(s.within, 0.25)
        self.assertAlmostEqual(s.good, 0.25)
        self.assertAlmostEqual(s.bias, 0)


class Grid(unittest.TestCase):
    def test_it_goes_where_the_best_is(self):
        losses = {e: abs(e + 2) for e in pairs.coarse_grid("adam")}
        self.assertEqual(pairs.refinements(losses, "adam"), [-2.25, -1.75])
        losses |= {-2.25: 1, -1.75: -1}
        self.assertEqual(pairs.refinements(losses, "adam"), [])
        self.assertEqual(pairs.refinements({e: e for e in pairs.coarse_grid("adam")}, "adam"), [-4.5])
        self.assertEqual(pairs.refinements({e: -e for e in pairs.coarse_grid("sgd")}, "sgd"), [1.5])

    def test_a_pair_waits_for_its_grid(self):
        def line(e):
            return [{"run": "digits n2 fit --optimizer adam", "loss": None if e > -0.5 else 1 + abs(e + 2)}]

        grid = {e: line(e) for e in pairs.coarse_grid("adam")}
        self.assertIsNone(measure.make_pair("a", 10, grid, {}))
        grid |= {-2.25: line(-2.25), -1.75: line(-1.75)}
        made = measure.make_pair("a-2ranks", 10, grid, {})
        self.assertEqual((made.best, made.best_exponent, made.ranks, made.family), (1, -2, 2, "a"))
        self.assertEqual(made.losses[-1], 4)  # a training that diverged


class Fits(unittest.TestCase):
    def test_a_family_left_out_does_not_choose_its_constants(self):
        def sweeps(exponent):
            return {100: [{"estimate": exponent}]}

        # an estimate ten times too low for two families, right for the third, which has two pairs
        there = [pair("a", -2.0, sweeps=sweeps(-3)), pair("b", -2.5, sweeps=sweeps(-3.5))]
        odd = [pair("c", -2.0, sweeps=sweeps(-2.0)), pair("c-4ranks", -2.0, sweeps=sweeps(-2.0))]
        fit = measure.Fit("f", there + odd, lambda line, form: [line["estimate"]], ["form"], [(1.0,)], (0.0, 0.5, 1.0))
        self.assertAlmostEqual(fit.in_sample(100)[1].regret, 1)
        # c is given 1 by the others; a and b are given 0 by c's two pairs against one
        self.assertAlmostEqual(fit.left_out(100).regret, 2)
        alike = measure.Fit("f", there, lambda line, form: [line["estimate"]], ["form"], [(1.0,)], (0.0, 0.5, 1.0))
        self.assertAlmostEqual(alike.left_out(100).regret, 0)


class Stored(unittest.TestCase):
    def test_a_line_cut_off_is_forgotten(self):
        with tempfile.TemporaryDirectory() as folder:
            results = runs.Results(folder)
            for name in "ab":
                results.add({"run": name})
            text = results.path.read_bytes()
            results.path.write_bytes(text[:-1])
            again = runs.Results(folder)
            self.assertEqual(list(again.lines), ["a"])
            again.add({"run": "c"})
            self.assertEqual(list(runs.Results(folder).lines), ["a", "c"])


if __name__ == "__main__":
    unittest.main()
