"""Drift as it is measured from the values themselves: drift_of_values.py FOLDER COLUMNS TOOL, where FOLDER is drift_bench's. Reading the
files is timed apart. TOOL is scipy (ks_2samp and wasserstein_distance of each column) or evidently (its preset, which picks a test by itself).
Prints one JSON object."""
import json
import sys
import time

import duckdb

folder, columns, tool = sys.argv[1], int(sys.argv[2]), sys.argv[3]
names = ["score", *(f"x{c}" for c in range(columns))]


def read(path: str):
    return duckdb.sql(f"SELECT {', '.join(names)} FROM '{path}'")


def scipy_s(reference: dict, current: dict) -> int:
    from scipy import stats
    for name in names:
        stats.ks_2samp(reference[name], current[name])
        stats.wasserstein_distance(reference[name], current[name])
    return len(names)


def evidently_s(reference, current) -> int:
    from evidently import Report
    from evidently.presets import DataDriftPreset
    Report([DataDriftPreset()]).run(reference_data=reference, current_data=current)
    return len(names)


begun = time.perf_counter()
paths = f"{folder}/reference.parquet", f"{folder}/predictions/late/*.parquet"
loaded = [read(path).fetchnumpy() if tool == "scipy" else read(path).df() for path in paths]
read_ms = (time.perf_counter() - begun) * 1000
(scipy_s if tool == "scipy" else evidently_s)(*([part[:1000] for part in loaded] if tool != "scipy" else [{n: v[:1000] for n, v in part.items()} for part in loaded]))
begun = time.perf_counter()
done = (scipy_s if tool == "scipy" else evidently_s)(*loaded)
print(json.dumps({"findings": done, "read_ms": read_ms, "ms": (time.perf_counter() - begun) * 1000}))
