"""The whole of examples/flights against the same SQL and the same XGBoost calls, written by hand on the two C APIs.

    ./dev bench flights
    ./dev bench flights --rounds 3

Three contenders take turns, each a fresh process in a fresh folder, program start included:
  tidemill        the example as it is: checks, bootstrap, gate and all
  tidemill bare   the same project file without checks, gate, calibration and slices, so that both do the same work
  by hand         bench/flights_by_hand.cpp
What is compared with the goal is `tidemill bare` less the seconds that went into evaluation, the monitors' baseline and the gate, which reads
and scores the test rows even without rules. The model files of all three must be the same, byte for byte."""
import hashlib
import json
import re
import shutil
import sqlite3

import measuring
from measuring import Finished, ROOT, middle, program

EXAMPLE = ROOT / "examples/flights"
THREADS = 2
GOAL_RATIO, GOAL_MORE_MS = 1.03, 100
# What the reference has no counterpart for. `transforms` holds checks only; `as_of` goes because it asks for the point_in_time check,
# `slices` and `decision` because they are evaluation.
NOT_BY_HAND = ("transforms", "checks", "gate", "calibrate", "decision", "slices", "as_of")


def without(text: str, key: str) -> str:
    """A project file without a key, wherever it stands in a block or between braces."""
    while found := re.search(rf"^( *){key}:( .*)?\n(\1 +.*\n)*", text, re.M):   # a block: its line and all that is further in
        text = text[:found.start()] + text[found.end():]
    while found := re.search(rf",? ?\b{key}: (?=[\[{{])", text):
        end, depth = found.end(), 0
        while True:
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(text[end], 0)
            end += 1
            if depth == 0:
                break
        if not found[0].startswith(",") and text[end:end + 2] == ", ":
            end += 2
        text = text[:found.start()] + text[end:]
    return text


def bare_project() -> str:
    text = re.sub(r" +#.*$", "", (EXAMPLE / "tidemill.yaml").read_text(), flags=re.M)
    for key in NOT_BY_HAND:
        text = without(text, key)
    return text


class Ours:
    def __init__(self, scratch, bare: bool):
        self.scratch, self.bare, self.turn, self.model = scratch, bare, 0, ""
        self.stages = {}

    def __call__(self) -> dict:
        folder = self.scratch / f"{'bare' if self.bare else 'whole'}{self.turn}"
        self.turn += 1
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".tidemill", "out"))
        if self.bare:
            (folder / "tidemill.yaml").write_text(bare_project())
        done = Finished([program("tidemill"), "--json", "--quiet", "run"], cwd=folder, env=measuring.clean_environment())
        report = done.json()
        assert all(step["status"] == "done" for step in report["steps"]), report
        by_name = {step["step"]: step for step in report["steps"]}
        model = by_name["model:late"]
        stages = {name: seconds * 1000 for name, seconds in model["train_stages_seconds"].items()}
        apart = {"checks": sum(step.get("check_seconds", 0) for step in report["steps"]) * 1000,
                 "point in time": model.get("point_in_time_seconds", 0) * 1000,
                 "evaluation with bootstrap": stages["evaluate"], "baseline": stages["baseline"],
                 "gate": model["gate_seconds"] * 1000}
        self.model = self.model_hash(folder)
        shutil.rmtree(folder)
        return {"total_ms": done.seconds * 1000, "cpu_ms": done.cpu_seconds * 1000, "peak_mb": done.peak_mb,
                "comparable_ms": done.seconds * 1000 - stages["evaluate"] - stages["baseline"] - apart["gate"],
                **{f"step {name}": step["seconds"] * 1000 for name, step in by_name.items()},
                **{f"train {name}": ms for name, ms in stages.items()}, **{f"apart {name}": ms for name, ms in apart.items()}}

    def model_hash(self, folder) -> str:
        meta = sqlite3.connect(folder / ".tidemill/meta.db")
        (package,) = meta.execute("SELECT package FROM versions").fetchone()
        return json.loads((folder / f".tidemill/objects/{package[:2]}/{package[2:]}").read_bytes())["files"]["model.ubj"]


