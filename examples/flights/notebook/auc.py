"""What the model of tidemill.yaml is worth on flights it has not seen, and what wrong ways to measure it would claim.

    python3 notebook/auc.py

Same features, same parameters, same number of rows to train, stop and test on; only the named thing differs.
"""
import re

import numpy as np
import xgboost
from sklearn.metrics import roc_auc_score

import tables

MODEL = tables.PROJECT["models"]["late"]
TRAIN = MODEL["train"]
DAY = np.timedelta64(1, "D")


def days(text: str) -> np.timedelta64:
    return int(re.fullmatch(r"(\d+)d", text)[1]) * DAY


def load(extra: str = "") -> dict:
    """Columns of features by name, sorted by key, without cancelled flights."""
    db = tables.connect()
    tables.transform(db)
    return db.execute(f"""SELECT features.* REPLACE (epoch_us(features.scheduled_at) AS scheduled_at) {extra}
                          FROM features JOIN flights USING (flight_id)
                          WHERE {MODEL['where']} ORDER BY flight_id""").fetchnumpy()


def parts_by_time(at: np.ndarray, split: dict) -> tuple:
    """Test and validation are the newest spans, a gap before each."""
    gap, end = days(split["gap"]), at.max()
    test_from = end - days(split["test"])
    valid_to = test_from - gap
    valid_from = valid_to - days(split["validation"])
    return at <= valid_from - gap, (at > valid_from) & (at <= valid_to), at > test_from


def parts_at_random(sizes: list[int], rows: int) -> tuple:
    side = np.full(rows, -1)
    order, start = np.random.default_rng(TRAIN["seed"]).permutation(rows), 0
    for number, size in enumerate(sizes):
        side[order[start:start + size]] = number
        start += size
    return tuple(side == number for number in range(3))


def matrix(table: dict, columns: list[str], train: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers as they are; text as its place among the levels of the training rows; NULL and unseen levels missing."""
    out, types = np.full((len(train), len(columns)), np.nan, dtype=np.float32), []
    for i, name in enumerate(columns):
        values = table[name]
        missing = np.ma.getmaskarray(values)
        plain = np.asarray(np.ma.getdata(values))
        if plain.dtype == object:
            missing = missing | np.array([v is None for v in plain])
            levels = {v: n for n, v in enumerate(sorted(set(plain[train & ~missing])))}
            out[~missing, i] = [levels.get(v, np.nan) for v in plain[~missing]]
            types.append("c")
        else:
            out[~missing, i] = plain[~missing]
            types.append("q")
    return out, types


def fit(table: dict, columns: list[str], parts: tuple) -> tuple[float, np.ndarray, xgboost.Booster]:
    train, valid, test = parts
    x, types = matrix(table, columns, train)
    y = np.asarray(table["is_late"]).astype(np.float32)
    dtrain, dvalid, dtest = (xgboost.DMatrix(x[p], y[p], feature_names=columns, feature_types=types, enable_categorical=True)
                             for p in (train, valid, test))
    booster = xgboost.train(
        {"objective": "binary:logistic", "tree_method": "hist", "seed": TRAIN["seed"], **TRAIN["params"]},
        dtrain, TRAIN["rounds"], evals=[(dvalid, "validation")], early_stopping_rounds=TRAIN["early_stopping"], verbose_eval=False)
    score = booster.predict(dtest, iteration_range=(0, booster.best_iteration + 1))
    return roc_auc_score(y[test], score), score, booster


def by_day(y: np.ndarray, score: np.ndarray, day: np.ndarray, times: int = 500) -> tuple[float, float]:
    """95 % interval; whole days are drawn, since flights of one day share their weather."""
    rng, names = np.random.default_rng(TRAIN["seed"]), np.unique(day)
    rows = {name: np.flatnonzero(day == name) for name in names}
    drawn = []
    for _ in range(times):
        pick = np.concatenate([rows[name] for name in rng.choice(names, len(names))])
        drawn.append(roc_auc_score(y[pick], score[pick]))
    return tuple(np.quantile(drawn, [0.025, 0.975]))


def main() -> None:
    table = load(", flights.dep_delay AS leaked_dep_delay")
    at = np.asarray(table["scheduled_at"]).astype("datetime64[us]")
    left_out = {MODEL["key"], MODEL["target"], "leaked_dep_delay", *MODEL["features"]["exclude"]}
    columns = [name for name in table if name not in left_out]
    y = np.asarray(table["is_late"])
    honest = parts_by_time(at, MODEL["split"])
    sizes = [int(part.sum()) for part in honest]
    for name, part in zip(("train", "validation", "test"), honest):
        print(f"{name:10} {part.sum():7} flights, {at[part].min()} to {at[part].max()} UTC, {y[part].mean():.1%} late")

    auc, score, booster = fit(table, columns, honest)
    low, high = by_day(y[honest[2]], score, (at[honest[2]] - np.timedelta64(5, "h")).astype("datetime64[D]"))
    print(f"honest: time split            {auc:.4f}  [{low:.4f}, {high:.4f}], {booster.best_iteration + 1} trees")
    print(f"naive: the hour of the day    {roc_auc_score(y[honest[2]], np.asarray(table['hour'])[honest[2]]):.4f}")
    print(f"random split                  {fit(table, columns, parts_at_random(sizes, len(at)))[0]:.4f}")
    print(f"time split, dep_delay leaked  {fit(table, columns + ['leaked_dep_delay'], honest)[0]:.4f}")
    gain = booster.get_score(importance_type="total_gain")
    print("gain: " + ", ".join(f"{name} {value / sum(gain.values()):.1%}"
                               for name, value in sorted(gain.items(), key=lambda item: -item[1])[:12]))


if __name__ == "__main__":
    main()
