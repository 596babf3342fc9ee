"""A small project whose input changes before every run, and what must hold of its home after a run was cut off at any instant."""
from __future__ import annotations

import json
import os
import pathlib
import random
import shutil
import subprocess

RUN_SECONDS = 120
PROJECT = """name: killed
sources:
  orders: {path: "orders/*.csv", key: id, columns: {id: {type: bigint, checks: [not_null, unique]}, day: {type: bigint}, amount: {type: double}}}
transforms:
  totals: {checks: [{row_count: {min: 1}}]}
  marks: {checks: [{not_null: [mark]}]}
exports:
  totals: {path: out/totals.csv}
"""


class SmallProject:
    def __init__(self, folder: pathlib.Path, program: pathlib.Path, source: random.Random):
        self.folder, self.source = folder, source
        # One program from beginning to end, whatever is built meanwhile.
        self.program = folder.parent / "bin" / program.name
        self.program.parent.mkdir(parents=True, exist_ok=True)
        if not self.program.exists():
            shutil.copy(program, self.program)
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "TMPDIR": str(folder.parent)}
        self.env |= {name: os.environ[name] for name in ("TIDEMILL_EXTENSIONS",) if name in os.environ}
        self.rows = 0
        self.days = 0

    def start_project(self) -> None:
        (self.folder / "transforms").mkdir(parents=True)
        (self.folder / "orders").mkdir()
        (self.folder / "tidemill.yaml").write_text(PROJECT, encoding="utf-8")
        (self.folder / "transforms/marks.sql").write_text("SELECT id, amount > 50 AS mark FROM orders\n", encoding="utf-8")
        (self.folder / "transforms/totals.sql").write_text(
            "SELECT day, count(*) AS orders, sum(amount) AS amount FROM orders JOIN marks USING (id) GROUP BY day\n", encoding="utf-8")

    def change_input(self) -> None:
        count = self.source.randrange(1, 400)
        lines = [f"{self.rows + i},{self.days},{self.source.randrange(10000) / 100}" for i in range(count)]
        part = self.folder / f"orders/{self.days:05}.csv"
        part.write_text("id,day,amount\n" + "\n".join(lines) + "\n", encoding="utf-8")
        self.rows += count
        self.days += 1

    def tidemill(self, *words: str) -> tuple[int, str, str]:
        done = subprocess.run([self.program, *words], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=RUN_SECONDS)
        return done.returncode, done.stdout, done.stderr

    def live(self) -> dict[str, int]:
        """Rows of each live table; none before the first release, and none without a home."""
        if not (self.folder / ".tidemill/meta.db").exists():
            return {}
        code, out, err = self.tidemill("tables", "--json")
        if code != 0:
            raise AssertionError(f"tables ended with {code}: {err}")
        tables = json.loads(out)
        return {table["name"]: table["rows"] for table in (tables["tables"] if isinstance(tables, dict) else tables)}

    def look(self, before: dict[str, int], new_rows: int) -> dict[str, int]:
        """The home verifies, and what is live is wholly the old state or wholly the new one. Returns it."""
        if not (self.folder / ".tidemill/meta.db").exists() and not before:
            return {}
        code, out, err = self.tidemill("verify")
        if code != 0 and not before and "registry.older_format" in err:
            return {}   # the very first run was cut off before its home held anything: the next one makes it
        if code != 0:
            raise AssertionError(f"verify ended with {code}: {out}{err}")
        now = self.live()
        old, new = before.get("orders", 0), new_rows
        if now.get("orders", 0) not in (old, new):
            raise AssertionError(f"orders has {now.get('orders', 0)} rows: neither the old {old} nor the new {new}")
        if now and now.get("marks") != now.get("orders"):   # what moves, moves together
            raise AssertionError(f"tables of different runs are live together: {now}")
        return now

    def finish(self) -> None:
        code, _, err = self.tidemill("run")
        if code != 0:
            raise AssertionError(f"the next run ended with {code}: {err}")
        now = self.live()
        if now.get("orders") != self.rows or now.get("totals") != self.days:
            raise AssertionError(f"after the next run {now} are live, expected {self.rows} orders of {self.days} days")
        code, out, err = self.tidemill("verify")
        if code != 0:
            raise AssertionError(f"after the next run verify ended with {code}: {out}{err}")
