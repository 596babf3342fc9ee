"""What the prediction log costs whoever predicts: 20 columns, in one row and in 64, told to the log and told to nobody.

    ./dev bench log

The cost is that of the thread that answers; writing is another thread's. Then what it takes to make Parquet of
a row, in processor time. What is measured is the sink of `tidemill serve` with the real log behind it, on the folder that temporary files are made in."""
import measuring
from measuring import Finished, program

CONTENDERS = {"1 row, 20 numbers": (1, 0), "1 row, 10 numbers and 10 texts": (1, 10), "64 rows, 20 numbers": (64, 0),
              "64 rows, 10 numbers and 10 texts": (64, 10)}
GOAL_US = 2


def main() -> None:
    chosen = measuring.options(__doc__, 5)
    measuring.build(chosen, "log_bench")
    here = measuring.begin()

    def run(rows: int, texts: int) -> dict:
        with measuring.Scratch() as home:
            return Finished([program("log_bench"), home, rows, texts, "interval"], env=measuring.clean_environment()).json()

    seen = measuring.interleave({name: (lambda of=of: run(*of)) for name, of in CONTENDERS.items()}, chosen.rounds)
    rows = [("a prediction's log", "median (middle half)", "")]
    for name, of in seen.items():
        on, off = measuring.middle(of["on_us"]), measuring.middle(of["off_us"])
        rows.append((name, measuring.with_spread(of["on_us"], "µs"), f"told to nobody: {measuring.text(off, 'µs')}, {(on - off) / CONTENDERS[name][0]:.3f} µs a row; "
                     f"as Parquet {measuring.with_spread(of['roll_us'], 'µs')} a row"))
    numbers = {name: {key: measuring.summary(values) for key, values in of.items()} for name, of in seen.items()}
    verdicts = []
    for name in list(CONTENDERS)[:2]:
        cost = measuring.middle(seen[name]["on_us"]) - measuring.middle(seen[name]["off_us"])
        verdicts.append((f"{name}: the log costs ≤ {GOAL_US} µs", measuring.text(cost, "µs"), cost <= GOAL_US))
    measuring.finish(chosen, "log", here, numbers, rows, verdicts)


if __name__ == "__main__":
    main()
