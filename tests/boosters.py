"""Trains many small models of many shapes with LightGBM and XGBoost, and holds forest_predict, which runs every engine, against what their
own packages predict with them, bit for bit: margins and predictions. $(tools/setup_python boosters)/bin/python tests/boosters.py
[--models N] [--seed N] [--keep FOLDER]; forest_predict must be on the PATH. Exit code 1 when one differs."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import lightgbm
import numpy
import xgboost

SPECIAL = [0.0, -0.0, 1e-35, -1e-35, float(numpy.float32(1e-35)), -float(numpy.float32(1e-35)), 1e-36, 1e-45, 5e-324, 1e300, 1.1e300, -1e300,
           numpy.nan, -0.5, -1.0, -7.0, 0.99, 3.7, 71.0, 1e6, 16777215.0, 16777216.0, 3e9, 1e18]


class Shape:
    """What the data looks like; drawn, as all else, from the model's own seed."""

    def __init__(self, random):
        self.features = int(random.choice([1, 3, 6, 12, 40, 130, 260], p=[.08, .2, .3, .2, .1, .08, .04]))
        self.categorical = [bool(random.random() < .3) for _ in range(self.features)] if random.random() < .5 else [False] * self.features
        self.codes = [int(random.choice([2, 4, 30, 300])) for _ in range(self.features)]
        self.missing = float(random.choice([0, .1, .8], p=[.3, .5, .2]))
        self.zeros = float(random.choice([0, .5], p=[.6, .4]))
        self.ties = random.random() < .3

    def rows(self, random, count):
        x = random.normal(size=(count, self.features)) * (1 if random.random() < .8 else 1e6)
        if self.ties:
            x = numpy.round(x)
        for f in range(self.features):
            if self.categorical[f]:
                x[:, f] = random.integers(0, self.codes[f], count)
        x[random.random(x.shape) < self.zeros * .5] = 0
        x[random.random(x.shape) < self.missing] = numpy.nan
        return x

    def labels(self, random, x, kind, classes):
        signal = numpy.nan_to_num(x[:, 0] / (numpy.nanstd(x[:, 0]) + 1e-9)) + (numpy.isnan(x).sum(1) % 3) * .4
        for f in range(1, min(self.features, 5)):
            column = numpy.nan_to_num(x[:, f], nan=.3)
            signal = signal + numpy.sin(column * (f + 1)) * .7
        signal = signal + random.normal(size=len(x)) * .3
        if kind == "classes":
            return numpy.clip(numpy.digitize(signal, numpy.quantile(signal, [i / classes for i in range(1, classes)])), 0, classes - 1)
        if kind == "positive":
            return numpy.exp(numpy.clip(signal * .5, -3, 3))
        if kind == "share":
            return 1 / (1 + numpy.exp(-signal))
        return signal


def asked_rows(random, shape, cuts):
    """New rows; then half of the values are cuts, their neighbours, or what no trainer saw."""
    x = shape.rows(random, 150)
    for at in numpy.argwhere(random.random(x.shape) < .5):
        cut = cuts[random.integers(0, len(cuts))] if cuts else 0.0
        pick = random.integers(0, 4)
        x[tuple(at)] = [SPECIAL[random.integers(0, len(SPECIAL))], cut, numpy.nextafter(cut, numpy.inf), numpy.nextafter(cut, -numpy.inf)][pick]
    return numpy.concatenate([shape.rows(random, 50), x])


def with_infinities(random, x):
    x = x[:60].copy()
    x[random.random(x.shape) < .3] = numpy.inf
    x[random.random(x.shape) < .2] = -numpy.inf
    return x


