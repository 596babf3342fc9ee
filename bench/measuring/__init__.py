"""How the benchmarks measure: contenders take turns within one run, what is printed is the median with its spread, and a ratio.
Standard library only."""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUSY_LOAD = 0.5  # of other work, when measuring begins: said in the output


def options(description: str, rounds: int, add=lambda parser: None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"turns of each contender (default {rounds})")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--no-build", action="store_true", help="measure what was built before")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="where the programs lie")
    add(parser)
    chosen = parser.parse_args()
    program.folder = chosen.bin.absolute()
    return chosen


def program(name: str) -> pathlib.Path:
    return program.folder / name


def build(chosen: argparse.Namespace, *targets: str) -> None:
    if not chosen.no_build:
        subprocess.run([ROOT / "dev", "build", *targets], check=True, stdout=sys.stderr)


class Finished:
    """A child process that has ended: wall seconds with its start, processor seconds, peak memory, output."""

    def __init__(self, command: list, expect: tuple = (0,), **how):
        begun = time.perf_counter()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen([str(word) for word in command], stdout=out, stderr=err, **how)
            _, status, usage = os.wait4(child.pid, 0)
            self.seconds = time.perf_counter() - begun
            child.returncode = self.status = os.waitstatus_to_exitcode(status)
            out.seek(0), err.seek(0)
            self.out, self.err = out.read().decode(), err.read().decode(errors="replace")
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.peak_mb = usage.ru_maxrss / 1024
        if self.status not in expect:
            sys.exit(f"{' '.join(map(str, command))}: exit {self.status}\n{self.out[-2000:]}{self.err[-4000:]}")

    def json(self) -> dict:
        return json.loads(self.out)


def interleave(contenders: dict, rounds: int, warm_ups: int = 1) -> dict:
    """contenders: name → function that returns {number: value}. All take a turn, then all again. → name → number → values."""
    seen = {name: {} for name in contenders}
    for turn in range(-warm_ups, rounds):
        order = list(contenders) if turn % 2 == 0 else list(contenders)[::-1]
        for name in order:
            print(f"\r\033[K{name}, {'warm-up' if turn < 0 else f'{turn + 1} of {rounds}'}", end="", file=sys.stderr, flush=True)
            numbers = contenders[name]()
            for key, value in numbers.items() if turn >= 0 else ():
                seen[name].setdefault(key, []).append(value)
    print("\r\033[K", end="", file=sys.stderr, flush=True)
    return seen


def middle(values: list) -> float:
    return statistics.median(values)


def spread(values: list) -> tuple:
    """The middle half of the values, or all of them where there are fewer than five."""
    if len(values) < 5:
        return min(values), max(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def summary(values: list) -> dict:
    low, high = spread(values)
    return {"median": middle(values), "low": low, "high": high, "min": min(values), "n": len(values)}


def text(value: float, unit: str = "ms") -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}" if value >= 10 else f"{value:.2f} {unit}"


def with_spread(values: list, unit: str = "ms") -> str:
    low, high = spread(values)
    return f"{text(middle(values), unit)} ({text(low, unit)[:-len(unit) - 1]} to {text(high, unit)[:-len(unit) - 1]})"


def machine() -> dict:
    with open("/proc/cpuinfo") as cpu, open("/proc/meminfo") as memory:
        model = next(line.split(":")[1].strip() for line in cpu if line.startswith("model name"))
        total_kb = int(memory.readline().split()[1])
    return {"cpu": model, "cores": os.cpu_count(), "memory_gb": round(total_kb / 2**20), "kernel": platform.release(),
            "load_before": round(os.getloadavg()[0], 2)}


def begin() -> dict:
    here = machine()
    if here["load_before"] > BUSY_LOAD:
        print(f"note: the machine is busy (load {here['load_before']}): numbers will be too large", file=sys.stderr)
    return here


def finish(chosen: argparse.Namespace, name: str, here: dict, numbers: dict, rows: list, verdicts: list) -> None:
    """rows: (what, median with spread, ratio or remark). verdicts: (goal, value as text, met)."""
    here["load_after"] = round(os.getloadavg()[0], 2)
    if chosen.json:
        print(json.dumps({"benchmark": name, "machine": here, "numbers": numbers,
                          "goals": [{"goal": goal, "value": value, "met": met} for goal, value, met in verdicts]}, indent=1))
        return
    print(f"{name}: {here['cores']} cores of {here['cpu']}, load {here['load_before']} before, {here['load_after']} after")
    widths = [max(len(str(row[i])) for row in rows) for i in range(3)]
    for row in rows:
        print("  " + "  ".join(str(cell).ljust(widths[i]) for i, cell in enumerate(row)).rstrip())
    for goal, value, met in verdicts:
        print(f"  {'met ' if met else 'MISSED'} {goal}: {value}")


class Scratch:
    """A folder that is gone afterwards."""

    def __enter__(self) -> pathlib.Path:
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="tidemill-bench-"))
        return self.path

    def __exit__(self, *_) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def clean_environment() -> dict:
    return {name: value for name, value in os.environ.items() if not name.startswith(("TIDEMILL_", "OMP_", "GOMP_"))}
