"""One row, 64, 1 000 and 100 000 rows on one thread, and the last two on two: our engines against XGBoost's in-place C API and what
else people predict with, in one process, taking turns.

    ./dev bench forest
    ./dev bench forest --only tl2cgen,ydf     of the competitors only these; `--only none`: XGBoost alone
    ./dev bench forest --forest 1             only the first of the forests
    ./dev bench forest --engines              every engine on every instruction set too

Every answer is first compared: ours with XGBoost's bit for bit, those of others to 0.00001. Who answers otherwise, or cannot be had,
is named and not timed. The goals are ratios of design/forest.md."""

import pathlib

import measuring
from competitors import Competitors
from measuring import Finished, program

FORESTS = {
    "100 trees, depth 6, 28 features": {"trees": 100, "depth": 6, "features": 28},
    "500 trees, depth 8, 50 features": {"trees": 500, "depth": 8, "features": 50},
    "1000 trees, depth 6, 100 features, 10 % missing": {"trees": 1000, "depth": 6, "features": 100, "missing": 0.1},
    "300 trees of 31 leaves, 40 features, 5 % missing": {"trees": 300, "depth": 0, "leaves": 31, "features": 40, "missing": 0.05},
    "LightGBM: 300 trees of 31 leaves, 40 features, 5 % missing": {"trees": 300, "leaves": 31, "features": 40, "missing": 0.05},
}
GOALS = {1: 30, 64: 15, 1000: 40}                     # × XGBoost, on the first three
REQUIRED = {1: (33, 23, 31), 64: (12, 10, 32), 1000: (34, 38, 53), 100000: (36, 37, 74)}   # what the prototype reached elsewhere
COMPILED = {"tl2cgen": {1: 4, 64: 10, 1000: 30}, "lleaves": {1: 4, 64: 10, 1000: 30}}      # × compiled if/else
FASTER_THAN = ("xgboost_newest", "lightgbm", "onnxruntime", "treelite_gtil", "ydf")       # at every number of rows
TWO_THREADS = 1.9
ABOUT = {
    "xgboost": "Debian's 1.7.4, XGBoosterPredictFromDense, in place",
    "xgboost_newest": "the newest package's, likewise",
    "lightgbm": "PredictForMat; for one row PredictForMatSingleRowFast",
    "onnxruntime": "one TreeEnsembleRegressor, its C API",
    "treelite_gtil": "TreeliteGTILPredict",
    "tl2cgen": "its C, gcc -O3 -march=native; a row copied into its form",
    "lleaves": "forest_root; for one row compiled without blocks",
    "ydf": "its own benchmark of its C++ engine, in a process of its own; rows in its own form before the clock starts",
}


def main() -> None:
    def add(parser):
        parser.add_argument("--engines", action="store_true")
        parser.add_argument("--only", default="", help="competitors, separated by commas")
        parser.add_argument("--forest", type=int, default=0, help=f"1 to {len(FORESTS)}; 0: all")
        parser.add_argument("--rows", default="1,64,1000,100000")
    chosen = measuring.options(__doc__, 5, add)
    measuring.build(chosen, "forest_bench")
    competitors = Competitors(chosen.only.split(",") if chosen.only else [])
    here = measuring.begin()
    numbers, rows, verdicts = {"versions": competitors.versions()}, [], []
    with measuring.Scratch() as scratch:
        for place, (name, shape) in enumerate(FORESTS.items()):
            if chosen.forest in (0, place + 1):
                numbers[name] = measured(chosen, competitors, scratch, place, name, shape, rows, verdicts)
    rows += [(f"{name}", "; ".join(filter(None, (numbers["versions"].get(package_of(name)), text))), "") for name, text in ABOUT.items()]
    measuring.finish(chosen, "forest", here, numbers, rows, verdicts)


def package_of(name: str) -> str:
    return {"xgboost_newest": "xgboost-cpu", "treelite_gtil": "treelite"}.get(name, name)


def measured(chosen, competitors: Competitors, scratch: pathlib.Path, place: int, name: str, shape: dict, rows: list, verdicts: list) -> dict:
    lightgbm = name.startswith("LightGBM")
    model = scratch / ("model.txt" if lightgbm else "model.json")
    words = [word for key, value in shape.items() for word in (f"--{key}", value)] + ["--model", model]
    if lightgbm and "boosters" not in competitors.environments:
        rows.append((name, f"not measured: {competitors.failed['boosters']}", ""))
        return {}
    library = ["--lightgbm", competitors.library("boosters", "lightgbm/lib/lib_lightgbm.so")] if lightgbm else []
    Finished([program("forest_bench"), "train", *words, *library])
    found, absent = competitors.of(model)
    said = Finished([program("forest_bench"), "time", *words, "--rounds", chosen.rounds, "--rows", chosen.rows, "--engines", int(chosen.engines),
                     *(word for other, where in found.items() for word in (f"--{other}", where))]).json()
    rows.append((name, f"{said['nodes']:,} nodes", f"× {'lightgbm' if lightgbm else 'xgboost'}"))
    out, ns = {}, {(of["rows"], of["contender"]): of["ns"] for of in said["results"]}
    reference = "lightgbm" if lightgbm else "xgboost"
    for (count, who), values in sorted(ns.items(), key=lambda entry: (entry[0][0], measuring.middle(entry[1]))):
        base = ns.get((count, reference))
        ratio = measuring.middle(base) / measuring.middle(values) if base else None
        out[f"{who}, {count} rows"] = {**measuring.summary(values), f"times_{reference}": ratio}
        rows.append((f"  {count:>6} rows  {who}", measuring.with_spread(values, "ns"), f"{ratio:.1f} ×" if ratio else ""))
    for who, why in {**absent, **said["absent"]}.items():
        rows.append((f"  not timed    {who}", why, ""))
    out["absent"] = {**absent, **said["absent"]}
    verdicts += judged(place, name, ns)
    return out


def judged(place: int, name: str, ns: dict) -> list:
    verdicts = []

    def ratio(count: int, who: str, ours: str = "tidemill"):
        theirs, mine = ns.get((count, who)), ns.get((count, ours))
        return measuring.middle(theirs) / measuring.middle(mine) if theirs and mine else None

    def judge(goal: str, value, least: float, strictly: bool = False) -> None:
        if value is not None:
            verdicts.append((f"{name}, {goal}", f"{value:.2f} ×", value > least if strictly else value >= least))

    for count in sorted({count for count, _ in ns}):
        if place < 3:
            if count in REQUIRED:
                judge(f"{count} rows: ≥ {REQUIRED[count][place]} × xgboost (the prototype's)", ratio(count, "xgboost"), REQUIRED[count][place])
            if count in GOALS:
                judge(f"{count} rows: ≥ {GOALS[count]} × xgboost (goal)", ratio(count, "xgboost"), GOALS[count])
        for who, goals in COMPILED.items():
            if count in goals:
                judge(f"{count} rows: ≥ {goals[count]} × {who}", ratio(count, who), goals[count])
        for who in FASTER_THAN:
            judge(f"{count} rows: faster than {who}", ratio(count, who), 1, strictly=True)
    judge(f"two threads: ≥ {TWO_THREADS} ×", ratio(100_000, "tidemill", "tidemill, 2 threads"), TWO_THREADS)
    return verdicts


if __name__ == "__main__":
    main()