def of_lightgbm(random, folder):
    shape = Shape(random)
    objective, kind = [("regression", "number"), ("regression_l1", "number"), ("huber", "number"), ("fair", "number"), ("quantile", "number"),
                       ("mape", "positive"), ("poisson", "positive"), ("gamma", "positive"), ("tweedie", "positive"), ("binary", "classes"),
                       ("binary", "classes"), ("multiclass", "classes"), ("multiclassova", "classes"), ("cross_entropy", "share"),
                       ("cross_entropy_lambda", "share"), ("lambdarank", "classes"), ("rank_xendcg", "classes"), ("custom", "number")][random.integers(0, 18)]
    classes = int(random.integers(3, 6)) if "multiclass" in objective else 2
    rows = 600
    x = shape.rows(random, rows)
    y = shape.labels(random, x, kind, classes)
    parameters = {
        "objective": objective, "verbosity": -1, "num_threads": 1, "seed": int(random.integers(1, 1000)), "deterministic": True,
        "num_leaves": int(random.choice([2, 7, 31, 127, 400])), "max_depth": int(random.choice([-1, 1, 4, 8, 16])),
        "min_data_in_leaf": int(random.choice([1, 5, 20])), "max_bin": int(random.choice([15, 255, 1000])), "min_data_in_bin": 1,
        "zero_as_missing": bool(random.random() < .2), "use_missing": bool(random.random() < .85), "extra_trees": bool(random.random() < .2),
        "max_cat_to_onehot": int(random.choice([1, 4, 100])), "min_data_per_group": 1, "cat_smooth": 1.0, "cat_l2": 1.0,
        "boost_from_average": bool(random.random() < .8), "learning_rate": float(random.choice([.05, .3])),
        "boosting": str(random.choice(["gbdt", "dart", "rf"], p=[.6, .2, .2])), "feature_pre_filter": False,
    }
    if parameters["boosting"] == "rf":
        parameters.update(bagging_freq=1, bagging_fraction=.6)
    if objective in ("regression", "regression_l1", "mape"):
        parameters["reg_sqrt"] = bool(random.random() < .4)
    if objective in ("binary", "multiclassova"):
        parameters["sigmoid"] = float(random.choice([1, .7, 2.5]))
    if classes > 2:
        parameters["num_class"] = classes
    if objective == "custom":
        parameters["objective"] = lambda prediction, data: (prediction - data.get_label(), numpy.ones_like(prediction))
        parameters["boosting"] = "gbdt"
    if random.random() < .15 and not any(shape.categorical) and objective not in ("regression_l1", "quantile", "mape"):
        parameters["monotone_constraints"] = [int(c) for c in random.integers(-1, 2, shape.features)]
    group = [30] * (rows // 30) if "rank" in objective else None
    data = lightgbm.Dataset(x, y, group=group, categorical_feature=[f for f in range(shape.features) if shape.categorical[f]])
    booster = lightgbm.train(parameters, data, int(random.choice([1, 10, 40])))
    model = booster.model_to_string()
    (folder / "model").write_text(model)
    cuts = [float(t) for line in model.splitlines() if line.startswith("threshold=") for t in line[10:].split()]
    asked = asked_rows(random, shape, cuts)
    asked = numpy.concatenate([asked, with_infinities(random, asked)])
    shown = {k: v for k, v in parameters.items() if not callable(v)}
    return f"lightgbm {shape.features} features {shown}", asked, booster.predict(asked, raw_score=True), booster.predict(asked)


def of_xgboost(random, folder):
    shape = Shape(random)
    objective, kind = [("reg:squarederror", "number"), ("reg:squaredlogerror", "positive"), ("reg:pseudohubererror", "number"),
                       ("reg:absoluteerror", "number"), ("reg:quantileerror", "number"), ("reg:logistic", "share"), ("binary:logistic", "classes"),
                       ("binary:logitraw", "classes"), ("binary:hinge", "classes"), ("multi:softprob", "classes"), ("count:poisson", "positive"),
                       ("reg:gamma", "positive"), ("reg:tweedie", "positive"), ("rank:pairwise", "classes"), ("rank:ndcg", "classes"),
                       ("rank:map", "classes"), ("survival:cox", "positive"), ("survival:aft", "positive"), ("targets", "number")][random.integers(0, 19)]
    classes = int(random.integers(3, 6)) if objective == "multi:softprob" else 2
    rows = 600
    x = shape.rows(random, rows).astype(numpy.float32)
    y = shape.labels(random, x.astype(float), kind, classes)
    method = str(random.choice(["hist", "approx", "exact"], p=[.6, .2, .2]))
    types = ["c" if c else "q" for c in shape.categorical]
    if method == "exact" or objective == "survival:aft" and random.random() < .5:
        types = ["q"] * shape.features
    parameters = {
        "objective": objective, "nthread": 1, "verbosity": 0, "seed": int(random.integers(1, 1000)), "tree_method": method,
        "max_depth": int(random.choice([1, 3, 6, 10, 16])), "eta": float(random.choice([.1, .5])), "min_child_weight": float(random.choice([0, 1])),
        "subsample": float(random.choice([1, .7])), "max_cat_to_onehot": int(random.choice([1, 4, 100])),
    }
    if method != "exact":
        parameters["max_bin"] = int(random.choice([16, 256, 1000]))
        if random.random() < .3:
            parameters.update(grow_policy="lossguide", max_depth=0, max_leaves=int(random.choice([20, 300])))
    dart = random.random() < .2
    if dart:
        parameters.update(booster="dart", rate_drop=.4)
    if random.random() < .15:
        parameters["num_parallel_tree"] = 3
    if random.random() < .15 and not any(t == "c" for t in types):
        parameters["monotone_constraints"] = "(" + ",".join(str(c) for c in random.integers(-1, 2, shape.features)) + ")"
    if objective == "targets":
        parameters["objective"] = "reg:squarederror"
        y = numpy.stack([y, -y * y, y + 1], axis=1)
    if objective == "reg:quantileerror":
        parameters["quantile_alpha"] = [.2, .5, .9] if random.random() < .5 else .7
    if classes > 2:
        parameters["num_class"] = classes
    if random.random() < .3 and objective in ("reg:squarederror", "binary:logistic", "count:poisson"):
        parameters["base_score"] = .3
    data = xgboost.DMatrix(x, None if objective == "survival:aft" else y, feature_types=types, enable_categorical=True)
    if objective == "survival:aft":
        data.set_float_info("label_lower_bound", y)
        data.set_float_info("label_upper_bound", y * 1.5)
    if objective.startswith("rank:"):
        data.set_group([30] * (rows // 30))
    booster = xgboost.train(parameters, data, int(random.choice([1, 8, 30])))
    form = str(random.choice(["json", "ubj"]))
    (folder / "model").write_bytes(booster.save_raw(form))
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    trees = trees.get("gbtree", trees)["model"]["trees"]
    cuts = [float(c) for t in trees for c in t["split_conditions"]]
    with numpy.errstate(over="ignore"):
        asked = asked_rows(random, shape, cuts).astype(numpy.float32)
    asked[numpy.isinf(asked)] = 0  # a matrix refuses them
    matrix = xgboost.DMatrix(asked, feature_types=types, enable_categorical=True)
    margins, predictions = booster.predict(matrix, output_margin=True), booster.predict(matrix)
    if not dart:  # whose sums round otherwise there
        more = with_infinities(random, asked)
        margins = numpy.concatenate([margins, booster.inplace_predict(more, predict_type="margin")])
        predictions = numpy.concatenate([predictions, booster.inplace_predict(more)])
        asked = numpy.concatenate([asked, more])
    return f"xgboost {shape.features} features {parameters} {form}", asked, margins, predictions


def differs(folder, asked, margins, predictions):
    asked.astype("<f8").tofile(folder / "rows")
    done = subprocess.run(["forest_predict", *(str(folder / name) for name in ("model", "rows", "margins", "predictions"))], capture_output=True, text=True)
    if done.returncode != 0:
        return (done.stdout + done.stderr).strip() or f"exit code {done.returncode}", ""
    for name, expected in (("margins", margins), ("predictions", predictions)):
        seen = numpy.fromfile(folder / name, "<f8")
        bits = numpy.asarray(expected).astype("<f8").ravel()
        if len(seen) != len(bits):
            return f"{len(seen)} {name} instead of {len(bits)}", ""
        wrong = numpy.flatnonzero(seen.view("<u8") != bits.view("<u8"))
        if len(wrong):
            at = wrong[0]
            return f"{len(wrong)} of {len(bits)} {name} differ: value {at} is {seen[at]!r} instead of {bits[at]!r}", ""
    return "", done.stdout.split(":")[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="where the last model that differs is left")
    options = parser.parse_args()
    agree, took, refused = {"lightgbm": 0, "xgboost": 0}, {}, 0
    with tempfile.TemporaryDirectory() as root:
        for number in range(options.models):
            random = numpy.random.default_rng([options.seed, number])
            folder = options.keep or pathlib.Path(root)
            folder.mkdir(exist_ok=True)
            trainer = "lightgbm" if number % 2 else "xgboost"
            try:
                what, *rest = (of_lightgbm if number % 2 else of_xgboost)(random, folder)
            except (lightgbm.basic.LightGBMError, xgboost.core.XGBoostError) as error:
                refused += 1
                print(f"not trained: model {number}: {trainer}: {str(error).splitlines()[0]}", file=sys.stderr)
                continue
            problem, engines = differs(folder, *rest)
            if problem:
                print(f"model {number} of seed {options.seed}: {what}: {problem}", file=sys.stderr)
                if options.keep:
                    break
                continue
            agree[trainer] += 1
            for engine in engines.split():
                took[engine] = took.get(engine, 0) + 1
    total = options.models - refused
    print(f"lightgbm {lightgbm.__version__}: {agree['lightgbm']} models agree; xgboost {xgboost.__version__}: {agree['xgboost']} models agree; "
          f"{total - sum(agree.values())} differ")
    print("also predicted by " + ", ".join(f"{engine} {count}" for engine, count in sorted(took.items())), file=sys.stderr)
    # A trainer that refuses much would leave little to compare.
    return 1 if sum(agree.values()) < total or refused > options.models // 10 else 0


if __name__ == "__main__":
    sys.exit(main())
