#!/usr/bin/env python3
"""Writes src/statistics/testdata/monitoring.json: what fairlearn, nannyml, statsmodels, scikit-learn and scipy say on seeded inputs.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 pandas==3.1.1 fairlearn==0.15.0 nannyml==0.13.1 statsmodels==0.15.0
    python3 tools/make_monitoring_reference.py

The inputs lie in the file beside the answers, so the tests need none of them. nannyml rounds running sums to 5 decimals before its
roc_auc and average precision, so probabilities have 5 decimals here and that rounding changes nothing.
"""
import json
import pathlib
import platform

import fairlearn
import fairlearn.metrics as fair
import nannyml
import numpy as np
import pandas
import scipy
import sklearn
import statsmodels
from nannyml.performance_estimation.confidence_based import metrics as cbpe
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import ndcg_score
from sklearn.preprocessing import label_binarize
from statsmodels.stats.multitest import multipletests

SEED = 20200202
OUT = pathlib.Path(__file__).resolve().parent.parent / "src/statistics/testdata/monitoring.json"
rng = np.random.default_rng(SEED)


def p_values():
    for name, values in [("ties and ends", [0.0, 1.0, 0.02, 0.02, 0.02, 0.9, 0.04, 1.0]), ("all alike", [0.03] * 5),
                         ("many", np.concatenate([rng.random(40), rng.random(10) * 1e-6]))]:
        yield {"name": name, "values": values, "holm": multipletests(values, method="holm")[1],
               "benjamini_hochberg": multipletests(values, method="fdr_bh")[1]}


def fairness_case(name, y, d, groups, names, w):
    kw = {"sensitive_features": groups, "sample_weight": w}
    frame = fair.MetricFrame(metrics={"selection_rate": fair.selection_rate, "true_positive_rate": fair.true_positive_rate,
                                      "false_positive_rate": fair.false_positive_rate},
                             y_true=y, y_pred=d, sensitive_features=groups,
                             sample_params=None if w is None else {m: {"sample_weight": w} for m in
                                                                   ("selection_rate", "true_positive_rate", "false_positive_rate")})
    rates = [{"rows": int((groups == g).sum()), **{m: frame.by_group[m][g] for m in frame.by_group.columns}} for g in range(len(names))]
    expected = {"groups": rates}
    for what in ("demographic_parity", "equal_opportunity", "equalized_odds"):
        for kind in ("difference", "ratio"):
            expected[f"{what}_{kind}"] = getattr(fair, f"{what}_{kind}")(y, d, **kw)
    # Python's min passes over a NaN: without a false positive anywhere the ratio would be that of the true positive rates alone.
    rates = frame.ratio()
    if rates[["true_positive_rate", "false_positive_rate"]].isna().any():
        expected["equalized_odds_ratio"] = None
    return {"name": name, "labels": y, "decisions": d, "groups": groups, "names": names, "weights": [] if w is None else w,
            "expected": expected}


def fairness_cases():
    n = 900
    groups = rng.choice(4, n, p=[0.4, 0.3, 0.15, 0.15])
    y = (rng.random(n) < 0.2 + 0.1 * groups).astype(int)
    d = (rng.random(n) < 0.15 + 0.5 * y + 0.05 * groups).astype(int)
    names = ["north", "east", "south", "west"]
    w = rng.gamma(2.0, 1.0, n)
    w[::17] = 0.0
    yield fairness_case("four groups", y, d, groups, names, None)
    yield fairness_case("weights, some zero", y, d, groups, names, w)
    two = np.repeat([0, 1], 150)
    yield fairness_case("labels that decide", two * 0 + np.tile([0, 1], 150), np.tile([0, 1], 150), two, ["a", "b"], None)
    yield fairness_case("one group is never selected", np.tile([0, 1], 150), np.where(two == 0, np.tile([0, 1, 1], 100), 0), two,
                        ["a", "b"], None)


def estimated_case(name, p, s, threshold):
    d = (s >= threshold).astype(int)
    return {"name": name, "probabilities": p, "scores": s, "threshold": threshold,
            "expected": {"roc_auc": cbpe.estimate_roc_auc(p, s), "pr_auc": cbpe.estimate_ap(p, s),
                         "accuracy": cbpe.estimate_accuracy(d, p), "precision": cbpe.estimate_precision(d, p),
                         "recall": cbpe.estimate_recall(d, p), "f1": cbpe.estimate_f1(d, p),
                         # nannyml has neither: the expectations of scikit-learn's.
                         "brier": (p * (s - 1) ** 2 + (1 - p) * s**2).mean(), "log_loss": -(p * np.log(s) + (1 - p) * np.log1p(-s)).mean()}}


def estimated_cases():
    n = 400
    s = rng.random(n)
    yield estimated_case("calibrated", np.round(s, 5), s, 0.5)
    yield estimated_case("calibrated in steps", np.round(np.round(s, 1) ** 2, 5), s, 0.3)
    rare = rng.beta(1, 40, n)
    yield estimated_case("rare positives", np.round(rare * 0.6, 5), rare, 0.05)


