"""Holds what was printed against what is expected: normalising, wildcards, and checks on JSON. Pure functions of text."""
from __future__ import annotations

import datetime
import functools
import json
import math
import re

INSTANT = re.compile(r"\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?")
DURATION = re.compile(r" *(?<![\w.])(?:\d+\.\d+ ?s|\d+(?:\.\d+)? (?:ms|µs|us|s|min(?: \d+ s)?))(?![\w/])")
JSON_DURATION = re.compile(r'("(?:seconds|\w+_seconds|\w+_ms)": ?)[-+0-9.e]+')
RUN_ID = re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b")
HASHES = ((re.compile(r"\b[0-9a-f]{64}\b"), "<sha256>"), (re.compile(r"\b[0-9a-f]{40}\b"), "<sha1>"),
          (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"))
PID = re.compile(r"\b(pid )\d+")
NEAR_NOW = datetime.timedelta(days=1)


def normalise(text: str, replacements: list[tuple[str, str]], now: datetime.datetime) -> str:
    """What differs from run to run becomes a word in angle brackets. An instant is <now> only when it lies within a day of the test:
    those in the data stay."""
    for seen, shown in replacements:
        text = text.replace(seen, shown)
    text = RUN_ID.sub("<run>", text)
    for pattern, shown in HASHES:
        text = pattern.sub(shown, text)

    def instant(found: re.Match[str]) -> str:
        then = datetime.datetime.fromisoformat(f"{found.group(1)}T{found.group(2)}")
        return "<now>" if abs(then - now) <= NEAR_NOW else found.group(0)

    def safe_instant(found: re.Match[str]) -> str:
        try:
            return instant(found)
        except ValueError:
            return found.group(0)

    text = INSTANT.sub(safe_instant, text)
    text = JSON_DURATION.sub(r"\1<time>", text)
    text = DURATION.sub(lambda found: (" " if found.group(0).startswith(" ") else "") + "<time>", text)
    return PID.sub(r"\1<pid>", text)


def lines_of(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def line_matches(expected: str, seen: str) -> bool:
    """`/…/` is a regular expression for the whole line, `...` inside a line is any text, a leading backslash is dropped."""
    if len(expected) > 2 and expected.startswith("/") and expected.endswith("/"):
        return re.fullmatch(expected[1:-1], seen) is not None
    if expected.startswith("\\"):
        expected = expected[1:]
    expected = expected.rstrip()
    if "..." in expected:
        return re.fullmatch(".*".join(map(re.escape, expected.split("..."))), seen) is not None
    return expected == seen


def matches(expected: list[str], seen: list[str]) -> bool:
    """A line `...` stands for any number of lines."""
    @functools.cache
    def rest(i: int, j: int) -> bool:
        while i < len(expected) and expected[i].strip() != "...":
            if j == len(seen) or not line_matches(expected[i], seen[j]):
                return False
            i, j = i + 1, j + 1
        if i == len(expected):
            return j == len(seen)
        if i + 1 == len(expected):
            return True
        return any(rest(i + 1, k) for k in range(j, len(seen) + 1))
    return rest(0, 0)


class CheckError(Exception):
    """A check on JSON that cannot be read, or does not hold."""


PART = re.compile(r"\.([A-Za-z_][\w-]*)|\.\"([^\"]+)\"|\[(-?\d+)\]|\[([\w-]+)=([^\]]+)\]")


def find(document: object, path: str) -> tuple[bool, object]:
    """.name, ."any name", [3], [-1], [name=value] (the first element that has it)."""
    value, at = document, 0
    if path == ".":
        return True, value
    while at < len(path):
        part = PART.match(path, at)
        if not part:
            raise CheckError(f"cannot read the path from '{path[at:]}' on")
        at = part.end()
        name, quoted, index, key, wanted = part.groups()
        if name is not None or quoted is not None:
            field = name if name is not None else quoted
            if not isinstance(value, dict) or field not in value:
                return False, None
            value = value[field]
        elif index is not None:
            if not isinstance(value, list) or not -len(value) <= int(index) < len(value):
                return False, None
            value = value[int(index)]
        else:
            found = [e for e in value if isinstance(e, dict) and str(e.get(key)) == wanted] if isinstance(value, list) else []
            if not found:
                return False, None
            value = found[0]
    return True, value


CHECK = re.compile(r"(\.\S*|\.\S*\[[^\]]*\]\S*) (?:(length) )?(==|!=|<=|>=|<|>|~|near|exists|missing)(?: (.+))?")


def check_json(check: str, document: object) -> None:
    """PATH [length] == | != | < | <= | > | >= VALUE, PATH ~ REGEX, PATH near VALUE TOLERANCE, PATH exists, PATH missing."""
    form = CHECK.fullmatch(check)
    if not form:
        raise CheckError(f"not a check: {check}")
    path, length, operator, right = form.groups()
    there, value = find(document, path)
    if operator in ("exists", "missing"):
        if right is not None:
            raise CheckError(f"nothing may follow '{operator}'")
        if there != (operator == "exists"):
            raise CheckError(f"{path} is {'there' if there else 'not there'}" + (f": {json.dumps(value)[:200]}" if there else ""))
        return
    if not there:
        raise CheckError(f"{path} is not there")
    if length:
        if not isinstance(value, (list, dict, str)):
            raise CheckError(f"{path} has no length: {json.dumps(value)[:200]}")
        value = len(value)
    if operator == "~":
        if not isinstance(value, str) or not re.search(right or "", value):
            raise CheckError(f"{path} is {json.dumps(value)[:300]}")
        return
    if not compare(operator, value, right or ""):
        raise CheckError(f"{path}{' length' if length else ''} is {json.dumps(value)[:300]}")


def compare(operator: str, value: object, right: str) -> bool:
    try:
        if operator == "near":
            wanted, tolerance = (float(word) for word in right.split())
            return is_number(value) and math.isfinite(value) and abs(value - wanted) <= tolerance
        wanted = json.loads(right)
    except ValueError as error:
        raise CheckError(f"cannot read '{right}': {error}") from None
    if operator == "==":
        return same(value, wanted)
    if operator == "!=":
        return not same(value, wanted)
    if not (is_number(value) and is_number(wanted)) and not (isinstance(value, str) and isinstance(wanted, str)):
        return False
    return {"<": value < wanted, "<=": value <= wanted, ">": value > wanted, ">=": value >= wanted}[operator]


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(a: object, b: object) -> bool:
    """As in JSON: true is not 1, 1 is 1.0."""
    if is_number(a) and is_number(b):
        return a == b
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b
