"""Plays one case step by step and says what came out otherwise than expected. Accepting rewrites the expected output in the file,
but only of steps whose exit code or status was the expected one, and never a check."""
from __future__ import annotations

import dataclasses
import datetime
import difflib
import http.client
import json
import os
import pathlib
import shutil
import signal
import string
import time
import urllib.parse

from . import match
from .form import Case, Step, escape
from .world import POLL_SECONDS, ROOT, Background, Broken, Postgres, Skipped, World

MAX_SHOWN_LINES = 120
BUG_OF_OURS = 70
SETTING_ENV = {
    "": {}, "restart": {}, "sanitizers": {},
    "one-thread": {"TIDEMILL_THREADS": "1"},
    "tiny-memory": {"TIDEMILL_MEMORY": "96MB"},
}
SANITIZER_SLOWNESS = 8


@dataclasses.dataclass
class Options:
    bin_folder: pathlib.Path
    setting: str = ""
    accept: bool = False
    keep: bool = False


@dataclasses.dataclass
class Outcome:
    name: str
    status: str          # passed | failed | skipped
    text: str = ""       # what went wrong, or why it was skipped
    accepted: bool = False
    seconds: float = 0


def play(case: Case, options: Options) -> Outcome:
    started = time.monotonic()
    if options.setting in case.not_in:
        return Outcome(case.name, "skipped", case.not_in[options.setting])
    if "root" in case.needs and os.getuid() != 0:
        return Outcome(case.name, "skipped", "needs root")
    slow = SANITIZER_SLOWNESS if options.setting == "sanitizers" else 1
    world = World(case.name, options.bin_folder, SETTING_ENV[options.setting], case.timeout_seconds * slow)
    player = Player(case, options, world)
    try:
        player.play()
        outcome = Outcome(case.name, "passed")
    except Skipped as reason:
        outcome = Outcome(case.name, "skipped", str(reason))
    except Broken as reason:
        outcome = Outcome(case.name, "failed", f"{case.path}:{player.at.line}: {reason}")
    finally:
        left_behind = world.close(options.keep)
    wrong = [outcome.text] if outcome.status == "failed" else []
    wrong = player.wrong + wrong
    if left_behind and outcome.status != "skipped":
        wrong.append(f"{case.path}:1: left behind processes that nobody ended: " + "; ".join(left_behind))
    if wrong:
        outcome.status, outcome.text = "failed", "\n".join(wrong)
        if options.keep:
            outcome.text += f"\nkept: {world.root}"
    if options.accept and player.rewrites:
        player.rewrite()
        outcome.accepted = True
    outcome.seconds = time.monotonic() - started
    return outcome


