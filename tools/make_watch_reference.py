#!/usr/bin/env python3
"""Writes src/monitoring/testdata/watch.json and watch_forest.json: what the field's libraries say of rows that the monitors are to find in the
prediction log: the flights and customers of examples/, and made-up extremes.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 pandas==3.1.1 fairlearn==0.15.0 nannyml==0.13.1 statsmodels==0.15.0 \\
        duckdb==1.5.5 xgboost-cpu==3.2.0 shap==0.51.0
    python3 tools/make_watch_reference.py

A case has reference rows, a window's rows, and looks: a monitor and what it must find. Real rows are the statement that reads them, so that the
test reads the same; made-up ones lie in the file. Scores are formulas, so that nothing has to be trained, but for a small forest that is explained.
nannyml rounds running sums to 5 decimals, so what it sees has 5 decimals here and that rounding changes nothing; and it takes equal scores in an
order of its own, so those that it sees are distinct.
"""
import itertools
import json
import math
import pathlib
import platform
import warnings

import duckdb
import fairlearn
import fairlearn.metrics as fair
import nannyml
import numpy as np
import pandas
import scipy
import shap
import sklearn
import statsmodels
import xgboost
from nannyml.performance_estimation.confidence_based import metrics as cbpe
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.preprocessing import label_binarize
from statsmodels.stats.multitest import multipletests

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "src/monitoring/testdata"
MAX_BINS, MAX_LEVELS, ECE_BINS = 20, 50, 10
MIN_GROUP = 100  # rows: smaller groups are not judged
rng = np.random.default_rng(20261129)


# Rows: name → float array (NaN: missing) or object array of texts (None: missing)
class Rows(dict):
    def __init__(self, said: dict):
        """said: {"sql": …} or {"columns": {name: values}}, as the test reads it."""
        self.said = said
        if "sql" in said:
            read = duckdb.sql(said["sql"].replace("{root}", str(ROOT))).fetchnumpy()
        else:
            read = {name: np.array([None if v is None else v if is_text(values) else float(v) for v in values], object)
                    for name, values in said["columns"].items()}
        for name, column in read.items():
            plain = np.array(column, object) if column.dtype == object else np.ma.filled(column.astype(float), np.nan)
            if plain.dtype == object:
                plain[np.ma.getmaskarray(column)] = None
            texts = plain.dtype == object and any(isinstance(v, str) for v in plain)
            self[name] = plain if texts else np.array([np.nan if v is None else v for v in plain], float)


def is_text(values: list) -> bool:
    return any(isinstance(v, str) and v not in ("inf", "-inf") for v in values)


def number_edges(finite: np.ndarray) -> np.ndarray:
    if not len(finite):
        return finite
    with np.errstate(over="ignore"):  # a sixteenth of each: numpy's own interpolation of the largest doubles overflows; no digit changes
        scale = 2.0**-4 if np.abs(finite).max() > 1e300 else 1.0
    edges = np.unique(np.quantile(finite * scale, np.linspace(0, 1, MAX_BINS + 1)) / scale)
    return edges if len(edges) > 1 else np.repeat(edges, 2)


