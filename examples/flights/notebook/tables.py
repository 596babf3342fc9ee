"""The sources and transforms of this project in a plain DuckDB session, without Tidemill: the reference for the scripts beside this one.

    pip install duckdb==1.5.5 pytz pyyaml 'numpy<2' 'scikit-learn<1.5' xgboost==1.7.4
"""
import pathlib

import duckdb
import yaml

FOLDER = pathlib.Path(__file__).resolve().parent.parent
PROJECT = yaml.safe_load((FOLDER / "tidemill.yaml").read_text())
TRANSFORMS = ("weather_hours", "airport_history", "plane_days", "features")   # each after what it reads


def reader(source: dict) -> str:
    path = FOLDER / source["path"]
    types = ", ".join(f"'{name}': '{column['type']}'" for name, column in source["columns"].items())
    if path.suffix == ".parquet":
        return f"read_parquet('{path}')"
    if path.suffix == ".jsonl":
        return f"read_json('{path}', format='newline_delimited', columns={{{types}}})"
    return f"read_csv('{path}', header=true, columns={{{types}}})"


def sql_of(transform: str) -> str:
    return (FOLDER / "transforms" / f"{transform}.sql").read_text()


def connect(threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A session with every source as a table."""
    db = duckdb.connect(config={"threads": threads})
    db.execute("SET TimeZone = 'America/New_York'")
    for name, source in PROJECT["sources"].items():
        db.execute(f"CREATE TABLE {name} AS FROM {reader(source)}")
    return db


def transform(db: duckdb.DuckDBPyConnection, sql: dict[str, str] | None = None) -> None:
    for name in TRANSFORMS:
        db.execute(f"CREATE OR REPLACE TABLE {name} AS {(sql or {}).get(name) or sql_of(name)}")