class ByHand:
    def __init__(self, scratch):
        self.scratch, self.turn, self.model, self.last = scratch, 0, "", {}

    def __call__(self) -> dict:
        folder = self.scratch / f"hand{self.turn}"
        self.turn += 1
        done = Finished([program("flights_by_hand"), EXAMPLE, folder, THREADS], env=measuring.clean_environment())
        self.last = done.json()
        self.model = hashlib.sha256((folder / "model.ubj").read_bytes()).hexdigest()
        shutil.rmtree(folder)
        return {**self.last, "total_ms": done.seconds * 1000, "cpu_ms": done.cpu_seconds * 1000, "peak_mb": done.peak_mb}


def main() -> None:
    chosen = measuring.options(__doc__, 5)
    measuring.build(chosen, "tidemill", "flights_by_hand")
    here = measuring.begin()
    with measuring.Scratch() as scratch:
        whole, bare, hand = Ours(scratch, bare=False), Ours(scratch, bare=True), ByHand(scratch)
        seen = measuring.interleave({"tidemill": whole, "tidemill bare": bare, "by hand": hand}, chosen.rounds)
        same_model = bare.model == hand.model == whole.model
    base = middle(seen["by hand"]["total_ms"])

    def row(label: str, who: str, number: str, of: float = base):
        values = seen[who][number]
        return (label, measuring.with_spread(values), f"{middle(values) / of:.3f} ×")

    rows = [("what", "median (middle half)", "to by hand"),
            row("by hand", "by hand", "total_ms"), row("tidemill bare, comparable part", "tidemill bare", "comparable_ms"),
            row("tidemill bare", "tidemill bare", "total_ms"), row("tidemill, all", "tidemill", "total_ms")]
    rows += [row(f"  of it {name[6:]}", "tidemill", name) for name in seen["tidemill"] if name.startswith("apart ")]
    parts = {"sources": ("sources_ms", [f"step source:{name}" for name in ("flights", "weather", "planes", "airports", "airlines")]),
             **{name: (f"{name}_ms", [f"step transform:{name}"]) for name in ("weather_hours", "airport_history", "plane_days", "features")},
             "export": ("export_ms", ["step export:features"]), "read features": ("read_ms", ["train read"]), "fit": ("boost_ms", ["train fit"])}
    for label, (theirs, ours) in parts.items():
        by_hand = middle(seen["by hand"][theirs]) + (middle(seen["by hand"]["matrix_ms"]) if label == "fit" else 0)
        bare_ms = sum(middle(seen["tidemill bare"][name]) for name in ours)
        rows.append((f"  {label}: by hand, bare (sum of steps)", f"{measuring.text(by_hand)}, {measuring.text(bare_ms)}", f"{bare_ms / by_hand:.3f} ×"))
    for who in seen:
        rows.append((f"peak memory, {who}", f"{max(seen[who]['peak_mb']):.0f} MB", f"{middle(seen[who]['cpu_ms']) / 1000:.1f} s of processor"))
    ours = middle(seen["tidemill bare"]["comparable_ms"])
    verdicts = [(f"comparable part ≤ {GOAL_RATIO} × by hand, or {GOAL_MORE_MS} ms more", f"{ours / base:.3f} ×, {ours - base:+.0f} ms",
                 ours <= GOAL_RATIO * base or ours <= base + GOAL_MORE_MS),
                (f"the same model file: {hand.last['trees']} trees, AUC {hand.last['roc_auc']:.4f} on test", "byte for byte" if same_model else "DIFFERS", same_model)]
    numbers = {who: {key: measuring.summary(values) for key, values in of.items()} for who, of in seen.items()}
    measuring.finish(chosen, "flights", here, numbers, rows, verdicts)


if __name__ == "__main__":
    main()
