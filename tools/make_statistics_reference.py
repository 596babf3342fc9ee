#!/usr/bin/env python3
"""Writes src/statistics/testdata/reference.json: what scikit-learn and scipy say on seeded inputs.

    pip install numpy scipy scikit-learn
    python3 tools/make_statistics_reference.py

The inputs lie in the file beside the answers, so the tests need neither library. What neither of them has
(WAPE, MASE, PSI, calibration error with ties, Holm) is computed here from its definition with plain numpy.
"""
import json
import pathlib
import platform

import numpy as np
import scipy
import sklearn
from scipy import stats
from scipy.optimize import minimize
from scipy.spatial.distance import jensenshannon
from sklearn import metrics as m
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression

SEED = 20130601
OUT = pathlib.Path(__file__).resolve().parent.parent / "src/statistics/testdata/reference.json"
rng = np.random.default_rng(SEED)


def ece(y, s, w, bins=10):
    """Equal-weight bins; equal scores share the bin in which the middle of their weight lies."""
    total, before, out = w.sum(), 0.0, np.zeros((bins, 2))
    for score in np.unique(s):
        rows = s == score
        weight = w[rows].sum()
        bin_ = min(bins - 1, int(bins * ((before + weight / 2) / total)))
        out[bin_] += weight * score, (w[rows] * y[rows]).sum()
        before += weight
    return np.abs(out[:, 0] - out[:, 1]).sum() / total


def binary(name, y, s, w, threshold):
    d = (s >= threshold).astype(int)
    kw = {"sample_weight": w}
    ones = np.ones_like(s) if w is None else w
    return {
        "name": name, "labels": y, "scores": s, "weights": [] if w is None else w, "threshold": threshold,
        "expected": {
            "roc_auc": m.roc_auc_score(y, s, **kw), "pr_auc": m.average_precision_score(y, s, **kw),
            "log_loss": m.log_loss(y, s, **kw), "brier": m.brier_score_loss(y, s, **kw),
            "ece": ece(y, s, ones), "accuracy": m.accuracy_score(y, d, **kw),
            "precision": m.precision_score(y, d, **kw), "recall": m.recall_score(y, d, **kw),
            "f1": m.f1_score(y, d, **kw)}}


def binary_cases():
    n = 400
    s = rng.random(n)
    y = (rng.random(n) < s).astype(int)
    w = rng.gamma(2.0, 1.0, n)
    w[::17] = 0.0
    yield binary("distinct scores", y, s, None, 0.5)
    yield binary("weights, some zero", y, s, w, 0.35)
    yield binary("many ties", y, np.round(s, 1), None, 0.3)
    yield binary("many ties and weights", y, np.round(s, 1), w, 0.7)
    yield binary("certain scores that are wrong", np.array([0, 1, 1, 0, 1]), np.array([1.0, 0.0, 1.0, 0.0, 0.5]), None, 0.5)
    rare = (rng.random(n) < 0.03).astype(int)
    rare[0] = 1
    yield binary("rare positives", rare, rng.beta(1, 20, n), None, 0.05)


def equal_bins_case():
    """Without ties, calibration_curve(strategy="quantile") has bins of equal count, so its mean gap is the ECE."""
    n = 500
    s = rng.random(n)
    y = (rng.random(n) < s**2).astype(int)
    true, predicted = calibration_curve(y, s, n_bins=10, strategy="quantile")
    return {"labels": y, "scores": s, "expected": float(np.abs(true - predicted).mean())}


def multiclass_case(name, y, s, w):
    d = s.argmax(axis=1)
    kw = {"sample_weight": w}
    expected = {"accuracy": m.accuracy_score(y, d, **kw),
                "log_loss": m.log_loss(y, s, labels=np.arange(s.shape[1]), **kw)}
    for average in ("macro", "micro"):
        p, r, f, _ = m.precision_recall_fscore_support(y, d, average=average, zero_division=0, **kw)
        expected |= {f"{average}_precision": p, f"{average}_recall": r, f"{average}_f1": f}
    return {"name": name, "labels": y, "scores": s.ravel(), "classes": s.shape[1],
            "weights": [] if w is None else w, "expected": expected}


