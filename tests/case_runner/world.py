"""Where one case lives: its folders, environment, ports, background processes, PostgreSQL server and mounts; and how all of it ends.

A case may leave nothing behind: a process that outlives it is found by the mark in its environment, ended by its pid, and reported."""
from __future__ import annotations

import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSED_ON = ("ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH", "TIDEMILL_EXTENSIONS")
# Where tools/setup_python keeps its environments: a case has a home of its own, and would install them again.
CACHE = os.environ.get("TIDEMILL_CACHE") or str(
    pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tidemill")
POLL_SECONDS = 0.01
STRAY_PATIENCE_SECONDS = 3

_ports_taken: set[int] = set()
_ports_lock = threading.Lock()


class Broken(Exception):
    """The case cannot go on; the text says why."""


class Skipped(Exception):
    """This machine cannot play the case; the text says why."""


def free_port() -> int:
    """Below the range from which the kernel takes ports for outgoing connections, so that nobody else is given it meanwhile. An even one: a
    server takes the port after it for gRPC."""
    source = random.SystemRandom()
    with _ports_lock:
        for _ in range(1000):
            port = source.randrange(15000, 32000, 2)
            if port in _ports_taken:
                continue
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            _ports_taken.add(port)
            return port
    raise Broken("no free port on 127.0.0.1")


def end_group(process: subprocess.Popen, how: int) -> None:
    try:
        os.killpg(process.pid, how)
    except ProcessLookupError:
        pass


class Background:
    """A process with its own group; its output lies in two files."""

    def __init__(self, name: str, command: str, world: World):
        self.name, self.command, self.world = name, command, world
        self.ready_url: str | None = None
        self.out, self.err = world.logs / f"{name}.out", world.logs / f"{name}.err"
        self.start()

    def start(self) -> None:
        with open(self.out, "ab") as out, open(self.err, "ab") as err:
            self.process = subprocess.Popen(["bash", "-c", self.command], cwd=self.world.project, env=self.world.env,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)

    def wait(self) -> int:
        try:
            code = self.process.wait(timeout=max(0.01, self.world.left()))
        except subprocess.TimeoutExpired:
            raise Broken(f"{self.name} did not end in time") from None
        return code if code >= 0 else 128 - code

    def signal(self, how: int) -> None:
        if self.process.poll() is None:
            end_group(self.process, how)

    def wait_ready(self) -> None:
        while True:
            if self.process.poll() is not None:
                raise Broken(f"{self.name} ended with {self.process.returncode} before it was ready:\n{self.tail()}")
            try:
                with urllib.request.urlopen(self.ready_url, timeout=2) as answer:
                    if 200 <= answer.status < 300:
                        return
            except (OSError, urllib.error.URLError):
                pass
            if self.world.left() <= 0:
                raise Broken(f"{self.name} was not ready in time at {self.ready_url}:\n{self.tail()}")
            time.sleep(POLL_SECONDS)

    def tail(self) -> str:
        text = self.out.read_text(errors="replace")[-2000:] + self.err.read_text(errors="replace")[-4000:]
        return "\n".join("    " + line for line in text.splitlines()[-40:])


class Postgres:
    """A server of the case's own: database and user `case`, no password, on 127.0.0.1 only. Run as the user postgres when we are root."""
    _template_lock = threading.Lock()
    _template: pathlib.Path | None = None

    def __init__(self, world: World):
        self.world = world
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
        if not found:
            raise Skipped("PostgreSQL's server is not installed")
        self.bin = found[-1].parent
        self.user = {}
        if os.getuid() == 0:
            try:
                entry = pwd.getpwnam("postgres")
            except KeyError:
                raise Skipped("there is no user postgres to run the server as") from None
            self.user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemill-postgres-"))
        self.data = self.folder / "data"
        with Postgres._template_lock:
            if Postgres._template is None:
                Postgres._template = self._make_template()
        shutil.copytree(Postgres._template, self.data)
        self._own(self.folder)
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        self.start()
        world.env.update({"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "case", "PGDATABASE": "case",
                          "PG_DSN": f"host=127.0.0.1 port={self.port} user=case dbname=case"})

    def _own(self, folder: pathlib.Path) -> None:
        if self.user:
            for place in (folder, *folder.rglob("*")):
                os.chown(place, self.user["user"], self.user["group"])
        (folder if folder.name == "data" else folder / "data").chmod(0o700)

    def _make_template(self) -> pathlib.Path:
        """initdb takes a second: once for all cases."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemill-postgres-"))
        if self.user:
            os.chown(folder, self.user["user"], self.user["group"])
        made = subprocess.run([self.bin / "initdb", "-D", folder / "data", "-U", "case", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                               "--no-sync"], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", **self.user)
        if made.returncode != 0:
            raise Broken(f"initdb failed:\n{made.stderr}")
        return folder / "data"

    @classmethod
    def forget_template(cls) -> None:
        if cls._template is not None:
            shutil.rmtree(cls._template.parent, ignore_errors=True)
            cls._template = None

    def start(self) -> None:
        with open(self.world.logs / "postgres.err", "ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.data, "-c", "listen_addresses=127.0.0.1", "-p", str(self.port), "-c",
                 f"unix_socket_directories={self.data}", "-c", "fsync=off", "-c", "timezone=UTC", "-c", "max_prepared_transactions=8"],
                cwd="/", env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, **self.user)
        while self._psql("postgres", "SELECT 1").returncode != 0:
            if self.process.poll() is not None or self.world.left() <= 0:
                log_text = (self.world.logs / "postgres.err").read_text(errors="replace")
                raise Broken(f"PostgreSQL did not start:\n{log_text[-3000:]}")
            time.sleep(POLL_SECONDS)
        if self._psql("postgres", "SELECT 1 FROM pg_database WHERE datname = 'case'").stdout.strip() != "1":
            self._psql("postgres", 'CREATE DATABASE "case"')

    def _psql(self, database: str, sql: str) -> subprocess.CompletedProcess:
        return subprocess.run([self.bin / "psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "case", "-d", database,
                               "-v", "ON_ERROR_STOP=1", "-A", "-F", " | ", "-t"], input=sql, text=True, capture_output=True, cwd="/")

    def sql(self, text: str) -> subprocess.CompletedProcess:
        return self._psql("case", text)

    def stop(self, how: int) -> None:
        """SIGQUIT is a crash with its children ended; SIGKILL leaves them to notice by themselves, so the group is killed."""
        if self.process is not None and self.process.poll() is None:
            if how == signal.SIGKILL:
                end_group(self.process, how)
            else:
                self.process.send_signal(how)
            self.process.wait(timeout=30)

    def close(self) -> None:
        self.stop(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)


class World:
    def __init__(self, name: str, bin_folder: pathlib.Path, extra_env: dict[str, str], timeout_seconds: float):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="tidemill-case-"))
        self.root.chmod(0o755)
        self.project, self.logs = self.root / "project", self.root / "logs"
        for folder in (self.project, self.logs, self.root / "home", self.root / "tmp"):
            folder.mkdir()
        self.deadline = time.monotonic() + timeout_seconds
        self.ports = [free_port() for _ in range(3)]
        self.mark = f"{os.getpid()}:{self.root.name}"
        self.env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.env |= {
            "PATH": f"{bin_folder}:{ROOT}/tests:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", "TZ": "UTC",
            "USER": "case", "HOME": str(self.root / "home"), "TIDEMILL_CACHE": CACHE, "TMPDIR": str(self.root / "tmp"),
            "CASE": str(self.project), "LOGS": str(self.logs), "REPO": str(ROOT), "CASE_MARK": self.mark, "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(self.root), "GIT_AUTHOR_NAME": "Case", "GIT_AUTHOR_EMAIL": "case@example.org",
            "GIT_COMMITTER_NAME": "Case", "GIT_COMMITTER_EMAIL": "case@example.org",
            "PORT": str(self.ports[0]), "PORT2": str(self.ports[1]), "PORT3": str(self.ports[2]), **extra_env}
        self.background: dict[str, Background] = {}
        self.postgres: Postgres | None = None
        self.mounts: list[pathlib.Path] = []

    def left(self) -> float:
        return self.deadline - time.monotonic()

    def replacements(self) -> list[tuple[str, str]]:
        pairs = [(str(self.project), "<case>"), (str(self.root), "<root>"), (str(ROOT), "<repo>")]
        pairs += [(f":{port}", ":<port>") for port in self.ports]
        if self.postgres:
            pairs += [(f":{self.postgres.port}", ":<port>"), (f"port {self.postgres.port}", "port <port>"),
                      (f"port={self.postgres.port}", "port=<port>")]
        return pairs

    def shell(self, command: str) -> tuple[int, str, str]:
        """Runs to its end; when time is over its whole group is killed."""
        process = subprocess.Popen(["bash", "-c", command], cwd=self.project, env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, err = process.communicate(timeout=max(0.01, self.left()))
        except subprocess.TimeoutExpired:
            end_group(process, signal.SIGKILL)
            out, err = process.communicate()
            raise Broken(f"not done in time; so far it printed\n{text_of(out)[-2000:]}{text_of(err)[-2000:]}") from None
        return process.returncode if process.returncode >= 0 else 128 - process.returncode, text_of(out), text_of(err)

    def mount_tmpfs(self, folder: str, size: str) -> None:
        place = self.project / folder
        place.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, text=True)
        if done.returncode != 0:
            raise Skipped(f"cannot mount a tmpfs here: {done.stderr.strip()}")
        self.mounts.append(place)

    def close(self, keep: bool) -> list[str]:
        """Ends everything. Returns the command lines of processes that nobody had ended."""
        for process in self.background.values():
            process.signal(signal.SIGTERM)
        for process in self.background.values():
            try:
                process.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.signal(signal.SIGKILL)
                process.process.wait()
        left_behind = self._end_strays()
        if self.postgres:
            self.postgres.close()
        for place in reversed(self.mounts):
            subprocess.run(["umount", "-l", place], check=False)
        if not keep:
            shutil.rmtree(self.root, ignore_errors=True)
        return left_behind

    def _end_strays(self) -> list[str]:
        """A child whose parent was just ended may need a moment to notice."""
        patience = time.monotonic() + STRAY_PATIENCE_SECONDS
        while marked(self.mark) and time.monotonic() < patience:
            time.sleep(POLL_SECONDS)
        return end_marked(self.mark)


def marked(mark: str) -> dict[int, str]:
    """The processes whose environment carries a mark that starts so: pid and command line."""
    wanted, found = f"CASE_MARK={mark}".encode(), {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(v.startswith(wanted) for v in pathlib.Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")):
                command = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ")
                found[int(entry)] = command.decode(errors="replace").strip()
        except OSError:
            continue
    return found


def end_marked(mark: str) -> list[str]:
    found = marked(mark)
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return list(found.values())


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", errors="backslashreplace")
