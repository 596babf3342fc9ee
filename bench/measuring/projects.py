"""Generated projects: as many SQL transforms as asked for, in layers or in a chain, over two small sources."""
import pathlib
import random

SOURCES = """name: generated
sources:
  events: {path: data/events.csv, key: id, columns: {id: {type: bigint, checks: [not_null, unique]}, amount: {type: double}, kind: {type: varchar}}}
  kinds: {path: data/kinds.csv, key: kind, columns: {kind: {type: varchar, checks: [not_null]}, weight: {type: double}}}
"""
KINDS = ["bread", "milk", "eggs", "tea", "salt"]


def _begin(folder: pathlib.Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "transforms").mkdir()
    (folder / "tidemill.yaml").write_text(SOURCES)
    rows = "".join(f"{i},{i * 7 % 100}.5,{KINDS[i % len(KINDS)]}\n" for i in range(50))
    (folder / "data/events.csv").write_text("id,amount,kind\n" + rows)
    (folder / "data/kinds.csv").write_text("kind,weight\n" + "".join(f"{kind},{i}.25\n" for i, kind in enumerate(KINDS)))


def layered(folder: pathlib.Path, steps: int, width: int = 25, seed: int = 42) -> None:
    """Each transform of a layer joins two of the layer before, and every fifth looks up a source as well."""
    _begin(folder)
    chance = random.Random(seed)
    for number in range(steps):
        layer, place = divmod(number, width)
        if layer == 0:
            sql = f"SELECT id, kind, amount + {place} AS amount\nFROM events\nWHERE id % {width} <> {place}\n"
        else:
            left, right = (f"t_{layer - 1:03}_{chance.randrange(width):03}" for _ in range(2))
            sql = (f"-- layer {layer}: what {left} and {right} agree on\n"
                   f"SELECT a.id, a.kind, a.amount * 0.5 + b.amount * 0.5 + {place} AS amount\n"
                   f"FROM {left} a JOIN {right} b USING (id)\n")
            if number % 5 == 0:
                sql += "JOIN kinds ON kinds.kind = a.kind\nWHERE kinds.weight >= 0\n"
        (folder / f"transforms/t_{layer:03}_{place:03}.sql").write_text(sql)


def chain(folder: pathlib.Path, steps: int) -> None:
    """One row, passed on."""
    _begin(folder)
    (folder / "transforms/c_0000.sql").write_text("SELECT 1 AS x\n")
    for number in range(1, steps):
        (folder / f"transforms/c_{number:04}.sql").write_text(f"SELECT x + 1 AS x FROM c_{number - 1:04}\n")


def fan(folder: pathlib.Path, steps: int) -> None:
    """Each makes its own row and needs nothing."""
    _begin(folder)
    for number in range(steps):
        (folder / f"transforms/c_{number:04}.sql").write_text(f"SELECT {number} AS x\n")
