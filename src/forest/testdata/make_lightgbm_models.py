"""Small models of LightGBM and what it predicts with them, in full precision. $(tools/setup_python boosters)/bin/python
make_lightgbm_models.py; the files lie beside this one. lightgbm_test.cpp holds read_lightgbm against them."""
import json
import pathlib

import lightgbm
import numpy

HERE = pathlib.Path(__file__).parent
NAMES = ["plain", "many_codes", "zeros", "few codes"]
CASES = {  # parameters, classes of the label (0: a number)
    "root": ({"objective": "regression", "reg_sqrt": True}, 0),
    "sigmoid": ({"objective": "binary", "sigmoid": 0.7, "max_cat_to_onehot": 1}, 2),
    "softmax": ({"objective": "multiclass", "num_class": 3}, 3),
    "one_against_all": ({"objective": "multiclassova", "num_class": 3, "sigmoid": 1.5}, 3),
    "tweedie": ({"objective": "tweedie", "zero_as_missing": True}, 0),
    "entropy": ({"objective": "cross_entropy_lambda", "use_missing": False}, 2),
    "drop": ({"objective": "regression_l1", "boosting": "dart", "drop_rate": 0.5}, 0),
    "forest": ({"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}, 2),
}


def rows(random, count):
    x = random.normal(size=(count, len(NAMES)))
    x[:, 1] = random.integers(0, 70, count)
    x[:, 2] *= random.random(count) < 0.4
    x[:, 3] = random.integers(0, 4, count)
    x[random.random(x.shape) < 0.1] = numpy.nan
    return x


def odd_rows(random, count, model):
    """Values at and around thresholds, and those that no trainer saw."""
    x = rows(random, count)
    cuts = [float(t) for line in model.splitlines() if line.startswith("threshold=") for t in line[10:].split()]
    odd = [0.0, -0.0, 1e-35, -1e-35, float(numpy.float32(1e-35)), -float(numpy.float32(1e-35)), 1e-36, 5e-324, numpy.inf, -numpy.inf, 1e300,
           1.1e300, -1e300, numpy.nan, -0.5, -1.0, -7.0, 0.99, 3.7, 71.0, 1e6, 16777216.0, 3e9, 1e18]
    for at in numpy.argwhere(random.random(x.shape) < 0.5):
        pick = random.integers(0, 5)
        cut = cuts[random.integers(0, len(cuts))]
        x[tuple(at)] = [odd[random.integers(0, len(odd))], cut, numpy.nextafter(cut, numpy.inf), numpy.nextafter(cut, -numpy.inf), cut][pick]
    return x


def numbers(array):
    return [None if numpy.isnan(v) else repr(float(v)) if numpy.isinf(v) else float(v) for v in numpy.asarray(array).ravel()]


def main():
    random = numpy.random.default_rng(7)
    for name, (parameters, classes) in CASES.items():
        x = rows(random, 500)
        signal = numpy.abs(numpy.nan_to_num(x[:, 0]) + 0.03 * numpy.nan_to_num(x[:, 1]) + (x[:, 2] == 0) - 0.3 * (x[:, 3] == 2))
        y = signal if classes == 0 else numpy.minimum(signal * classes / 3, classes - 1).astype(int)
        data = lightgbm.Dataset(x, y, feature_name=NAMES, categorical_feature=[1, 3])
        booster = lightgbm.train({**parameters, "num_leaves": 7, "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1,
                                  "num_threads": 1, "verbosity": -1, "seed": 3, "deterministic": True}, data, 3)
        model = booster.model_to_string()
        # What trained it is of no use here.
        model = model[:model.index("\nparameters:")] + "\npandas_categorical:null\n"
        (HERE / f"lightgbm_{name}.txt").write_text(model)
        asked = odd_rows(random, 60, model)
        expected = {
            "lightgbm": lightgbm.__version__,
            "rows": numbers(asked),
            "margins": numbers(booster.predict(asked, raw_score=True)),
            "predictions": numbers(booster.predict(asked)),
            "contributions": numbers(booster.predict(asked, pred_contrib=True)),
        }
        (HERE / f"lightgbm_{name}.expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
