"""What a step costs beside its SQL: 200 transforms that make one row each, as a chain and as a fan.

    ./dev bench step

Reference in the same run: the same statements by hand on DuckDB's C API, without and with an fsync of file and folder."""
import sqlite3

import measuring
from measuring import Finished, program, projects

STEPS = 200
GOAL_MS = 2.0


def quantile(values: list, share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


def between_starts(home) -> list:
    """Milliseconds from a step's start to the next one's, so that what follows a step, its durable commit above all, is in it."""
    meta = sqlite3.connect(home / "meta.db")
    starts = sorted(at for (at,) in meta.execute("SELECT started_at FROM steps WHERE step LIKE 'transform:%' AND status = 'done'"))
    assert len(starts) == STEPS
    return [(after - before) / 1000 for before, after in zip(starts, starts[1:])]


def main() -> None:
    chosen = measuring.options(__doc__, 7)
    measuring.build(chosen, "tidemill", "statements_by_hand")
    here, numbers, rows, verdicts = measuring.begin(), {}, [("what", "median (middle half)", "")], []
    with measuring.Scratch() as scratch:
        for shape in (projects.chain, projects.fan):
            name = shape.__name__
            folder = scratch / name
            shape(folder, STEPS)
            how = {"cwd": folder, "env": measuring.clean_environment()}
            turn = iter(range(10_000))

            def ours():
                home = folder / f"home{next(turn)}"
                command = [program("tidemill"), "--home", home, "--quiet", "--json", "run"]
                done = Finished(command, **how)
                steps = [step for step in done.json()["steps"] if step["step"].startswith("transform:")]
                assert len(steps) == STEPS and all(step["status"] == "done" for step in steps)
                # Another first run's worth of all that is not a step: program, plan, lock, one empty release.
                again = Finished(command, **how)
                cold = Finished([program("tidemill"), "--home", folder / f"cold{next(turn)}", "--quiet", "plan"], **how)
                each = between_starts(home)
                return {"p50_ms": quantile(each, 0.5), "p95_ms": quantile(each, 0.95), "total_ms": done.seconds * 1000, "up_to_date_ms": again.seconds * 1000,
                        "between_ms": (done.seconds - max(again.seconds, cold.seconds)) * 1000 / STEPS}

            def by_hand(sync):
                return lambda: Finished([program("statements_by_hand"), folder / "transforms", folder / f"out{next(turn)}", sync], **how).json()

            seen = measuring.interleave({"tidemill": ours, "by hand": by_hand("0"), "by hand, synced": by_hand("1")}, chosen.rounds)
            numbers[name] = {who: {key: measuring.summary(values) for key, values in of.items()} for who, of in seen.items()}
            base = measuring.middle(seen["by hand"]["p50_ms"])
            for who, of in seen.items():
                rows.append((f"{name}: {who}, p50 of a step", measuring.with_spread(of["p50_ms"]),
                             f"{measuring.middle(of['p50_ms']) / base:.2f} × by hand; p95 {measuring.text(measuring.middle(of['p95_ms']))}"))
            of = seen["tidemill"]
            rows.append((f"{name}: tidemill, run less plan, a step", measuring.with_spread(of["between_ms"]),
                         f"whole run {measuring.text(measuring.middle(of['total_ms']))}"))
            if shape is projects.fan:
                continue  # two side by side: starts come in pairs, only the whole says something
            over = measuring.middle(of["p50_ms"]) - base
            numbers[name]["overhead_p50_ms"] = over
            verdicts.append((f"{name}: a step's own overhead ≤ {GOAL_MS:g} ms p50, with its durable commit", measuring.text(over), over <= GOAL_MS))
    measuring.finish(chosen, "step", here, numbers, rows, verdicts)


if __name__ == "__main__":
    main()
