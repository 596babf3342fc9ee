"""The program as its users have it: a process that serves, its HTTP API over connections that stay open, its commands, a clock that stands in a file,
and a webhook that takes what it tells."""
from __future__ import annotations

import concurrent.futures
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable

from flight_year.feed import text_of

CONNECTIONS = 4
READY_SECONDS = 60
STOP_SECONDS = 60
LONGEST_WAIT_SECONDS = 600   # a training on a busy machine
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.M)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Failed(Exception):
    """The play cannot go on, or something that had to happen did not; the text says what."""


class Webhook:
    """Takes what `notify` tells, in the order in which it comes; a notice that comes twice counts once."""

    def __init__(self, take: Callable[[dict], None]):
        seen: set[str] = set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                notice = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if notice.get("id") not in seen:
                    seen.add(notice.get("id"))
                    take(notice)
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()


class World:
    def __init__(self, program: pathlib.Path, folder: pathlib.Path, now: int, webhook: str):
        self.program, self.folder = program, folder
        self.clock = folder / "clock"
        self.env = {**os.environ, "TIDEMILL_CLOCK": str(self.clock), "YEAR_WEBHOOK": webhook}
        self.process: subprocess.Popen | None = None
        self.port = 0
        self.token = ""
        self.failures = 0.0   # of monitors
        self.local = threading.local()
        self.pool = concurrent.futures.ThreadPoolExecutor(CONNECTIONS)
        self.set_clock(now)

    def set_clock(self, at: int) -> None:
        part = self.folder / ".clock.part"
        part.write_text(text_of(at) + "\n")
        part.rename(self.clock)
        self.now = at

    def tidemill(self, *words: object, fails: bool = False) -> str:
        done = subprocess.run([self.program, "-p", self.folder, *map(str, words)], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0 and not fails:
            raise Failed(f"tidemill {' '.join(map(str, words))} ended with exit code {done.returncode}:\n{done.stderr.strip()}")
        return done.stdout

    def data(self, *words: object) -> dict:
        return json.loads(self.tidemill(*words, "--json"))

    def serve(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.token = self.tidemill("-q", "tokens", "create", "year", "--scope", "predict", "--scope", "write", "--scope", "read").strip()
        with (self.folder / "serve.log").open("w") as log:
            self.process = subprocess.Popen(
                [self.program, "-p", self.folder, "-q", "serve", "--port", str(self.port), "--grpc-port", "none", "--roll-interval", "500ms"],
                env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self.wait_for("the server", lambda: self._is_ready(), READY_SECONDS)

    def _is_ready(self) -> bool:
        try:
            return self.http("GET", "/v2/health/ready")[0] == 200
        except OSError:
            return False

    def stop(self) -> None:
        """Only what was started here, by its id."""
        self.pool.shutdown()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(f"tidemill serve did not end within {STOP_SECONDS} s of SIGTERM") from None
        if code != 0:
            raise Failed(f"tidemill serve ended with exit code {code}")

    def http(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> tuple[int, bytes]:
        """Over this thread's connection; one that the server closed meanwhile is opened again."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        for again in (False, True):
            connection = getattr(self.local, "connection", None)
            if connection is None:
                connection = self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, OSError):
                connection.close()
                self.local.connection = None
                if again:
                    raise
        raise AssertionError

    def predict(self, deployment: str, rows: list[dict]) -> tuple[int, list[dict]]:
        """→ which version answered, and what of each row."""
        status, body = self.http("POST", f"/predict/{deployment}", json.dumps(rows).encode())
        if status != 200:
            raise Failed(f"/predict/{deployment} answered {status} at {text_of(self.now)}: {body.decode(errors='replace')[:500]}")
        answer = json.loads(body)
        return answer["version"], answer["predictions"]

    def label(self, labels: list[tuple[str, bool]]) -> dict:
        text = "flight_id,value\n" + "".join(f"{key},{int(value)}\n" for key, value in labels)
        status, body = self.http("POST", "/labels/late", text.encode(), "text/csv")
        if status != 200:
            raise Failed(f"/labels/late answered {status}: {body.decode(errors='replace')[:500]}")
        return json.loads(body)

    def metrics(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        status, body = self.http("GET", "/metrics")
        if status != 200:
            raise Failed(f"/metrics answered {status}")
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for name, labels, value in SAMPLE.findall(body.decode()):
            found.setdefault(name, []).append((dict(LABEL.findall(labels)), float(value)))
        return found

    def stage(self) -> str:
        """Of the retraining; as /metrics has it."""
        return next((labels["stage"] for labels, _ in self.metrics().get("tidemill_retraining_stage", [])), "idle")

    def wait_for(self, what: str, there: Callable[[], object], seconds: float = LONGEST_WAIT_SECONDS) -> None:
        until = time.monotonic() + seconds
        while not there():
            if self.process is not None and self.process.poll() is not None:
                raise Failed(f"tidemill serve ended with exit code {self.process.returncode} (see {self.folder}/serve.log)")
            if time.monotonic() > until:
                raise Failed(f"waited {seconds:.0f} s for {what} at {text_of(self.now)}")
            time.sleep(0.02)

    def wait_until_logged(self) -> None:
        """What was predicted is in the log's table: nothing waits in memory, and every segment that is still written has a newer file."""
        log = self.folder / ".tidemill/predictions/late"

        def rolled() -> bool:
            if any(value > 0 for _, value in self.metrics().get("tidemill_log_waiting_bytes", [])):
                return False
            for segment in log.glob("*.segment"):
                table = segment.with_suffix(".parquet")
                try:
                    if table.stat().st_mtime_ns < segment.stat().st_mtime_ns:
                        return False
                except FileNotFoundError:
                    if segment.exists():
                        return False
            return True

        self.wait_for("the log's table", rolled)

    def wait_until_forgotten(self, retain: int) -> None:
        """What is older than the log keeps is gone: what follows does not find it listed and then removed."""
        log = self.folder / ".tidemill/predictions/late"
        name = text_of(self.now - retain - 3600)[:13]
        self.wait_for("the end of old rows", lambda: all(file.name[:13] > name for file in log.glob("*.parquet")))

    def wait_until_looked(self, since: int) -> None:
        """Every monitor has looked since that time of the clock, or could not."""
        def looked() -> bool:
            metrics = self.metrics()
            failures = sum(value for _, value in metrics["tidemill_monitor_failures_total"])
            there = sum(value >= since for _, value in metrics.get("tidemill_monitor_last_evaluation_timestamp_seconds", []))
            if there + failures - self.failures < len(metrics["tidemill_monitor_interval_seconds"]):
                return False
            self.failures = failures
            return True

        self.wait_for("the monitors", looked)