class Player:
    def __init__(self, case: Case, options: Options, world: World):
        self.case, self.options, self.world = case, options, world
        self.wrong: list[str] = []
        self.rewrites: list[tuple[Step, list[str], list[str]]] = []
        self.at = case.steps[0]
        self.now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)

    def play(self) -> None:
        for step in self.case.steps:
            self.at = step
            if self.options.setting == "restart" and step.what in ("shell", "http"):
                for process in self.world.background.values():
                    if process.ready_url and process.process.poll() is None:
                        self.restart(process)
            getattr(self, "do_" + step.what)(step)

    # --- what a step does

    def inside(self, name: str) -> pathlib.Path:
        place = (self.world.project / name).resolve()
        if not place.is_relative_to(self.world.project.resolve()):
            raise Broken(f"{name} lies outside of the case's folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def do_file(self, step: Step) -> None:
        with open(self.inside(step.name), "a" if step.append else "w", encoding="utf-8") as file:
            file.write(step.body)

    def do_copy(self, step: Step) -> None:
        source, place = ROOT / step.text, self.inside(step.name)
        if source.is_dir():
            shutil.copytree(source, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".tidemill", "out"))
        elif source.is_file():
            shutil.copy(source, place / source.name if place.is_dir() else place)
        else:
            raise Broken(f"there is no {step.text} in the repository")

    def do_tmpfs(self, step: Step) -> None:
        self.inside(step.name)
        self.world.mount_tmpfs(step.name, step.text)

    def do_shell(self, step: Step) -> None:
        code, out, err = self.world.shell(step.text)
        if self.judge_code(step, code, f"$ {step.text}", out, err):
            self.judge_output(step, out, err)

    def do_background(self, step: Step) -> None:
        if step.name in self.world.background and self.world.background[step.name].process.poll() is None:
            raise Broken(f"{step.name} is already running")
        self.world.background[step.name] = Background(step.name, step.text, self.world)

    def do_postgres(self, step: Step) -> None:
        if self.world.postgres is None:
            self.world.postgres = Postgres(self.world)
        if not step.text:
            return
        done = self.world.postgres.sql(step.text)
        if done.returncode != 0:
            raise Broken(f"PostgreSQL refused it:\n{done.stderr}")
        if step.code is not None:
            self.judge_output(step, done.stdout, "")

    def do_sql(self, step: Step) -> None:
        query = self.world.root / "tmp" / "query.sql"
        query.write_text(step.text, encoding="utf-8")
        code, out, err = self.world.shell(f"case_query < '{query}'")
        if self.judge_code(step, code, step.text, out, err):
            self.judge_output(step, out, err)

    def do_http(self, step: Step) -> None:
        method, url = string.Template(step.text).safe_substitute(self.world.env).split(" ", 1)
        if url.startswith("/"):
            url = f"http://127.0.0.1:{self.world.ports[0]}{url}"
        parts = urllib.parse.urlsplit(url)
        body = step.body.encode() if step.body else None
        headers = dict(step.headers)
        if body is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=max(0.1, self.world.left()))
        try:
            connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", errors="backslashreplace")
        except (OSError, http.client.HTTPException) as error:
            raise Broken(f"no answer to {step.text}: {error}") from None
        finally:
            connection.close()
        if not self.judge_code(step, answer.status, step.text, text, ""):
            return
        for wanted in step.wanted_headers:
            name, _, value = wanted.text.partition(": ")
            seen = answer.getheader(name)
            if seen is None or not match.line_matches(value, self.normal(seen)):
                self.fail(wanted.number, f"header {name} is {seen!r}")
        self.judge_output(step, text, "")

    def do_action(self, step: Step) -> None:
        words = string.Template(step.text).safe_substitute(self.world.env).split()
        if step.name == "env":
            name, _, value = step.text.partition("=")
            self.world.env[name] = string.Template(value).safe_substitute(self.world.env)
        elif step.name == "until":
            self.until(step.text)
        elif step.name == "ready":
            if len(words) != 2:
                raise Broken("'@ ready NAME URL'")
            process = self.named(words[0])
            process.ready_url = words[1] if "://" in words[1] else f"http://127.0.0.1:{self.world.ports[0]}{words[1]}"
            process.wait_ready()
        elif words and words[0] == "postgres":
            self.postgres_action(step.name)
        else:
            self.process_action(step, words)

    def process_action(self, step: Step, words: list[str]) -> None:
        if len(words) != (2 if step.name == "send" else 1):
            raise Broken(f"'@ {step.name} NAME{' SIGNAL' if step.name == 'send' else ''}'")
        process = self.named(words[0])
        if step.name == "send":
            process.signal(signal.Signals[f"SIG{words[1]}"])
        elif step.name == "restart":
            self.restart(process)
        elif step.name == "kill":
            process.signal(signal.SIGKILL)
            process.wait()
        else:
            if step.name == "stop":
                process.signal(signal.SIGTERM)
            code = process.wait()
            out, err = process.out.read_text(errors="backslashreplace"), process.err.read_text(errors="backslashreplace")
            if self.judge_code(step, code, f"& {process.command}", out, err) and (step.out or step.err or step.checks):
                self.judge_output(step, out, err)

    def postgres_action(self, verb: str) -> None:
        if self.world.postgres is None:
            raise Broken("no PostgreSQL was started")
        if verb == "kill":
            self.world.postgres.stop(signal.SIGKILL)
        elif verb == "stop":
            self.world.postgres.stop(signal.SIGINT)
        elif verb == "restart":
            self.world.postgres.stop(signal.SIGQUIT)
            self.world.postgres.start()
        else:
            raise Broken(f"'@ {verb} postgres' has no meaning")

    def named(self, name: str) -> Background:
        if name not in self.world.background:
            raise Broken(f"no process is called {name}")
        return self.world.background[name]

    def restart(self, process: Background) -> None:
        process.signal(signal.SIGTERM)
        process.wait()
        process.start()
        if process.ready_url:
            process.wait_ready()

    def until(self, command: str) -> None:
        while True:
            code, out, err = self.world.shell(command)
            if code == 0:
                return
            if self.world.left() <= 0:
                raise Broken(f"this never became true: {command}\n{out[-1000:]}{err[-1000:]}")
            time.sleep(POLL_SECONDS)

    # --- what came out

    def normal(self, text: str) -> str:
        return match.normalise(text, self.world.replacements(), self.now)

    def fail(self, line: int, text: str) -> None:
        self.wrong.append(f"{self.case.path}:{line}: {text}")

    def judge_code(self, step: Step, code: int, said: str, out: str, err: str) -> bool:
        wanted = step.code or 0
        if code == wanted:
            return True
        shown = indented(self.normal(out).split("\n")[-40:] + self.normal(err).split("\n")[-40:])
        self.fail(step.line, f"{'status' if step.what == 'http' else 'exit code'} {code}, expected {wanted}: {said}\n{shown}")
        return False

    def judge_output(self, step: Step, out: str, err: str) -> None:
        """stdout must be as expected, also when that is nothing. stderr counts when it is stated, and always when the command failed."""
        seen, complaints = match.lines_of(self.normal(out)), match.lines_of(self.normal(err))
        wanted, wanted_err = [line.text for line in step.out], [line.text for line in step.err]
        if step.checks:
            self.judge_checks(step, out)
        right = (not wanted and bool(step.checks)) or match.matches(wanted, seen)
        right_err = match.matches(wanted_err, complaints) if wanted_err or (step.code and step.what == "shell") else True
        if right and right_err:
            return
        if self.options.accept and (step.what == "http" or not is_crash(step.code or 0)):
            keep_out = wanted if right else [escape(line) for line in seen]
            self.rewrites.append((step, keep_out, wanted_err if right_err else complaints))
            return
        for name, good, want, got in (("stdout", right, wanted, seen), ("stderr", right_err, wanted_err, complaints)):
            if not good:
                self.fail(step.line, f"{name} differs: {step.text.splitlines()[0]}\n{difference(want, got)}")

    def judge_checks(self, step: Step, out: str) -> None:
        try:
            document = json.loads(out)
        except ValueError as error:
            self.fail(step.line, f"not JSON ({error}): {step.text}\n{indented(out.splitlines()[:20])}")
            return
        for check in step.checks:
            try:
                match.check_json(string.Template(check.text).safe_substitute(self.world.env), document)
            except match.CheckError as error:
                self.fail(check.number, f"= {check.text}\n    {error}")

    def rewrite(self) -> None:
        lines = self.case.path.read_text(encoding="utf-8").split("\n")
        for step, out, err in sorted(self.rewrites, key=lambda r: -r[0].first):
            checks = [f"= {check.text}" for check in step.checks]
            new = out + [f"! {line}" if line else "!" for line in err] + checks
            lines[step.first:max(step.first, step.last)] = new
        self.case.path.write_text("\n".join(lines), encoding="utf-8")


def is_crash(code: int) -> bool:
    return code == BUG_OF_OURS or code >= 128


def indented(lines: list[str]) -> str:
    return "\n".join("    " + line for line in lines[:MAX_SHOWN_LINES])


def difference(wanted: list[str], seen: list[str]) -> str:
    return indented([line.rstrip("\n") for line in difflib.unified_diff(wanted, seen, "expected", "seen", n=2, lineterm="")][2:])
