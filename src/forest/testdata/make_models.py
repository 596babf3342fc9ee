"""Small models of a newer XGBoost than the one that trains here, and what it predicts with them. Run with xgboost 3.2.0 and numpy:
python3 make_models.py; the files lie beside this one. forest_test.cpp holds read_xgboost against them."""
import json
import pathlib

import numpy
import xgboost

HERE = pathlib.Path(__file__).parent
TYPES = ["q", "c", "q", "c"]
CASES = {
    "binary": ({"objective": "binary:logistic"}, 2),
    "one_hot": ({"objective": "binary:logistic", "max_cat_to_onehot": 100}, 2),
    "classes": ({"objective": "multi:softprob", "num_class": 3}, 3),
    "dart": ({"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.4}, 2),
    "counts": ({"objective": "count:poisson"}, 1),
    "two_targets": ({"objective": "reg:squarederror"}, 0),
}


def rows(random, count):
    x = random.normal(size=(count, len(TYPES))).astype(numpy.float32)
    x[:, 1] = random.integers(0, 12, count)
    x[:, 3] = random.integers(0, 3, count)
    x[random.random(x.shape) < 0.1] = numpy.nan
    return x


def numbers(array):
    return [None if numpy.isnan(v) else float(v) for v in array.astype(numpy.float32).ravel()]


def main():
    random = numpy.random.default_rng(7)
    for name, (parameters, classes) in CASES.items():
        x = rows(random, 300)
        signal = numpy.abs(numpy.nan_to_num(x[:, 0]) + 0.2 * numpy.nan_to_num(x[:, 1]))
        if classes == 0:
            y = numpy.stack([signal, -signal * signal], axis=1)
        else:
            y = signal if classes == 1 else numpy.minimum(signal * classes / 3, classes - 1).astype(int)
        matrix = xgboost.DMatrix(x, y, feature_types=TYPES, enable_categorical=True)
        booster = xgboost.train({**parameters, "max_depth": 3, "nthread": 1}, matrix, 4)
        fresh = rows(random, 25)
        asked = xgboost.DMatrix(fresh, feature_types=TYPES, enable_categorical=True)
        for form in ("json", "ubj"):
            booster.save_model(HERE / f"{name}.{form}")
        expected = {
            "xgboost": xgboost.__version__,
            "rows": numbers(fresh),
            "margins": numbers(booster.predict(asked, output_margin=True)),
            "predictions": numbers(booster.predict(asked)),
            "contributions": numbers(booster.predict(asked, pred_contribs=True)),
        }
        (HERE / f"{name}.expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