def multiclass_cases():
    s = rng.dirichlet([1.0, 1.0, 1.0, 0.5], 300)
    y = np.array([rng.choice(4, p=row) for row in s])
    w = rng.gamma(2.0, 1.0, 300)
    yield multiclass_case("four classes", y, s, None)
    yield multiclass_case("weights", y, s, w)
    s3 = rng.dirichlet([5.0, 5.0, 0.01], 60)
    yield multiclass_case("a class that is decided but never the label", rng.integers(0, 2, 60), s3, None)
    few = np.array([[0.6, 0.3, 0.1, 0.0], [0.2, 0.7, 0.1, 0.0], [0.0, 1.0, 0.0, 0.0]])
    yield multiclass_case("a class that does not occur, a probability of zero", np.array([0, 2, 0]), few, None)


def regression_case(name, y, p, w, naive):
    kw = {"sample_weight": w}
    ones = np.ones_like(p) if w is None else w
    mae = m.mean_absolute_error(y, p, **kw)
    return {"name": name, "labels": y, "scores": p, "weights": [] if w is None else w, "naive_error": naive,
            "expected": {"rmse": m.root_mean_squared_error(y, p, **kw), "mae": mae, "r2": m.r2_score(y, p, **kw),
                         "wape": (ones * abs(y - p)).sum() / (ones * abs(y)).sum(), "mase": mae / naive,
                         "mape": m.mean_absolute_percentage_error(y, p, **kw)}}


def regression_cases():
    y = rng.lognormal(3, 1, 250) * rng.choice([-1, 1], 250)
    p = y + rng.normal(0, 10, 250)
    w = rng.gamma(2.0, 1.0, 250)
    yield regression_case("heavy tails", y, p, None, 3.5)
    yield regression_case("weights", y, p, w, 0.25)
    yield regression_case("far from zero", y + 1e6, p + 1e6, None, 7.0)


def distances():
    for name, a, b in [
        ("integers with ties", rng.poisson(5, 300), rng.poisson(6, 200)),
        ("normal", rng.normal(0, 1, 250), rng.normal(0.4, 1.3, 311)),
        ("lognormal", rng.lognormal(0, 2, 400), rng.lognormal(0.2, 2, 100)),
        ("apart", rng.random(50), rng.random(60) + 2),
    ]:
        edges = np.unique(np.quantile(a, np.linspace(0, 1, 21)))
        inside = b[(b >= edges[0]) & (b <= edges[-1])]
        p = np.concatenate([[(a < edges[0]).sum()], np.histogram(a, edges)[0], [(a > edges[-1]).sum()]]).astype(float)
        q = np.concatenate([[(b < edges[0]).sum()], np.histogram(inside, edges)[0], [(b > edges[-1]).sum()]]).astype(float)
        kept = (p + q) > 0
        chi = stats.chi2_contingency(np.array([p[kept], q[kept]]), correction=False)
        sp, sq = ((x + 0.5) / (x.sum() + 0.5 * len(x)) for x in (p, q))
        middle = (edges[1:] + edges[:-1]) / 2
        binned = stats.wasserstein_distance(middle, middle, p[1:-1], q[1:-1]) if q[1:-1].sum() > 0 else None
        yield {"name": name, "reference": a, "current": b, "edges": edges, "reference_counts": p, "current_counts": q,
               "expected": {
                   "psi": ((sq - sp) * np.log(sq / sp)).sum(), "jensen_shannon": jensenshannon(p, q, base=2),
                   "l_infinity": abs(p / p.sum() - q / q.sum()).max(),
                   "ks_of_bins": abs(np.cumsum(p / p.sum()) - np.cumsum(q / q.sum())).max(),
                   "chi_square": chi.statistic, "chi_square_p": chi.pvalue, "chi_square_degrees": chi.dof,
                   "ks": stats.ks_2samp(a, b).statistic, "wasserstein": stats.wasserstein_distance(a, b),
                   "wasserstein_over_sigma": stats.wasserstein_distance(a, b) / np.std(a), "wasserstein_of_bins": binned}}


