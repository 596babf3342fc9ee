"""Drift of a million logged rows by 20 columns and the score against a stored baseline, from the log's Parquet file to findings, beside what the
field's tools take for the same columns from values that are in memory already, reference and all.

    ./dev bench drift
    ./dev bench drift --rows 200000 --only scipy

Ours is the best of six looks in a process after a first one, which works out the baseline; the others' imports and first calls are not counted, and
neither is their reading of the two files, which is printed apart."""
import os
import subprocess

import measuring
from measuring import Finished, program

GOAL_MS = 250
TOOLS = {"scipy": "reference", "evidently": "evidently"}


def main() -> None:
    def add(parser):
        parser.add_argument("--rows", type=int, default=1_000_000)
        parser.add_argument("--columns", type=int, default=20)
        parser.add_argument("--only", default="scipy,evidently", help="of the other tools; none: ours alone")
    chosen = measuring.options(__doc__, 3, add)
    measuring.build(chosen, "drift_bench")
    environment = measuring.clean_environment()
    remarks, tools = [], {}
    for tool, family in TOOLS.items():
        if tool not in chosen.only.split(","):
            continue
        made = subprocess.run([measuring.ROOT / "tools/setup_python", family], capture_output=True, text=True, check=False)
        if made.returncode == 0:
            tools[tool] = f"{made.stdout.strip()}/bin/python"
        else:
            remarks.append((tool, f"not measured: its environment cannot be set up: {(made.stderr.splitlines() or [''])[-1]}", ""))
    with measuring.Scratch() as folder:
        Finished([program("drift_bench"), "make", folder, chosen.rows, chosen.columns], env=environment)
        here = measuring.begin()

        def ours(statistic: str) -> dict:
            return Finished([program("drift_bench"), "look", folder, os.cpu_count(), statistic], env=environment).json()

        def other(tool: str) -> dict:
            script = measuring.ROOT / "bench/competitors/drift_of_values.py"
            return Finished([tools[tool], script, folder, chosen.columns, tool], env=environment).json()

        contenders = {f"tidemill {statistic}": (lambda s=statistic: ours(s)) for statistic in ("psi", "wasserstein")}
        contenders |= {tool: (lambda t=tool: other(t)) for tool in tools}
        seen = measuring.interleave(contenders, chosen.rounds, warm_ups=0)
    mine = measuring.middle(seen["tidemill psi"]["ms"])
    rows = [(f"drift of {chosen.rows:,} rows, {chosen.columns} columns and the score", "median (middle half)", "")]
    for name, of in seen.items():
        remark = f"first look {measuring.text(measuring.middle(of['first_ms']))}" if "first_ms" in of else \
            f"{measuring.middle(of['ms']) / mine:.0f} × psi's; reading {measuring.text(measuring.middle(of['read_ms']))} besides"
        rows.append((name, measuring.with_spread(of["ms"]), remark))
    numbers = {name: {key: measuring.summary(values) for key, values in of.items()} for name, of in seen.items()}
    measuring.finish(chosen, "drift", here, numbers, rows + remarks,
                     [(f"psi of all columns takes ≤ {GOAL_MS} ms", measuring.text(mine), mine <= GOAL_MS)])


if __name__ == "__main__":
    main()
