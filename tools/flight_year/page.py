"""The part of examples/flights/year/README.md that a play's figures make, and the picture beside it."""
from __future__ import annotations

import json
import pathlib
import re
import shutil

from flight_year import figures

BEGIN, END = "<!-- figures: ./dev year --publish -->", "<!-- end of figures -->"


def fault_rows(summary: dict) -> list[str]:
    rows = ["| planted | what | due | noticed | by |", "|---|---|---|---|---|"]
    for fault in summary["faults"]:
        if fault["start"] >= summary["to"]:
            continue
        caught = fault["caught"]
        rows.append(f"| {minute(fault['start'])} | {fault['what']} | {minute(fault['due'])} | "
                    + (f"{minute(caught['at'])} | {caught['by']}: {caught['text'].split(': ', 1)[-1]} |" if caught else "not | |"))
    return rows


def minute(text: str) -> str:
    return text[5:16].replace("T", " ")


def retraining_rows(summary: dict) -> list[str]:
    rows = ["| attempt | began | because | version | ended | how |", "|---|---|---|---|---|---|"]
    attempts: dict[int, list[dict]] = {}
    for step in summary["retrainings"]:
        attempts.setdefault(step["attempt"], []).append(step)
    for attempt, steps in sorted(attempts.items()):
        first = next((step for step in steps if step["to"] == "triggered"), steps[0])
        last = steps[-1]
        ended = last["to"] in ("promoted", "rejected", "rolled back")
        version = next((step["version"] for step in reversed(steps) if step["version"]), None)
        how = f"{last['from']} → **{last['to']}**: {last['reason']}" if ended else f"not ended, in {last['to']}"
        because = re.sub(r"asked for by [^ :]+", "asked for by a person", first["reason"])
        rows.append(f"| {attempt} | {minute(first['at'])} | {because} | {version or ''} | {minute(last['at']) if ended else ''} | {how} |")
    return rows


def drift_rows(summary: dict) -> list[str]:
    """Of each monitor and column, how often it fired, the first time and the last."""
    groups: dict[tuple[str, str], list[str]] = {}
    for notice in summary["fired"]:
        groups.setdefault((notice["monitor"], notice["column"] or ""), []).append(notice["at"][:10])
    rows = ["| monitor | of | fired | first | last |", "|---|---|---|---|---|"]
    return rows + [f"| {monitor} | {column} | {len(days)} | {min(days)} | {max(days)} |" for (monitor, column), days in sorted(groups.items())]


def text_of(summary: dict) -> str:
    months = summary["months"] + [{**row, "period": "all"} for row in summary["whole"]]
    words = [f"Played from {summary['from'][:10]} to {summary['to'][:10]}, {summary['predictions']:,} flights in {summary['seconds'] / 60:.0f} minutes on "
             f"{summary['machine']}; {', '.join(f'{what} {seconds:.0f} s' for what, seconds in summary['spent'].items())}. Command: `{summary['command']}`."]
    if summary["interrupted"]:
        words.append(f"The play was ended there; what comes after {summary['to'][:10]} was not played.")
    parts = ["\n".join(words), "![ROC AUC by week](year.svg)", figures.table_of(months), "### What was planted", "\n".join(fault_rows(summary)),
             "### Retrainings", "\n".join(retraining_rows(summary)), "### What fired", "\n".join(drift_rows(summary))]
    return "\n\n".join(parts)


def publish(work: pathlib.Path, example: pathlib.Path) -> None:
    summary = json.loads((work / "summary.json").read_text(encoding="utf-8"))
    page = example / "README.md"
    text = page.read_text(encoding="utf-8")
    made, count = re.subn(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: f"{BEGIN}\n\n{text_of(summary)}\n\n{END}", text, flags=re.S)
    if count != 1:
        raise ValueError(f"{page} has no place for figures: {BEGIN} … {END}")
    page.write_text(made, encoding="utf-8")
    shutil.copy(work / "year.svg", example / "year.svg")
