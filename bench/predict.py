"""`tidemill predict` from Parquet to Parquet against the engine alone on the same rows in memory, and against DuckDB alone copying the
same columns.

    ./dev bench predict
    ./dev bench predict --rows 500000 --threads 1

All contenders take turns, each in a fresh process on the same number of threads. Reading, writing and compressing Parquet is work of
the processor as well, and for a small forest it is most of it: so two ratios of rows a second are printed, that of the whole command to the bare engine, and
that of what the command adds to DuckDB's copy. Before, every score is held against the engine's bit for bit."""
import os

import measuring
from measuring import Finished, program

FORESTS = {"100 trees, depth 6, 28 features": ("--trees", 100, "--depth", 6, "--features", 28),
           "500 trees, depth 8, 28 features": ("--trees", 500, "--depth", 8, "--features", 28)}
FEATURES = 28
GOAL = 0.8     # of the bare engine's rows a second, where the processor is the limit
PROJECT = """name: bench
sources: {rows: {path: rows.parquet}}
"""


def main() -> None:
    def add(parser):
        parser.add_argument("--rows", type=int, default=3_000_000)
        parser.add_argument("--threads", type=int, default=os.cpu_count())
        parser.add_argument("--forest", type=int, default=0, help=f"1 to {len(FORESTS)}; 0: all")
    chosen = measuring.options(__doc__, 5, add)
    measuring.build(chosen, "tidemill", "forest_bench", "predict_bench")
    how = {"env": {**measuring.clean_environment(), "TIDEMILL_THREADS": str(chosen.threads)}}
    numbers, rows, verdicts = {"rows": chosen.rows, "threads": chosen.threads}, [], []
    with measuring.Scratch() as scratch:
        table, scored, copied = scratch / "rows.parquet", scratch / "scored.parquet", scratch / "copied.parquet"
        Finished([program("predict_bench"), "make", table, chosen.rows, FEATURES], **how)
        (scratch / "tidemill.yaml").write_text(PROJECT)
        here = measuring.begin()
        for place, (name, shape) in enumerate(FORESTS.items()):
            if chosen.forest not in (0, place + 1):
                continue
            model = scratch / f"model{place}.json"
            Finished([program("forest_bench"), "train", *shape, "--model", model], **how)
            Finished([program("tidemill"), "models", "import", f"forest{place}", model, "--alias", "champion"], cwd=scratch, **how)

            def tidemill():
                done = Finished([program("tidemill"), "predict", f"forest{place}", "-i", table, "-o", scored], cwd=scratch, **how)
                return {"ms": done.seconds * 1000, "cpu_ms": done.cpu_seconds * 1000, "peak_mb": done.peak_mb}

            def copy():
                done = Finished([program("predict_bench"), "copy", table, copied, chosen.threads], **how)
                return {"ms": done.seconds * 1000, "cpu_ms": done.cpu_seconds * 1000, "peak_mb": done.peak_mb}

            def bare():
                return Finished([program("predict_bench"), "bare", table, model, chosen.threads], **how).json()

            tidemill()
            Finished([program("predict_bench"), "verify", scored, model], **how)
            seen = measuring.interleave({"tidemill predict": tidemill, "DuckDB's copy": copy, "bare engine": bare}, chosen.rounds, warm_ups=0)
            middle = {who: measuring.middle(of["ms"]) for who, of in seen.items()}
            numbers[name] = {who: {key: measuring.summary(values) for key, values in of.items()} for who, of in seen.items()}
            rows.append((f"{name}: {chosen.rows:,} rows, {chosen.threads} threads", "median (middle half)", ""))
            for who, of in seen.items():
                rate = f"{chosen.rows / middle[who] / 1000:.2f} million rows a second"
                rows.append((f"  {who}", measuring.with_spread(of["ms"]), rate + (f", processor {measuring.text(measuring.middle(of['cpu_ms']))}" if "cpu_ms" in of else "")))
            whole = middle["bare engine"] / middle["tidemill predict"]
            added = middle["tidemill predict"] - middle["DuckDB's copy"]
            net = middle["bare engine"] / added if added > 0 else float("inf")
            numbers[name] |= {"whole": whole, "net": net}
            verdicts.append((f"{name}: ≥ {GOAL} of the bare engine's rows a second, Parquet and all", f"{whole:.2f}", whole >= GOAL))
            verdicts.append((f"{name}: ≥ {GOAL} of them by what predicting adds to DuckDB's copy ({measuring.text(added)})", f"{net:.2f}", net >= GOAL))
    measuring.finish(chosen, "predict", here, numbers, rows, verdicts)


if __name__ == "__main__":
    main()
