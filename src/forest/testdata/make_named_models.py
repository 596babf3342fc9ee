"""A model whose file names its categories and notes its best round, as XGBoost saves it since 3.1, and what it predicts. Run with xgboost
3.2.0 and pandas: python3 make_named_models.py; the files lie beside this one. imported_test.cpp and tests/cases hold ours against them."""
import json
import pathlib

import numpy
import pandas
import xgboost

HERE = pathlib.Path(__file__).parent
COLOURS = ["red", "green", "blue", 'dark "grey", matt']
WHEELS = [4, 2, -1, 18]


def frame(random, count):
    rows = pandas.DataFrame({
        "weight": random.normal(size=count).round(3),
        "colour": pandas.Categorical(random.choice(COLOURS, count), categories=COLOURS),
        "wheels": pandas.Categorical(random.choice(WHEELS, count), categories=WHEELS),
    })
    for column in rows:
        rows.loc[random.random(count) < 0.1, column] = None
    return rows


def main():
    random = numpy.random.default_rng(11)
    for name, parameters, parallel in (("named", {"max_cat_to_onehot": 1}, 1), ("named_forest", {"max_cat_to_onehot": 100, "subsample": 0.8}, 2)):
        def matrix(rows):
            signal = rows.weight.fillna(0) + rows.colour.isin(COLOURS[:2]) - rows.wheels.isin([4, 18]) + random.normal(size=len(rows))
            return xgboost.DMatrix(rows, (signal > 0.3).astype(int), enable_categorical=True)
        learned, watched = matrix(frame(random, 400)), matrix(frame(random, 150))
        booster = xgboost.train({**parameters, "objective": "binary:logistic", "max_depth": 3, "eta": 0.5, "nthread": 1, "seed": 3,
                                 "num_parallel_tree": parallel}, learned, 50, evals=[(watched, "watched")], early_stopping_rounds=4, verbose_eval=False)
        fresh = frame(random, 40)
        # Of another order and fewer categories: it is their names that count.
        asked = fresh.assign(colour=pandas.Categorical(fresh.colour, categories=sorted(set(fresh.colour.dropna()))))
        asked = xgboost.DMatrix(asked, enable_categorical=True)
        for form in ("json", "ubj"):
            booster.save_model(HERE / f"{name}.{form}")
        expected = {
            "xgboost": xgboost.__version__,
            "best_round": booster.best_iteration,
            "rounds": booster.num_boosted_rounds(),
            "rows": [[None if pandas.isna(v) else v for v in row] for row in fresh.astype(object).values.tolist()],
            "predictions": booster.predict(asked, iteration_range=(0, booster.best_iteration + 1)).astype(float).tolist(),
            "predictions_of_all_rounds": booster.predict(asked).astype(float).tolist(),
        }
        (HERE / f"{name}.expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n")
        print(name, booster.best_iteration, booster.num_boosted_rounds(), booster.get_dump()[0][:200])


if __name__ == "__main__":
    main()