def estimated_multiclass_case():
    s = rng.dirichlet([1.0, 1.0, 0.6], 300)
    p = np.stack([rng.dirichlet(1 + 8 * row) for row in s])
    d = s.argmax(axis=1)
    decided = label_binarize(d, classes=[0, 1, 2])
    each = {name: [f(decided[:, k], p[:, k]) for k in range(3)] for name, f in
            (("precision", cbpe.estimate_precision), ("recall", cbpe.estimate_recall), ("f1", cbpe.estimate_f1))}
    accuracy = np.mean(np.max(decided * p, axis=1))   # as MulticlassClassificationAccuracy._estimate
    return {"probabilities": p.ravel(), "scores": s.ravel(), "classes": 3,
            "expected": {"accuracy": accuracy, **{f"macro_{name}": np.mean(values) for name, values in each.items()},
                         "log_loss": -(p * np.log(s)).sum(axis=1).mean()}}


def ndcg_cases():
    a = rng.gamma(0.5, 1.0, 25)
    for name, reference, current in [
        ("other order", a, rng.gamma(0.5, 1.0, 25)), ("some noise", a, a * rng.lognormal(0, 0.5, 25)), ("reversed", a, a.max() - a),
        ("ties now", a, np.round(a)), ("ties then", np.round(a), a), ("all alike now", a, np.ones(25)), ("two", [1.0, 0.0], [0.0, 1.0]),
    ]:
        yield {"name": name, "reference": reference, "current": current, "expected": ndcg_score([reference], [current])}


def same_bins():
    """Distances of counts in bins, from scipy's on the bins' middles; counts as weights."""
    for name, edges, p, q in [
        ("empty bins on one side", np.arange(7.0), [5, 0, 3, 0, 0, 9], [1, 2, 0, 0, 4, 1]),
        ("bins empty on both", np.arange(6.0), [0, 4, 0, 6, 0], [0, 1, 0, 2, 0]),
        ("one bin", [3.0, 8.0], [5], [70]),
        ("two far bins", [-1e9, 0.0, 1e9], [1, 1], [1, 0]),
        ("a thousand million rows", np.quantile(rng.lognormal(0, 2, 999), np.linspace(0, 1, 21)), rng.integers(1, 1_000_000_000, 20),
         rng.integers(1, 1_000_000_000, 20)),
        ("one row and a thousand million", np.linspace(0, 1, 6), [1_000_000_000] * 5, [0, 0, 1, 0, 0]),
        ("a little and very many", [0.0, 1.0, 2.0], [1_000_000_000, 1], [1_000_000_000, 2]),
        ("fractional counts", np.linspace(-1, 1, 9), rng.gamma(0.3, 1.0, 8), rng.gamma(0.3, 1.0, 8)),
    ]:
        p, q, edges = np.asarray(p, float), np.asarray(q, float), np.asarray(edges, float)
        middle = (edges[1:] + edges[:-1]) / 2
        yield {"name": name, "edges": edges, "reference_counts": p, "current_counts": q,
               "expected": {"wasserstein_of_bins": stats.wasserstein_distance(middle, middle, p, q),
                            "jensen_shannon": jensenshannon(p, q, base=2),
                            "ks_of_bins": abs(np.cumsum(p / p.sum()) - np.cumsum(q / q.sum())).max(),
                            "l_infinity": abs(p / p.sum() - q / q.sum()).max()},
               # ks_2samp takes values, so only where a value per count is not too many.
               "ks_2samp": stats.ks_2samp(np.repeat(middle, p.astype(int)), np.repeat(middle, q.astype(int))).statistic
               if max(p.sum(), q.sum()) < 1e4 and (p == np.round(p)).all() else None}


def independent_psi():
    for places, n, m, level in [(2, 100, 100, 0.99), (24, 1e6, 2e4, 0.99), (12, 20_000, 3_000, 0.95), (51, 1e9, 200, 0.999)]:
        scale = 1 / n + 1 / m
        yield {"places": places, "reference_rows": n, "current_rows": m, "level": level, "mean": (places - 1) * scale,
               "quantile": stats.chi2.ppf(level, places - 1) * scale}


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and np.isnan(value):
        return None
    return value


def main():
    reference = {
        "made_by": "tools/make_monitoring_reference.py", "seed": SEED,
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__,
                     "scikit-learn": sklearn.__version__, "pandas": pandas.__version__, "fairlearn": fairlearn.__version__,
                     "nannyml": nannyml.__version__, "statsmodels": statsmodels.__version__},
        "p_values": list(p_values()), "fairness": list(fairness_cases()), "estimated": list(estimated_cases()),
        "estimated_multiclass": [estimated_multiclass_case()], "ndcg": list(ndcg_cases()), "same_bins": list(same_bins()),
        "independent_psi": list(independent_psi()),
    }
    lines = []
    for key, value in plain(reference).items():
        if isinstance(value, list):
            lines.append(f'"{key}": [\n' + ",\n".join(json.dumps(v) for v in value) + "\n]")
        else:
            lines.append(f'"{key}": {json.dumps(value)}')
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
