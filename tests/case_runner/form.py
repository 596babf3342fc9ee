"""The form of a .case file: text → Case. Every section and line knows where it stands; what is not known is an error.

The grammar is in tests/README.md. Nothing is run here."""
from __future__ import annotations

import dataclasses
import pathlib
import re

SECTION = re.compile(r"--- ([a-z]+)(?: (.*))?$")
ACTIONS = {"env", "ready", "kill", "stop", "end", "restart", "send", "until"}
MARKS = ("$ ", "& ", "@ ", "? ", "= ", "! ")
SETTINGS = ("one-thread", "tiny-memory", "restart", "sanitizers")


class FormError(Exception):
    """A case that cannot be read; the text starts with file:line."""


@dataclasses.dataclass
class Line:
    number: int   # from 1
    text: str


@dataclasses.dataclass
class Step:
    """One thing to do and what is expected of it. `what` is file, copy, shell, background, action, http, sql, postgres, tmpfs."""
    what: str
    line: int
    text: str = ""          # command, action, request line, SQL
    name: str = ""          # file path, name of a background process, action verb
    body: str = ""          # contents of a file, body of a request
    code: int | None = None     # None: not stated
    out: list[Line] = dataclasses.field(default_factory=list)
    err: list[Line] = dataclasses.field(default_factory=list)
    checks: list[Line] = dataclasses.field(default_factory=list)
    headers: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    wanted_headers: list[Line] = dataclasses.field(default_factory=list)
    first: int = 0          # expected output stands on lines [first, last) of the file, from 0
    last: int = 0
    append: bool = False


@dataclasses.dataclass
class Case:
    path: pathlib.Path
    name: str
    about: str
    steps: list[Step]
    timeout_seconds: float = 60
    needs: list[str] = dataclasses.field(default_factory=list)
    not_in: dict[str, str] = dataclasses.field(default_factory=dict)


def unescape(text: str) -> str:
    return text[1:] if text.startswith("\\") else text


def escape(text: str) -> str:
    """An output line as it must stand in a case, so that it is read as output."""
    if text == "..." or (len(text) > 2 and text.startswith("/") and text.endswith("/")):
        return "\\" + text
    return "\\" + text if text.startswith((*MARKS, "--- ", "----", "\\", ";; ")) or text in ("!", "$") else text


def read_case(path: pathlib.Path, name: str) -> Case:
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    if not lines or not lines[0].startswith("# "):
        raise FormError(f"{path}:1: a case starts with '# ' and what it shows")
    case = Case(path, name, lines[0][2:], [])
    at = 0
    while at < len(lines) and not lines[at].startswith("--- "):
        if lines[at] and not lines[at].startswith("#"):
            raise FormError(f"{path}:{at + 1}: before the first section only '# ' lines may stand")
        at += 1
    while at < len(lines):
        start = at
        found = SECTION.match(lines[at])
        if not found:
            raise FormError(f"{path}:{at + 1}: not a section: {lines[at]}")
        at += 1
        while at < len(lines) and not lines[at].startswith("--- "):
            at += 1
        read_section(case, found.group(1), (found.group(2) or "").strip(), lines, start, at)
    if not any(step.what not in ("file", "copy") for step in case.steps):
        raise FormError(f"{path}:1: the case does nothing")
    return case


def read_section(case: Case, kind: str, rest: str, lines: list[str], start: int, end: int) -> None:
    path, number = case.path, start + 1
    body = [Line(i + 1, lines[i]) for i in range(start + 1, end)]

    def bare() -> None:
        if any(line.text for line in body):
            raise FormError(f"{path}:{number}: '--- {kind}' has no body")

    if kind == "file":
        words = rest.split()
        if len(words) not in (1, 2) or (len(words) == 2 and words[1] != "append"):
            raise FormError(f"{path}:{number}: '--- file PATH' or '--- file PATH append'")
        text = [line.text[1:] if line.text.startswith("\\--- ") else line.text for line in body]
        while text and text[-1] == "":
            text.pop()
        case.steps.append(Step("file", number, name=words[0], body="".join(t + "\n" for t in text), append=len(words) == 2))
    elif kind == "copy":
        bare()
        words = rest.split()
        if len(words) not in (1, 2):
            raise FormError(f"{path}:{number}: '--- copy FROM [TO]', FROM seen from the root of the repository")
        case.steps.append(Step("copy", number, text=words[0], name=words[1] if len(words) == 2 else "."))
    elif kind == "run":
        read_commands(case, body)
    elif kind == "http":
        read_http(case, rest, number, body)
    elif kind in ("sql", "postgres"):
        read_sql(case, kind, number, body)
    elif kind == "tmpfs":
        bare()
        if not re.fullmatch(r"\S+ \d+[kM]", rest):
            raise FormError(f"{path}:{number}: '--- tmpfs FOLDER SIZE', as in '--- tmpfs disk 4M'")
        case.needs.append("root")
        folder, size = rest.split()
        case.steps.append(Step("tmpfs", number, name=folder, text=size))
    elif kind == "timeout":
        bare()
        if not re.fullmatch(r"\d+", rest):
            raise FormError(f"{path}:{number}: '--- timeout SECONDS'")
        case.timeout_seconds = float(rest)
    elif kind == "needs":
        bare()
        if rest not in ("root",):
            raise FormError(f"{path}:{number}: '--- needs root'")
        case.needs.append(rest)
    elif kind == "not":
        bare()
        found = re.fullmatch(r"in ([a-z-]+): (.+)", rest)
        if not found or found.group(1) not in SETTINGS:
            raise FormError(f"{path}:{number}: '--- not in SETTING: reason', SETTING one of {', '.join(SETTINGS)}")
        case.not_in[found.group(1)] = found.group(2)
    else:
        raise FormError(f"{path}:{number}: no section is called '{kind}'")