def isotonic_cases():
    for name, n, digits, weighted in [("ties", 200, 1, False), ("distinct", 300, 12, False), ("weights", 300, 2, True)]:
        s = np.round(rng.random(n), digits)
        y = (rng.random(n) < s).astype(float)
        w = rng.gamma(2.0, 1.0, n) if weighted else None
        fit = IsotonicRegression(out_of_bounds="clip").fit(s, y, sample_weight=w)
        at = np.concatenate([rng.random(50) * 1.4 - 0.2, s[:20]])
        yield {"name": name, "scores": s, "labels": y, "weights": [] if w is None else w, "at": at, "expected": fit.predict(at)}


def platt_case():
    """Minimises Platt's smoothed cross entropy with scipy; the minimum is unique, so any good optimiser gives it."""
    n = 300
    s = rng.normal(0, 2, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-1.3 * s + 0.4))).astype(float)
    positives, negatives = y.sum(), (1 - y).sum()
    t = np.where(y > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(ab):
        f = ab[0] * s + ab[1]
        return (t * f + np.logaddexp(0, -f)).sum()

    def gradient(ab):
        g = t - 1 / (1 + np.exp(ab[0] * s + ab[1]))
        return np.array([(g * s).sum(), g.sum()])

    def hessian(ab):
        p = 1 / (1 + np.exp(ab[0] * s + ab[1]))
        h = p * (1 - p)
        return np.array([[(h * s * s).sum(), (h * s).sum()], [(h * s).sum(), h.sum()]])

    best = minimize(loss, [0.0, 0.0], jac=gradient, method="BFGS").x
    for _ in range(5):
        best = best - np.linalg.solve(hessian(best), gradient(best))
    return {"scores": s, "labels": y, "expected": best}


def holm(p):
    order, largest, out = np.argsort(p, kind="stable"), 0.0, np.zeros(len(p))
    for i, k in enumerate(order):
        largest = max(largest, p[k] * (len(p) - i))
        out[k] = min(1.0, largest)
    return out


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def main():
    values = rng.lognormal(1, 1, 333)
    p_values = np.array([0.01, 0.04, 0.03, 0.005, 0.5, 0.03, 0.9])
    x = np.array([0.001, 0.5, 1, 3, 10, 40, 200])
    degrees = np.array([1, 2, 5, 1, 20, 23, 150])
    quantiles = np.array([0, 0.01, 0.1, 1 / 3, 0.5, 0.77, 0.975, 1])
    reference = {
        "made_by": "tools/make_statistics_reference.py", "seed": SEED,
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__,
                     "scikit-learn": sklearn.__version__},
        "binary": list(binary_cases()), "equal_bins": equal_bins_case(), "multiclass": list(multiclass_cases()),
        "regression": list(regression_cases()), "distances": list(distances()), "isotonic": list(isotonic_cases()),
        "platt": platt_case(),
        "quantiles": {"values": np.sort(values), "at": quantiles, "expected": np.quantile(values, quantiles)},
        "p_values": {"values": p_values, "holm": holm(p_values), "benjamini_hochberg": stats.false_discovery_control(p_values)},
        "chi_square_tail": {"x": x, "degrees": degrees, "expected": stats.chi2.sf(x, degrees)},
    }
    # One value a line would be long: one case a line.
    lines = []
    for key, value in plain(reference).items():
        if isinstance(value, list):
            lines.append(f'"{key}": [\n' + ",\n".join(json.dumps(v) for v in value) + "\n]")
        else:
            lines.append(f'"{key}": {json.dumps(value)}')
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
