"""Forests handed to what people predict with today: one environment per family of tools, set up here and by no test."""
import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
FAMILIES = ("boosters", "onnxruntime", "treelite", "lleaves", "ydf")


def cache() -> pathlib.Path:
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("TIDEMILL_CACHE") or pathlib.Path(home) / "tidemill") / "bench"


class Competitors:
    """What could be set up, and of the rest why not."""

    def __init__(self, only: list):
        self.environments, self.failed, self.only = {}, {}, only
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for family, outcome in zip(FAMILIES, pool.map(self._set_up, FAMILIES)):
                if outcome.returncode == 0:
                    self.environments[family] = pathlib.Path(outcome.stdout.strip())
                else:
                    self.failed[family] = f"its environment cannot be set up: {_last_line(outcome.stderr)}"

    @staticmethod
    def _set_up(family: str) -> subprocess.CompletedProcess:
        return subprocess.run([ROOT / "tools/setup_python", family], capture_output=True, text=True)

    def versions(self) -> dict:
        wanted = {"xgboost-cpu", "lightgbm", "onnxruntime", "treelite", "tl2cgen", "lleaves", "ydf"}
        found = {}
        for family in self.environments:
            for line in (ROOT / f"tools/python/{family}.txt").read_text().splitlines():
                name, _, rest = line.partition("==")
                if name in wanted:
                    found[name] = rest.split()[0]
        return found

    def library(self, family: str, place: str) -> pathlib.Path:
        if family not in self.environments:
            raise RuntimeError(self.failed[family])
        return next(self.environments[family].glob(f"lib/python3.*/site-packages/{place}"))

    def of(self, model: pathlib.Path) -> tuple:
        """→ competitor → where forest_bench finds it, and competitor → why it takes no part. Conversions of the same model are kept."""
        kept = cache() / hashlib.sha256(model.read_bytes()).hexdigest()[:16]
        kept.mkdir(parents=True, exist_ok=True)
        lightgbm = model.suffix == ".txt"
        ways = {
            "xgboost_newest": lambda: None if lightgbm else str(self.library("boosters", "xgboost/lib/libxgboost.so")),
            "lightgbm": lambda: str(self.library("boosters", "lightgbm/lib/lib_lightgbm.so")) if lightgbm else None,
            "onnxruntime": lambda: f"{self._convert('onnxruntime', 'onnx_model.py', f'{model}.trees.json', kept / 'model.onnx')},{kept / 'model.onnx'}",
            "treelite_gtil": lambda: self._convert("treelite", "treelite_model.py", model, kept),
            "tl2cgen": lambda: self._convert("treelite", "treelite_model.py", model, kept, "tl2cgen"),
            "lleaves": lambda: self._convert("lleaves", "lleaves_model.py", model, kept) if lightgbm else None,
            "ydf": lambda: f"{self._python('ydf')} {HERE / 'ydf.py'} {model}.trees.json {model}.rows {kept / 'ydf.scores'}",
        }
        found, absent = {}, {}
        for name, way in ways.items():
            if self.only and name not in self.only:
                continue
            print(f"\r\033[K{name}: preparing", end="", file=sys.stderr, flush=True)
            try:
                if (where := way()) is not None:
                    found[name] = where
            except (RuntimeError, StopIteration) as error:
                absent[name] = str(error) or "its library is not where its package had it"
        print("\r\033[K", end="", file=sys.stderr, flush=True)
        return found, absent

    def _python(self, family: str) -> pathlib.Path:
        if family not in self.environments:
            raise RuntimeError(self.failed[family])
        return self.environments[family] / "bin/python"

    def _convert(self, family: str, script: str, *arguments) -> str:
        done = subprocess.run([self._python(family), HERE / script, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"cannot take this forest: {_last_line(done.stderr)}")
        return done.stdout.strip().splitlines()[-1]


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"
