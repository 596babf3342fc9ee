#!/usr/bin/env python3
"""Writes src/monitoring/testdata/watch.json: what numpy, scipy, scikit-learn, fairlearn, nannyml and statsmodels say of the real flights of
February 2013 against those of January, as the monitors are to find it in the prediction log.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 pandas==3.1.1 fairlearn==0.15.0 nannyml==0.13.1 statsmodels==0.15.0 duckdb==1.5.5
    python3 tools/make_watch_reference.py

The rows are those of examples/flights; the score is a formula, so that nothing has to be trained: the logistic of the departure's delay.
nannyml rounds running sums to 5 decimals, so scores have 5 decimals here and that rounding changes nothing.
"""
import json
import pathlib

import duckdb
import fairlearn.metrics as fair
import numpy as np
from nannyml.performance_estimation.confidence_based import metrics as cbpe
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn import metrics
from statsmodels.stats.multitest import multipletests

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "src/monitoring/testdata/watch.json"
NUMBERS = ["distance", "sched_dep_time", "dep_delay"]
LEVELS = ["carrier", "origin"]
MAX_BINS = 20


def month(number: int) -> dict:
    """Columns by name, NaN or None where there is nothing. The statement stands in watch_agreement_test.cpp, too."""
    rows = duckdb.sql(f"""SELECT distance::DOUBLE distance, sched_dep_time::DOUBLE sched_dep_time, dep_delay::DOUBLE dep_delay, carrier, origin,
        round(1 / (1 + exp((20 - coalesce(dep_delay, 0)) / 15)), 5) AS score, CASE WHEN arr_delay IS NULL THEN NULL ELSE (arr_delay > 15)::INT END AS late
        FROM '{ROOT}/examples/flights/data/flights/2013-{number:02}.parquet'""").fetchnumpy()
    return {name: np.ma.filled(column.astype(float), np.nan) if name not in LEVELS else column for name, column in rows.items()}


def number_counts(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    present = values[~np.isnan(values)]
    inside = present[(present >= edges[0]) & (present <= edges[-1])]
    return np.concatenate([[np.isnan(values).sum(), (present < edges[0]).sum()], np.histogram(inside, edges)[0], [(present > edges[-1]).sum()]])


def psi(p: np.ndarray, q: np.ndarray) -> float:
    p, q = ((c + 0.5) / (c.sum() + 0.5 * len(c)) for c in (p, q))
    return float(((q - p) * np.log(q / p)).sum())


def distances(p: np.ndarray, q: np.ndarray) -> tuple[dict, float]:
    both = np.stack([p, q])[:, (p + q) > 0]
    chi2 = stats.chi2_contingency(both, correction=False)
    return {"psi": psi(p, q), "js": jensenshannon(p, q, base=2), "chi2": np.sqrt(chi2.statistic / both.sum()),
            "linf": np.abs(p / p.sum() - q / q.sum()).max()}, chi2.pvalue


def of_numbers(reference: np.ndarray, current: np.ndarray) -> tuple[dict, float]:
    finite = reference[~np.isnan(reference)]
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, MAX_BINS + 1)))
    p, q = number_counts(edges, reference), number_counts(edges, current)
    found, p_value = distances(p, q)
    middles = np.concatenate([[edges[0]], (edges[1:] + edges[:-1]) / 2, [edges[-1]]])
    places = [np.repeat(np.arange(len(c) - 1), c[1:].astype(int)) for c in (p, q)]
    found["ks"] = stats.ks_2samp(*places).statistic
    found["wasserstein"] = stats.wasserstein_distance(middles, middles, p[1:], q[1:]) / finite.std(ddof=1)
    return found, p_value


def of_levels(reference: np.ndarray, current: np.ndarray) -> tuple[dict, float]:
    names, counts = np.unique(reference, return_counts=True)
    levels = names[np.lexsort((names, -counts))]
    p, q = (np.concatenate([[0], [(column == level).sum() for level in levels], [(~np.isin(column, levels)).sum()]]) for column in (reference, current))
    return distances(p, q)


def main() -> None:
    january, february = month(1), month(2)
    drift, p_values = {}, []
    for name in [*NUMBERS, *LEVELS]:
        drift[name], p_value = (of_levels if name in LEVELS else of_numbers)(january[name], february[name])
        p_values.append(p_value)
    known = ~np.isnan(february["late"])
    label, score, origin = february["late"][known].astype(int), february["score"][known], february["origin"][known]
    decided, all_decided = (score >= 0.5).astype(int), (february["score"] >= 0.5).astype(int)
    found = {
        "made_by": "tools/make_watch_reference.py", "rows": len(february["score"]), "labelled": int(known.sum()),
        "drift": drift, "p_values": dict(zip([*NUMBERS, *LEVELS], multipletests(p_values, method="fdr_bh")[1].tolist(), strict=True)),
        "missing": {name: max(0, np.isnan(february[name]).mean() - np.isnan(january[name]).mean()) for name in NUMBERS},
        "out_of_range": {name: float(np.mean((february[name] < np.nanmin(january[name])) | (february[name] > np.nanmax(january[name])))) for name in NUMBERS},
        "metric": {"roc_auc": metrics.roc_auc_score(label, score), "pr_auc": metrics.average_precision_score(label, score),
                   "brier": metrics.brier_score_loss(label, score), "log_loss": metrics.log_loss(label, score), "f1": metrics.f1_score(label, decided)},
        "roc_auc_of_origin": {name: metrics.roc_auc_score(label[origin == name], score[origin == name]) for name in np.unique(origin)},
        "estimated": {"roc_auc": cbpe.estimate_roc_auc(february["score"], february["score"]),
                      "f1": cbpe.estimate_f1(all_decided, february["score"])},
        "fairness": {"demographic_parity": fair.demographic_parity_ratio(all_decided, all_decided, sensitive_features=february["origin"]),
                     "equal_opportunity": fair.equal_opportunity_ratio(label, decided, sensitive_features=origin),
                     "equalised_odds": fair.equalized_odds_ratio(label, decided, sensitive_features=origin)},
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1, default=float) + "\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
