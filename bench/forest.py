"""One row, 64, 1 000 and 100 000 rows on one thread: our engines against XGBoost's in-place C API, in one process, taking turns.

    ./dev bench forest
    ./dev bench forest --engines          every engine on every instruction set too
    ./dev bench forest --xgboost LIB      a second libxgboost.so beside Debian's, of a newer version, say

Every answer is first compared with XGBoost's, bit for bit. The goals are ratios of design/forest.md."""

import measuring
from measuring import Finished, program

FORESTS = {
    "100 trees, depth 6, 28 features": {"trees": 100, "depth": 6, "features": 28},
    "500 trees, depth 8, 50 features": {"trees": 500, "depth": 8, "features": 50},
    "1000 trees, depth 6, 100 features, 10 % missing": {"trees": 1000, "depth": 6, "features": 100, "missing": 0.1},
    "300 trees of 31 leaves, 40 features, 5 % missing": {"trees": 300, "depth": 0, "leaves": 31, "features": 40, "missing": 0.05},
}
GOALS = {1: 30, 64: 15, 1000: 40}                     # × XGBoost, on the first three
REQUIRED = {1: (33, 23, 31), 64: (12, 10, 32), 1000: (34, 38, 53), 100000: (36, 37, 74)}   # what the prototype reached elsewhere


def main() -> None:
    def add(parser):
        parser.add_argument("--engines", action="store_true")
        parser.add_argument("--xgboost", default="")
        parser.add_argument("--rows", default="1,64,1000,100000")
    chosen = measuring.options(__doc__, 5, add)
    measuring.build(chosen, "forest_bench")
    here = measuring.begin()
    only = "" if chosen.engines else "xgboost,xgboost_newer,tidemill,tidemill_two_threads"
    numbers, rows, verdicts = {}, [], []
    for place, (name, shape) in enumerate(FORESTS.items()):
        words = [word for key, value in shape.items() for word in (f"--{key}", value)]
        words += ["--rounds", chosen.rounds, "--rows", chosen.rows] + (["--only", only] if only else [])
        words += ["--xgboost", chosen.xgboost] if chosen.xgboost else []
        said = Finished([program("forest_bench"), *words]).json()
        rows.append((name, f"{said['nodes']:,} nodes", ""))
        numbers[name] = {}
        for of in sorted(said["results"], key=lambda result: (result["rows"], measuring.middle(result["ns"]))):
            reference = next(r for r in said["results"] if r["rows"] == of["rows"] and r["contender"] == "xgboost")
            ratio = measuring.middle(reference["ns"]) / measuring.middle(of["ns"])
            numbers[name][f"{of['contender']}, {of['rows']} rows"] = {**measuring.summary(of["ns"]), "times_xgboost": ratio}
            rows.append((f"  {of['rows']:>6} rows  {of['contender']}", measuring.with_spread(of["ns"], "ns"), f"{ratio:.1f} ×"))
            if of["contender"] == "tidemill" and place < 3:
                if of["rows"] in REQUIRED:
                    verdicts.append((f"{name}, {of['rows']} rows: ≥ {REQUIRED[of['rows']][place]} × (the prototype's)", f"{ratio:.1f} ×", ratio >= REQUIRED[of["rows"]][place]))
                if of["rows"] in GOALS:
                    verdicts.append((f"{name}, {of['rows']} rows: ≥ {GOALS[of['rows']]} × (goal)", f"{ratio:.1f} ×", ratio >= GOALS[of["rows"]]))
    measuring.finish(chosen, "forest", here, numbers, rows, verdicts)


if __name__ == "__main__":
    main()