def number_counts(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    missing = np.isnan(values).sum()
    present = values[~np.isnan(values)]
    if not len(edges):
        return np.array([missing, 0, len(present)])
    inside = present[(present >= edges[0]) & (present <= edges[-1])]
    bins = [len(inside)] if edges[0] == edges[-1] else np.histogram(inside, edges)[0]
    return np.concatenate([[missing, (present < edges[0]).sum()], bins, [(present > edges[-1]).sum()]])


def psi(p: np.ndarray, q: np.ndarray) -> float:
    p, q = ((c + 0.5) / (c.sum() + 0.5 * len(c)) for c in (p, q))
    return float(((q - p) * np.log(q / p)).sum())


def distances(p: np.ndarray, q: np.ndarray) -> tuple[dict, float | None]:
    both = np.stack([p, q])[:, (p + q) > 0]
    chi2 = stats.chi2_contingency(both, correction=False) if both.shape[1] > 1 else None
    return {"psi": psi(p, q), "js": jensenshannon(p, q, base=2), "chi2": np.sqrt(chi2.statistic / both.sum()) if chi2 else "missing",
            "linf": np.abs(p / p.sum() - q / q.sum()).max()}, chi2.pvalue if chi2 else None


def of_numbers(reference: np.ndarray, current: np.ndarray) -> tuple[dict, float | None]:
    finite = reference[np.isfinite(reference)]
    edges = number_edges(finite)
    p, q = number_counts(edges, reference), number_counts(edges, current)
    found, p_value = distances(p, q)
    if not p[1:].sum() or not q[1:].sum():
        found["ks"] = "missing"
    else:
        places = [np.repeat(np.arange(len(c) - 1), c[1:].astype(int)) for c in (p, q)]
        found["ks"] = stats.ks_2samp(*places).statistic
    with np.errstate(all="ignore"):
        spread = finite.std(ddof=1) if len(finite) > 1 else 0
    if np.isfinite(spread) and spread > 0:  # of what does not vary there is no distance in deviations, and nothing is found
        if found["ks"] == "missing":
            found["wasserstein"] = "missing"
        else:
            from_first = edges - edges[0]  # so that a large offset takes no digits
            middles = np.concatenate([[0], (from_first[1:] + from_first[:-1]) / 2, [from_first[-1]]])
            found["wasserstein"] = stats.wasserstein_distance(middles, middles, p[1:], q[1:]) / spread
    return found, p_value


def frequent(reference: np.ndarray) -> list:
    names, counts = np.unique(np.array([v for v in reference if v is not None], str), return_counts=True)
    order = sorted(zip(-counts, [n.encode() for n in names]))
    return [name.decode() for _, name in order[:MAX_LEVELS]]


def of_levels(reference: np.ndarray, current: np.ndarray) -> tuple[dict, float | None]:
    levels = frequent(reference)

    def counts(column):
        known = [sum(1 for v in column if v == level) for level in levels]
        missing = sum(1 for v in column if v is None)
        return np.array([missing, *known, len(column) - missing - sum(known)])
    return distances(counts(reference), counts(current))


# Looks: a monitor and what it must find, by column, by slice, or by nothing
def look(kind: str, measure: str, found: dict, **more) -> dict:
    return {"kind": kind, "measure": measure, **more, "found": found}


def drift_looks(reference: Rows, window: Rows, features: list, scores: list) -> list:
    by_column = {name: (of_levels if reference[name].dtype == object else of_numbers)(reference[name], window[name]) for name in features + scores}
    with_p = [name for name, (_, p) in by_column.items() if p is not None]
    adjusted = dict(zip(with_p, multipletests([by_column[n][1] for n in with_p], method="fdr_bh")[1].tolist(), strict=True)) if with_p else {}
    looks = [look("drift", measure, {name: found[measure] for name, (found, _) in by_column.items() if measure in found})
             for measure in ("psi", "js", "ks", "wasserstein", "chi2", "linf")]
    looks[0]["p_values"] = adjusted
    # Of all columns chi2 takes the categories; numbers where they are named.
    chi2 = looks[4]
    looks.append({**chi2, "columns": [*features, "score"]})
    chi2["found"] = {name: value for name, value in chi2["found"].items() if reference[name].dtype == object}
    return looks


def quality_looks(reference: Rows, window: Rows, features: list) -> list:
    def missing(column):
        return np.mean([v is None for v in column]) if column.dtype == object else np.isnan(column).mean()
    texts = [name for name in features if reference[name].dtype == object]
    numbers = [name for name in features if name not in texts]

    def unseen(name):
        known = {v for v in reference[name] if v is not None}
        return np.mean([v is not None and v not in known for v in window[name]])

    def outside(name):
        finite = reference[name][np.isfinite(reference[name])]
        if not len(finite):
            return 0.0 if np.isnan(window[name]).all() else 1 - np.isnan(window[name]).mean()
        return np.mean((window[name] < finite.min()) | (window[name] > finite.max()))
    return [look("quality", "missing", {name: max(0.0, missing(window[name]) - missing(reference[name])) for name in features}),
            look("quality", "unseen", {name: unseen(name) for name in texts}),
            look("quality", "out_of_range", {name: outside(name) for name in numbers})]


def ece(label: np.ndarray, score: np.ndarray) -> float:
    """Of bins of equal counts, by numpy: scikit-learn's calibration_curve does not let equal scores share a bin."""
    values, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    which = np.minimum((middle / len(score) * ECE_BINS).astype(int), ECE_BINS - 1)[place]
    return sum(abs(label[which == b].sum() - score[which == b].sum()) for b in range(ECE_BINS)) / len(score)


def equal_counts_ece(label: np.ndarray, score: np.ndarray) -> float:
    """Of distinct scores, by scikit-learn."""
    happened, said = calibration_curve(label, score, n_bins=ECE_BINS, strategy="quantile")
    return float(np.mean(np.abs(happened - said)))


BINARY = {"roc_auc": metrics.roc_auc_score, "pr_auc": metrics.average_precision_score, "log_loss": metrics.log_loss, "brier": metrics.brier_score_loss,
          "ece": ece}
DECIDED = {"accuracy": metrics.accuracy_score, "precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}


def binary_looks(label: np.ndarray, score: np.ndarray, threshold: float, slices: dict) -> list:
    def of(measure, rows):
        return BINARY[measure](label[rows], score[rows]) if measure in BINARY else DECIDED[measure](label[rows], (score[rows] >= threshold).astype(int))
    looks = []
    for measure in [*BINARY, *DECIDED]:
        found = {"": of(measure, slice(None))}
        for column, values in slices.items():
            for value in sorted(set(values)):
                rows = values == value
                # A class with fewer than 50 rows is not judged.
                found[f"{column}={value}"] = of(measure, rows) if min(label[rows].sum(), (1 - label[rows]).sum()) >= 50 else "not enough data"
        looks.append(look("metric", measure, found, **({"slices": list(slices)} if slices else {})))
    return looks


def fairness_looks(column: str, decided: np.ndarray, groups: np.ndarray, label: np.ndarray | None) -> list:
    """All rows where label is None. With labels: rows that have one."""
    judged = np.isin(groups, [g for g in set(groups) if (groups == g).sum() >= MIN_GROUP])
    kw = {"sensitive_features": groups[judged]}
    d = decided[judged]
    measures = {"demographic_parity": "demographic_parity", "four_fifths": "demographic_parity"} if label is None else \
        {"equal_opportunity": "equal_opportunity", "equalised_odds": "equalized_odds"}
    looks = []
    for measure, of in measures.items():
        y = d if label is None else label[judged]
        looks.append(look("fairness", measure, {column: getattr(fair, f"{of}_ratio")(y, d, **kw)}, judge="min", groups=[column]))
        if measure != "four_fifths":  # which always is a ratio
            looks.append(look("fairness", measure, {column: getattr(fair, f"{of}_difference")(y, d, **kw)}, judge="max", groups=[column]))
    return looks


def estimated_looks(score: np.ndarray, threshold: float) -> list:
    d = (score >= threshold).astype(int)
    found = {"roc_auc": cbpe.estimate_roc_auc(score, score), "pr_auc": cbpe.estimate_ap(score, score), "accuracy": cbpe.estimate_accuracy(d, score),
             "precision": cbpe.estimate_precision(d, score), "recall": cbpe.estimate_recall(d, score), "f1": cbpe.estimate_f1(d, score),
             # nannyml has neither: the expectations of scikit-learn's.
             "brier": (score * (score - 1) ** 2 + (1 - score) * score**2).mean(),
             "log_loss": -(score * np.log(score) + (1 - score) * np.log1p(-score)).mean()}
    return [look("metric", measure, {"": value}, estimated=True) for measure, value in found.items()]


def described(name: str, reference: Rows, window: Rows, features: list, scores: list, looks: list, **more) -> dict:
    return {"name": name, "task": "binary", "features": [{"name": f, "text": reference[f].dtype == object} for f in features], "scores": scores,
            "reference": reference.said, "window": window.said, **more, "looks": looks}


# Real rows
FLIGHTS = "'{root}/examples/flights/data/flights/2013-%02d.parquet'"
FLIGHT_COLUMNS = ("epoch_us(scheduled_at) AS time, distance::DOUBLE AS distance, sched_dep_time::DOUBLE AS sched_dep_time, dep_delay::DOUBLE AS dep_delay, "
                  "carrier, origin, dest")
LATE = "CASE WHEN arr_delay IS NOT NULL THEN (arr_delay > 15)::INT::VARCHAR END AS label"
FEBRUARY = {"window_end": "2013-03-02T00:00:00Z", "window_days": 32}


def month(number: int, more: str) -> Rows:
    return Rows({"sql": f"SELECT {FLIGHT_COLUMNS}, {more} FROM {FLIGHTS % number} ORDER BY flight_id"})


def numeric(label: np.ndarray) -> np.ndarray:
    return np.array([np.nan if v is None else float(v) for v in label])


def flights() -> dict:
    score = "round(1 / (1 + exp((20 - coalesce(dep_delay, 0)) / 15)), 5) AS score, " + LATE
    january, february = month(1, score), month(2, score)
    features = ["distance", "sched_dep_time", "dep_delay", "carrier", "origin", "dest"]
    label, threshold = numeric(february["label"]), 0.5
    known = ~np.isnan(label)
    decided = (february["score"] >= threshold).astype(int)
    looks = [*drift_looks(january, february, features, ["score"]), *quality_looks(january, february, features),
             *binary_looks(label[known].astype(int), february["score"][known], threshold, {"origin": february["origin"][known]})]
    for column in ("origin", "carrier"):
        looks += fairness_looks(column, decided, february[column], None)
        looks += fairness_looks(column, decided[known], february[column][known], label[known].astype(int))
    return described("flights of February against January", january, february, features, ["score"], looks, threshold=threshold, **FEBRUARY)


def estimated_flights() -> dict:
    score = f"(3 * row_number() OVER (ORDER BY coalesce(dep_delay, 0), flight_id))::DOUBLE / 100000 AS score, {LATE}"
    january, february = month(1, score), month(2, score)
    label = numeric(february["label"])
    known = ~np.isnan(label)
    looks = estimated_looks(february["score"], 0.4)
    # The scores are distinct: now scikit-learn's own bins are the same, if each has as many rows.
    y, s = label[known].astype(int), february["score"][known]
    looks.append(look("metric", "ece", {"": ece(y, s)}))
    tens = len(y) // ECE_BINS * ECE_BINS
    assert abs(ece(y[:tens], s[:tens]) - equal_counts_ece(y[:tens], s[:tens])) < 1e-12
    return described("flights, scored by rank", january, february, ["distance"], ["score"], looks, threshold=0.4, calibrated=True, **FEBRUARY)


def regression_flights() -> dict:
    said = "coalesce(dep_delay, 0) + distance / 100 - 12::DOUBLE AS prediction, arr_delay::VARCHAR AS label"
    january, february = month(1, said), month(2, said)
    label = numeric(february["label"])
    known = ~np.isnan(label)
    y, p = label[known], february["prediction"][known]
    found = {"rmse": metrics.root_mean_squared_error(y, p), "mae": metrics.mean_absolute_error(y, p), "r2": metrics.r2_score(y, p),
             "wape": np.abs(y - p).sum() / np.abs(y).sum(), "mape": "missing"}  # some flights are on time to the minute
    looks = [look("metric", measure, {"": value}) for measure, value in found.items()]
    looks += [look("drift", measure, {"score": of_numbers(january["prediction"], february["prediction"])[0][measure]}, columns=["score"])
              for measure in ("psi", "ks", "wasserstein")]
    return described("flights, minutes of delay", january, february, ["distance"], ["prediction"], looks, task="regression", **FEBRUARY)


def multiclass_flights(classes: list) -> dict:
    said = ("round(0.1 + 0.5 * exp(-distance / 900), 4) / (1.2 + 0.4 * (carrier = 'B6')::INT) AS \"score_EWR\", "
            "round(0.3 + 0.4 * (carrier = 'B6')::INT, 4) / (1.2 + 0.4 * (carrier = 'B6')::INT) AS \"score_JFK\", "
            "round(0.8 - 0.5 * exp(-distance / 900), 4) / (1.2 + 0.4 * (carrier = 'B6')::INT) AS \"score_LGA\", ")
    said += "0::DOUBLE AS \"score_TEB\", " if "TEB" in classes else ""
    january, february = (month(number, said + "origin AS label") for number in (1, 2))
    names = [f"score_{c}" for c in classes]
    scores = np.stack([february[n] for n in names], axis=1)
    y = np.array([classes.index(v) for v in february["label"]])
    d = scores.argmax(axis=1)
    found = {"accuracy": metrics.accuracy_score(y, d), "log_loss": metrics.log_loss(y, scores / scores.sum(axis=1, keepdims=True), labels=range(len(classes)))}
    for average in ("macro", "micro"):
        for measure, of in (("precision", metrics.precision_score), ("recall", metrics.recall_score), ("f1", metrics.f1_score)):
            found[f"{average}_{measure}"] = of(y, d, average=average, zero_division=0)
    if "TEB" in classes:  # nobody ever left from there: a class without rows is not judged
        found = {name: "not enough data" for name in found}
    looks = [look("metric", measure, {"": value}) for measure, value in found.items()]
    if "TEB" not in classes:
        p = scores / scores.sum(axis=1, keepdims=True)
        decided = label_binarize(d, classes=range(len(classes)))
        looks.append(look("metric", "accuracy", {"": np.mean(np.max(decided * p, axis=1))}, estimated=True))  # as MulticlassClassificationAccuracy._estimate
        for measure, of in (("precision", cbpe.estimate_precision), ("recall", cbpe.estimate_recall), ("f1", cbpe.estimate_f1)):
            looks.append(look("metric", f"macro_{measure}", {"": np.mean([of(decided[:, k], p[:, k]) for k in range(len(classes))])}, estimated=True))
    looks += [look("drift", "psi", {name: of_numbers(january[name], february[name])[0]["psi"] for name in names}, columns=["score"])]
    return described(f"flights, which of {len(classes)} airports", january, february, ["distance"], names, looks, task="multiclass", classes=classes, **FEBRUARY)


def customers() -> dict:
    columns = ("epoch_us(asked_on::TIMESTAMP) AS time, plan, monthly_fee::DOUBLE AS monthly_fee, months::DOUBLE AS months, help_calls::DOUBLE AS help_calls, "
               "city, refund::DOUBLE AS refund, round(1 / (1 + exp((months - 20) / 12)), 6) AS score, churned::VARCHAR AS label")
    source = "read_csv('{root}/examples/churn/customers.csv', all_varchar = false, types = {'churned': 'VARCHAR', 'asked_on': 'VARCHAR'})"
    reference, window = (Rows({"sql": f"SELECT {columns} FROM {source} WHERE asked_on {where} ORDER BY customer_id"})
                         for where in ("< '2024-04-01'", ">= '2024-04-01'"))
    features = ["plan", "monthly_fee", "months", "help_calls", "city", "refund"]
    y, score = (window["label"] == "yes").astype(int), window["score"]
    decided = (score >= 0.35).astype(int)
    looks = [*drift_looks(reference, window, features, ["score"]), *quality_looks(reference, window, features),
             *binary_looks(y, score, 0.35, {"plan": window["plan"]}), *fairness_looks("city", decided, window["city"], None),
             *fairness_looks("city", decided, window["city"], y)]
    return described("customers who leave", reference, window, features, ["score"], looks, threshold=0.35, classes=["no", "yes"],
                     window_end="2024-07-01T00:00:00Z", window_days=92)


# Made-up extremes
def columns(values: dict) -> Rows:
    def plain(v):
        if v is None or isinstance(v, str):
            return v
        return None if np.isnan(v) else "inf" if v == np.inf else "-inf" if v == -np.inf else float(v)
    return Rows({"columns": {name: [plain(v) for v in column] for name, column in values.items()}})


def extreme(name: str, reference: list, window: list, texts: bool = False) -> dict:
    # Scores lie beside the edges of the bins: whose last digit is another's is no matter.
    rows = [columns({"x": values, "score": (np.arange(len(values)) + 0.37) / (len(values) + 0.11)}) for values in (reference, window)]
    if texts:
        for part in rows:
            part["x"] = np.array([v for v in part.said["columns"]["x"]], object)
    looks = [*drift_looks(*rows, ["x"], ["score"]), *quality_looks(*rows, ["x"])]
    return described(name, *rows, ["x"], ["score"], looks, min_rows=1)


def extremes() -> list:
    normal, tied = rng.normal(size=300), rng.choice([0.0, 1.0, 2.0], 400, p=[0.9, 0.09, 0.01])
    nothing, levels = [np.nan] * 40, list(rng.choice(["a", "b", "c"], 300, p=[0.7, 0.2, 0.1]))
    with_gaps = np.where(rng.random(300) < 0.3, np.nan, normal)
    return [
        extreme("a constant stays", [7.0] * 50, [7.0] * 30),
        extreme("a constant becomes another", [7.0] * 50, [7.5] * 30),
        extreme("a constant begins to vary", [7.0] * 50, [6.0, 7.0, 7.0, 8.0, np.nan]),
        extreme("what varied is constant now", normal, [0.25] * 60),
        extreme("nothing but missing values now", normal, nothing),
        extreme("missing values in both", with_gaps, np.where(rng.random(200) < 0.6, np.nan, rng.normal(size=200))),
        extreme("nothing was known in training", nothing, list(normal[:20]) + [np.nan]),
        extreme("nothing was known, and nothing is", nothing, nothing[:9]),
        extreme("one row", normal, [0.5]),
        extreme("one row that is missing", normal, [np.nan]),
        extreme("one row in training", [1.0], normal[:40]),
        extreme("heavy ties", tied, rng.choice([0.0, 1.0, 2.0], 300, p=[0.85, 0.1, 0.05])),
        extreme("two values", [0.0] * 199 + [1.0], [1.0] * 199 + [0.0]),
        extreme("huge", rng.lognormal(0, 3, 300) * 1e140, rng.lognormal(0.3, 3, 200) * 1e140),
        extreme("tiny", rng.normal(size=300) * 1e-140, rng.normal(0.5, 1, 200) * 1e-140),
        extreme("squares that underflow", rng.normal(size=300) * 1e-300, rng.normal(0.5, 1, 200) * 1e-300),
        extreme("the ends of doubles", rng.uniform(-1, 1, 300) * 1.7e308, rng.uniform(-0.5, 1, 200) * 1.7e308),
        extreme("infinities now", normal, [np.inf] * 5 + [-np.inf] * 3 + list(normal[:50])),
        extreme("far out of the range", normal, [1e9] * 4 + [-1e9] * 2 + list(normal[:30])),
        extreme("a large offset", normal + 1e9, normal[:200] + 1e9 + 0.25),
        extreme("a level", ["a"] * 30, ["a"] * 20, True),
        extreme("levels that nobody knew", levels, ["a"] * 50 + ["d"] * 20 + ["e", "É", "a'b"] + [None] * 7, True),
        extreme("a level that is never seen again", levels, ["b"] * 120, True),
        extreme("texts that are all missing now", levels, [None] * 30, True),
        extreme("texts that were all missing", [None] * 30, ["a"] * 30, True),
        extreme("three hundred levels", [f"level {i}" for i in rng.zipf(1.3, 3000) % 300], [f"level {i}" for i in rng.zipf(1.2, 900) % 320], True),
    ]


def never_positive() -> dict:
    rows = columns({"x": rng.normal(size=300), "score": rng.random(300), "label": ["0"] * 300})
    looks = [look("metric", measure, {"": "not enough data"}) for measure in [*BINARY, *DECIDED]]
    return described("a class that never appears", rows, rows, ["x"], ["score"], looks, threshold=0.5)


# What a forest leans on
FOREST_FEATURES = ["distance", "sched_dep_time", "dep_delay", "day"]


def flights_of_day(of: str, number: int, where: str) -> Rows:
    return Rows({"sql": f"SELECT epoch_us(scheduled_at) AS time, distance::DOUBLE AS distance, sched_dep_time::DOUBLE AS sched_dep_time, {of} AS dep_delay, "
                        f"day::DOUBLE AS day, 0.5::DOUBLE AS score, {LATE} FROM {FLIGHTS % number} WHERE {where} ORDER BY flight_id"})


def mean_shapley(model: dict, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values by their definition, over all subsets; what is not known goes both ways of a split (Lundberg, Erion & Lee 2018, algorithm 1)."""
    rows = rows.astype(np.float32)
    features = rows.shape[1]
    values = {}
    for subset in itertools.chain.from_iterable(itertools.combinations(range(features), n) for n in range(features + 1)):
        total = np.zeros(len(rows))
        for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
            left, right = tree["left_children"], tree["right_children"]
            of, at = tree["split_indices"], np.array(tree["split_conditions"], np.float32)
            cover, default = tree["sum_hessian"], tree["default_left"]

            def expected(node: int) -> np.ndarray:
                if left[node] == -1:
                    return np.full(len(rows), float(at[node]))
                a, b = expected(left[node]), expected(right[node])
                if of[node] in subset:
                    x = rows[:, of[node]]
                    return np.where(np.where(np.isnan(x), bool(default[node]), x < at[node]), a, b)
                return (cover[left[node]] * a + cover[right[node]] * b) / (cover[left[node]] + cover[right[node]])
            total += expected(0)
        values[subset] = total
    out = np.zeros(rows.shape)
    for f in range(features):
        for subset in values:
            if f not in subset:
                weight = math.factorial(len(subset)) * math.factorial(features - len(subset) - 1) / math.factorial(features)
                out[:, f] += weight * (values[tuple(sorted((*subset, f)))] - values[subset])
    return np.abs(out).mean(axis=0), out


def attribution_cases() -> list:
    training = flights_of_day("dep_delay::DOUBLE", 1, "day <= 28")
    known = ~np.isnan(label := numeric(training["label"]))
    matrix = np.stack([training[f] for f in FOREST_FEATURES], axis=1)
    # Small, and leaning on all: the delay is seen by few trees.
    booster = xgboost.train({"max_depth": 4, "eta": 0.3, "seed": 1, "objective": "binary:logistic", "nthread": 1, "colsample_bytree": 0.5},
                            xgboost.DMatrix(matrix[known], label[known]), 12)
    path = OUT / "watch_forest.json"
    booster.save_model(path)
    model = json.loads(path.read_text())
    then = mean_shapley(model, matrix[known][::7])[0]
    cases, orders = [], set()
    windows = [(f"the {day} of February, {name}", flights_of_day(of, 2, f"day = {day}"))
               for day in (1, 8, 9, 17, 28)
               for name, of in (("as it was", "dep_delay::DOUBLE"), ("all delays missing", "NULL::DOUBLE"), ("all delays 10", "10::DOUBLE"))]
    for name, window in windows:
        rows = np.stack([window[f] for f in FOREST_FEATURES], axis=1)
        now, each = mean_shapley(model, rows)
        theirs = shap.TreeExplainer(booster).shap_values(rows)  # in floats
        assert np.abs(theirs - each).max() < 1e-4, np.abs(theirs - each).max()
        orders.add(tuple(np.argsort(-now)))
        cases.append(described(f"attribution, {name}", training, window, FOREST_FEATURES, ["score"],
                               [look("attribution", "ndcg", {"": metrics.ndcg_score([then], [now])})], forest="watch_forest.json",
                               attribution=dict(zip(FOREST_FEATURES, then)), window_end="2013-03-02T00:00:00Z", window_days=32))
    assert len(orders) >= 4, orders
    return cases


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        raise ValueError(value)
    return value


def main() -> None:
    warnings.simplefilter("ignore")
    cases = [flights(), estimated_flights(), regression_flights(), multiclass_flights(["EWR", "JFK", "LGA"]),
             multiclass_flights(["EWR", "JFK", "LGA", "TEB"]), customers(), never_positive(), *extremes(), *attribution_cases()]
    head = {"made_by": "tools/make_watch_reference.py",
            "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__,
                         "pandas": pandas.__version__, "fairlearn": fairlearn.__version__, "nannyml": nannyml.__version__,
                         "statsmodels": statsmodels.__version__, "duckdb": duckdb.__version__, "xgboost": xgboost.__version__, "shap": shap.__version__}}
    lines = [f'"{key}": {json.dumps(value)}' for key, value in head.items()]
    lines.append('"cases": [\n' + ",\n".join(json.dumps(plain(case), ensure_ascii=False) for case in cases) + "\n]")
    (OUT / "watch.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    for file in ("watch.json", "watch_forest.json"):
        print(f"{file}: {(OUT / file).stat().st_size} bytes")


if __name__ == "__main__":
    main()
