"""How long an unchanged project takes to plan, and a run that finds all up to date: 100 and 10 000 generated transforms.

    ./dev bench plan
    ./dev bench plan --steps 100

The floor of the same run: the program's bare start, and one sha256sum over the same SQL files. Beside it a cold plan, where every
SQL file is bound anew."""
import shutil

import measuring
from measuring import Finished, program, projects

GOALS_MS = {100: {"plan": 20, "run": 50}, 10_000: {"plan": 1000}}


def measure(folder, steps: int, rounds: int) -> tuple:
    projects.layered(folder, steps)
    how = {"cwd": folder, "env": measuring.clean_environment()}
    first = Finished([program("tidemill"), "--quiet", "run"], **how)
    files = sorted(map(str, folder.glob("transforms/*.sql")))
    cold_home = folder / "cold"

    def timed(command):
        done = Finished(command, **how)
        return {"ms": done.seconds * 1000, "cpu_ms": done.cpu_seconds * 1000, "peak_mb": done.peak_mb}

    def cold():
        shutil.rmtree(cold_home, ignore_errors=True)
        return timed([program("tidemill"), "--home", cold_home, "--quiet", "plan"])

    seen = measuring.interleave({
        "plan": lambda: timed([program("tidemill"), "--quiet", "plan"]),
        "run": lambda: timed([program("tidemill"), "--quiet", "run"]),
        "start": lambda: timed([program("tidemill"), "--version"]),
        "sha256sum": lambda: timed(["sha256sum", *files]),
    }, rounds)
    seen |= measuring.interleave({"cold plan": cold}, max(3, rounds // 10) if steps <= 1000 else 2, warm_ups=0)
    up_to_date = Finished([program("tidemill"), "--json", "--quiet", "run"], **how).json()
    wrong = [step for step in up_to_date["steps"] if step["status"] != "up_to_date"]
    assert not wrong and len(up_to_date["steps"]) == steps + 2, wrong[:3]
    return seen, first.seconds


def main() -> None:
    chosen = measuring.options(__doc__, 20, lambda parser: parser.add_argument("--steps", type=int, nargs="*", default=[100, 10_000]))
    measuring.build(chosen, "tidemill")
    here, numbers, rows, verdicts = measuring.begin(), {}, [("what", "median (middle half)", "")], []
    for steps in chosen.steps:
        with measuring.Scratch() as scratch:
            rounds = chosen.rounds if steps <= 1000 else max(3, chosen.rounds // 4)
            seen, first_seconds = measure(scratch / "project", steps, rounds)
        floor = measuring.middle(seen["sha256sum"]["ms"])
        numbers[steps] = {name: {key: measuring.summary(values) for key, values in of.items()} for name, of in seen.items()}
        numbers[steps]["first_run_seconds"] = first_seconds
        labels = {"plan": "start and plan, unchanged", "run": "run, all up to date", "start": "tidemill --version",
                  "sha256sum": "sha256sum of the SQL files", "cold plan": "start and plan, nothing remembered"}
        for name, label in labels.items():
            of = seen[name]
            rows.append((f"{steps} steps: {label}", measuring.with_spread(of["ms"]),
                         f"{measuring.middle(of['ms']) / floor:.1f} × sha256sum, {max(of['peak_mb']):.0f} MB"))
        rows.append((f"{steps} steps: first run, all built", measuring.text(first_seconds * 1000), f"{first_seconds * 1000 / steps:.1f} ms a step"))
        for name, goal in GOALS_MS.get(steps, {}).items():
            value = measuring.middle(seen[name]["ms"])
            verdicts.append((f"{steps} steps, {labels[name]} ≤ {goal} ms", measuring.text(value), value <= goal))
    measuring.finish(chosen, "plan", here, numbers, rows, verdicts)


if __name__ == "__main__":
    main()
