"""Brute force: are the features of a flight the same when everything that was not yet known at its as_of is gone?

    python3 notebook/leaks.py                                  # exit 1 and the columns if not
    python3 notebook/leaks.py --leak leaks/own_outcome.sql     # must fail
    python3 notebook/leaks.py --rows 200

One flight at a time: every source row that began to exist after its as_of is dropped (but for the flight itself), every
value whose known_at is later or NULL is blanked, all transforms run again, and its row must be equal to the bit.
What is older than three days is dropped too, for speed: that can only make equality harder.
"""
import argparse
import pathlib
import sys
import time

import tables

HARD = """month(scheduled_at) <> month(scheduled_at + INTERVAL 1 DAY) OR month(scheduled_at) <> month(scheduled_at - INTERVAL 1 DAY)"""
CLOCKS = """CAST(scheduled_at AS DATE) IN (DATE '2013-03-10', DATE '2013-03-11', DATE '2013-11-03', DATE '2013-11-04')"""
NIGHT = "hour(scheduled_at) < 6 OR hour(scheduled_at) = 23"


def blanked(source: dict, columns: list[str]) -> str:
    known_at = source.get("known_at", {})
    return ", ".join(f"CASE WHEN {known_at[c]} <= $as_of THEN {c} END AS {c}" if c in known_at else c for c in columns)


def rewind(db, key: str, as_of) -> None:
    """Makes the sources what they were at as_of, and the flight a request. Sources in full are in the schema everything."""
    for name, source in tables.PROJECT["sources"].items():
        began = source.get("time_column")
        if began is None:
            continue
        columns = [row[0] for row in db.execute(f"DESCRIBE everything.{name}").fetchall()]
        itself = "OR flight_id = $key" if name == "flights" else ""
        db.execute(f"""CREATE OR REPLACE TABLE {name} AS SELECT {blanked(source, columns)} FROM everything.{name}
                       WHERE {began} <= $as_of AND {began} > $as_of - INTERVAL 3 DAY {itself}""",
                   {"as_of": as_of} | ({"key": key} if itself else {}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2400)
    parser.add_argument("--leak", type=pathlib.Path, help="a SELECT over the transforms, read in place of features")
    options = parser.parse_args()

    db = tables.connect()
    db.execute("CREATE SCHEMA everything")
    for name, source in tables.PROJECT["sources"].items():
        order = f"ORDER BY {source['time_column']}" if "time_column" in source else ""
        db.execute(f"CREATE TABLE everything.{name} AS FROM main.{name} {order}")
    last = options.leak.read_text() if options.leak else "FROM features"
    left_out = {tables.PROJECT["models"]["late"]["target"]}

    start = time.perf_counter()
    tables.transform(db)
    print(f"transforms: {time.perf_counter() - start:.2f} s on {db.execute('SELECT count(*) FROM features').fetchone()[0]} flights")
    db.execute(f"CREATE TABLE expected AS {last}")
    part = options.rows // 6
    db.execute(f"""CREATE TABLE sample AS SELECT flight_id, scheduled_at - INTERVAL 1 HOUR AS as_of FROM (
        FROM (FROM flights ORDER BY hash(flight_id) LIMIT {options.rows - 3 * part}) UNION
        FROM (FROM flights WHERE {HARD} ORDER BY hash(flight_id) LIMIT {part}) UNION
        FROM (FROM flights WHERE {CLOCKS} ORDER BY hash(flight_id) LIMIT {part}) UNION
        FROM (FROM flights WHERE {NIGHT} ORDER BY hash(flight_id) LIMIT {part})) ORDER BY 2, 1""")
    expected = {row[0]: row for row in db.execute("FROM expected SEMI JOIN sample USING (flight_id)").fetchall()}
    names = [column[0] for column in db.execute("FROM expected LIMIT 0").description]

    different, rows = {}, 0
    for key, as_of in db.execute("FROM sample").fetchall():
        rewind(db, key, as_of)
        tables.transform(db)
        seen = db.execute(f"FROM ({last}) WHERE flight_id = ?", [key]).fetchone()
        wrong = [n for n, a, b in zip(names, expected[key], seen) if n not in left_out and a != b]
        for name in wrong:
            different.setdefault(name, []).append(key)
        rows += bool(wrong)
    print(f"{len(expected)} flights, {rows} with features that knew too much")
    for name, keys in different.items():
        print(f"  {name}: {len(keys)} flights, such as {keys[0]}")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