def read_commands(case: Case, body: list[Line]) -> None:
    path = case.path
    step: Step | None = None
    at = 0
    while at < len(body):
        line = body[at]
        text, mark = line.text, line.text[:2]
        at += 1
        if mark == "$ " or mark == "& ":
            while text.endswith("\\") and at < len(body):
                text = text[:-1] + body[at].text
                at += 1
            step = Step("shell", line.number, text=text[2:], first=at + body[0].number - 1)
            if mark == "& ":
                found = re.fullmatch(r"([a-z][a-z0-9_]*) (.+)", step.text, re.S)
                if not found:
                    raise FormError(f"{path}:{line.number}: '& NAME COMMAND' starts a process in the background")
                step = Step("background", line.number, name=found.group(1), text=found.group(2))
            case.steps.append(step)
        elif mark == "@ ":
            verb, _, rest = text[2:].partition(" ")
            if verb not in ACTIONS:
                raise FormError(f"{path}:{line.number}: no action is called '{verb}': {', '.join(sorted(ACTIONS))}")
            step = Step("action", line.number, name=verb, text=rest, first=at + body[0].number - 1)
            if verb == "env" and "=" not in rest:
                raise FormError(f"{path}:{line.number}: '@ env NAME=VALUE'")
            case.steps.append(step)
        elif text.startswith(";; ") or text == ";;":
            continue
        elif step is None:
            if text:
                raise FormError(f"{path}:{line.number}: a line before the first command")
        elif mark == "? ":
            if step.code is not None or step.out or step.err or step.checks or not text[2:].isdigit():
                raise FormError(f"{path}:{line.number}: '? CODE' stands once, right after its command")
            step.code, step.first = int(text[2:]), line.number
        else:
            expect(case, step, line)
    for step in case.steps:
        finish(case, step)


def expect(case: Case, step: Step, line: Line) -> None:
    text = line.text
    takes_output = step.what in ("shell", "http", "sql", "postgres") or (step.what == "action" and step.name in ("stop", "end"))
    if not text and not takes_output:
        return
    if not takes_output:
        raise FormError(f"{case.path}:{line.number}: no output is expected here")
    if text.startswith("= "):
        step.checks.append(Line(line.number, text[2:]))
    elif (text.startswith("! ") or text == "!") and step.what in ("shell", "action"):
        step.err.append(Line(line.number, text[2:]))
    else:
        step.out.append(line)


def finish(case: Case, step: Step) -> None:
    """Blank lines at the end of expected output are layout."""
    while step.out and not step.out[-1].text:
        step.out.pop()
    if step.last == 0 and step.first:
        numbers = [line.number for line in (*step.out, *step.err, *step.checks)]
        step.last = max(numbers, default=step.first)


def read_sql(case: Case, kind: str, number: int, body: list[Line]) -> None:
    texts = [line.text for line in body]
    cut = texts.index("----") if "----" in texts else None
    step = Step(kind, number, text="\n".join(texts[:cut]).strip())
    if kind == "sql" and (cut is None or not step.text):
        raise FormError(f"{case.path}:{number}: '--- sql' needs a query, a line '----' and the rows it must give")
    if cut is not None:
        step.code = 0
        step.first = body[cut].number
        for line in body[cut + 1:]:
            expect(case, step, line)
    case.steps.append(step)
    finish(case, step)


def read_http(case: Case, rest: str, number: int, body: list[Line]) -> None:
    if not re.fullmatch(r"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S+", rest):
        raise FormError(f"{case.path}:{number}: '--- http METHOD URL'")
    texts = [line.text for line in body]
    if "----" not in texts or len(texts) < texts.index("----") + 2 or not re.fullmatch(r"\d\d\d", texts[texts.index("----") + 1]):
        raise FormError(f"{case.path}:{number}: '--- http' needs a line '----' and the expected status below it")
    cut = texts.index("----")
    step = Step("http", number, text=rest, code=int(texts[cut + 1]), first=body[cut + 1].number)
    at = 0
    while at < cut and (found := re.fullmatch(r"([A-Za-z][A-Za-z0-9-]*): (.*)", texts[at])):
        step.headers.append((found.group(1), found.group(2)))
        at += 1
    step.body = "\n".join(texts[at:cut]).strip("\n")
    for line in body[cut + 2:]:
        if line.text.startswith("< ") and not step.out:
            step.wanted_headers.append(Line(line.number, line.text[2:]))
            step.first = line.number
        else:
            expect(case, step, line)
    case.steps.append(step)
    finish(case, step)
