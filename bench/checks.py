"""Twenty row-wise checks on ten million rows against one bare scan of the same columns, with the peak memory of each.

    ./dev bench checks
    ./dev bench checks --rows 1000000

Each contender is a process of its own. `unique` and `relationships` need more than a scan and are counted apart."""
import os

import measuring
from measuring import Finished, program

CONTENDERS = {"scan": "bare scan of the 12 columns", "by_hand": "the same 20 conditions by hand, one SELECT", "checks": "20 checks",
              "unique": "unique (1 column)", "distinct_by_hand": "count(DISTINCT) of that column by hand",
              "relationships": "relationships (to 1 million keys)"}


def main() -> None:
    chosen = measuring.options(__doc__, 5, lambda parser: parser.add_argument("--rows", type=int, default=10_000_000))
    measuring.build(chosen, "checks_bench")
    how = {"env": measuring.clean_environment()}
    with measuring.Scratch() as scratch:
        table = scratch / "table.parquet"
        Finished([program("checks_bench"), "make", table, chosen.rows], **how)
        size_mb = os.path.getsize(table) / 2**20
        here = measuring.begin()
        seen = measuring.interleave({name: (lambda name=name: Finished([program("checks_bench"), name, table], **how).json()) for name in CONTENDERS}, chosen.rounds)
    numbers = {name: {key: measuring.summary(values) for key, values in of.items()} for name, of in seen.items()}
    numbers["rows"], numbers["table_mb"] = chosen.rows, size_mb
    scan = measuring.middle(seen["scan"]["ms"])
    rows = [(f"{chosen.rows:,} rows, {size_mb:.0f} MB of Parquet", "median (middle half)", "")]
    for name, label in CONTENDERS.items():
        of = seen[name]
        rows.append((label, measuring.with_spread(of["ms"]), f"{measuring.middle(of['ms']) / scan:.2f} × scan, peak {max(of['peak_mb']):.0f} MB"))
    ratio = measuring.middle(seen["checks"]["ms"]) / scan
    verdicts = [("20 row-wise checks cost about one pass (≤ 2 × the bare scan), not twenty", f"{ratio:.2f} ×", ratio <= 2)]
    measuring.finish(chosen, "checks", here, numbers, rows, verdicts)


if __name__ == "__main__":
    main()
