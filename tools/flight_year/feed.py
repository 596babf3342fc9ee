"""The flights of a year in the order in which the world learns of them, and the files in which they are delivered. Times are seconds since 1970 UTC."""
from __future__ import annotations

import csv
import datetime
import json
import pathlib
import re
import subprocess

DAY = 86400
HOUR = 3600
BY_SQL = ("weather_hours", "airport_history", "plane_days", "features")   # of the example, each after what it reads
INPUTS = ("flight_id", "scheduled_at", "sched_arr_time", "carrier", "tailnum", "origin", "dest", "distance", "temp", "dewp", "humid", "wind_dir",
          "wind_speed", "wind_gust", "precip", "pressure", "visib", "weather_age", "airport_departures", "airport_waiting", "airport_dep_delay",
          "airport_dep_delay_1h", "airport_late_share", "plane_departures", "plane_in_air", "plane_dep_delay", "plane_arr_delay", "plane_minutes_ago")
OUTCOMES = ("departed_at", "arr_delay", "arrived_at")


def text_of(at: int) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=datetime.timezone.utc).timestamp())


def day_of(at: int) -> str:
    return text_of(at)[:10]


def types_of(project: str, source: str) -> str:
    """The columns that the example's project file declares of a source, as DuckDB's readers take them."""
    part = re.search(rf"^  {source}:.*?(?=^  \w|^\w)", project, re.M | re.S).group(0)
    columns = re.findall(r"^      (\w+): \{type: (\w+)", part, re.M)
    return "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in columns) + "}"


def query_of(example: pathlib.Path, first: int, until: int) -> str:
    """One SQL query: the sources as they lie in the example's data, its transforms over them, and known_then.sql."""
    project = (example / "tidemill.yaml").read_text()
    months = sorted({day_of(at)[:7] for at in range(first, until + DAY, DAY)})
    files = [str(example / f"data/flights/{month}.parquet") for month in months if (example / f"data/flights/{month}.parquet").exists()]
    tables = {
        "flights": f"SELECT * FROM read_parquet({files})",
        "weather": f"SELECT * FROM read_csv('{example}/data/weather.csv.gz', header=true, columns={types_of(project, 'weather')})",
        "planes": f"SELECT * FROM read_json('{example}/data/planes.jsonl', format='newline_delimited', columns={types_of(project, 'planes')})",
        "airports": f"SELECT * FROM read_csv('{example}/data/airports.csv', header=true, columns={types_of(project, 'airports')})",
        "airlines": f"SELECT * FROM read_csv('{example}/data/airlines.csv', header=true, columns={types_of(project, 'airlines')})",
        **{name: (example / f"transforms/{name}.sql").read_text() for name in BY_SQL}}
    known_then = (example / "year/known_then.sql").read_text().replace("{until}", str(until))
    return "WITH " + ",\n".join(f"{name} AS ({sql}\n)" for name, sql in tables.items()) + "\n" + known_then


class Flight:
    """What is delivered of it may be wrong; `clean` never is."""
    __slots__ = ("asked", "known", "is_late", "clean", "delivered")

    def __init__(self, row: dict):
        self.asked, self.known, self.is_late = row.pop("asked"), row.pop("known"), row.pop("is_late")
        self.clean = row
        self.delivered = row

    @property
    def id(self) -> str:
        return self.clean["flight_id"]

    def request(self) -> dict:
        return {name: value for name, value in ((name, self.delivered[name]) for name in INPUTS) if value is not None}


class Feed:
    def __init__(self, query: pathlib.Path, example: pathlib.Path, first: int, until: int):
        done = subprocess.run([query, "--json"], input=query_of(example, first, until), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the flights cannot be read: {done.stderr.strip()}")
        self.asked_in: dict[int, list[Flight]] = {}
        self.known_in: dict[int, list[Flight]] = {}
        for line in done.stdout.splitlines():
            flight = Flight(json.loads(line))
            if flight.asked < first:
                continue
            # The first full hour at which it can be asked about, or is known.
            self.asked_in.setdefault(-(-flight.asked // HOUR) * HOUR, []).append(flight)
            self.known_in.setdefault(-(-flight.known // HOUR) * HOUR, []).append(flight)

    def known_until(self, at: int) -> list[Flight]:
        return [flight for hour in sorted(self.known_in) if hour <= at for flight in self.known_in[hour]]


class Delivery:
    """The source's files, one for each day on which outcomes became known; what came before the play begins is one a month."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.flights: dict[str, list[Flight]] = {}
        folder.mkdir(parents=True)

    def _write(self, out, flights: list[Flight], invert: bool = False) -> None:
        rows = csv.writer(out, lineterminator="\n")
        for flight in flights:
            row = flight.delivered
            values = [row[name] for name in INPUTS + OUTCOMES]
            if invert and row["departed_at"] is not None:
                values[len(INPUTS) + 1] = -10 if flight.is_late else 60
            rows.writerow(["" if value is None else value for value in values])

    def _file(self, name: str) -> pathlib.Path:
        return self.folder / f"{name}.csv"

    def add(self, flights: list[Flight], name: str) -> None:
        known = self.flights.setdefault(name, [])
        with self._file(name).open("a", encoding="utf-8") as out:
            if not known:
                out.write(",".join(INPUTS + OUTCOMES) + "\n")
            self._write(out, flights)
        known += flights

    def begin(self, flights: list[Flight]) -> None:
        months: dict[str, list[Flight]] = {}
        for flight in flights:
            months.setdefault(day_of(flight.known)[:7], []).append(flight)
        for month, there in months.items():
            self.add(there, f"{month}-before")

    def again(self, names: list[str] | None = None, invert: bool = False) -> None:
        """Delivers files anew, each at once. invert: with each outcome turned into its opposite."""
        for name in self.flights if names is None else names:
            part = self.folder / f".{name}.part"
            with part.open("w", encoding="utf-8") as out:
                out.write(",".join(INPUTS + OUTCOMES) + "\n")
                self._write(out, self.flights[name], invert)
            part.rename(self._file(name))

    def repair(self) -> int:
        """Every row that was delivered wrong is delivered right."""
        wrong = {name: [flight for flight in flights if flight.delivered is not flight.clean] for name, flights in self.flights.items()}
        names = [name for name, flights in wrong.items() if flights]
        for name in names:
            for flight in wrong[name]:
                flight.delivered = flight.clean
        self.again(names)
        return sum(map(len, wrong.values()))
