"""A server that is killed, ended and started again while clients ask on.

    restarts.py PORT COMMAND…       COMMAND serves the deployment `big` with one numeric feature `x` on PORT

killed: five times in the middle of the load; clients see connections break while nobody listens, and never a wrong answer.
ended: SIGTERM with a grace; a client that looks at /v2/health/ready, as a load balancer does, loses nothing, and the exit code is 0."""
from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time

PORT, COMMAND = int(sys.argv[1]), sys.argv[2:]
CLIENTS = 8
PATIENCE_SECONDS = 60


def start(*more: str) -> subprocess.Popen:
    process = subprocess.Popen([*COMMAND, *more], stderr=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        assert process.poll() is None and time.monotonic() < until, "the server does not become ready"
    return process


def ready() -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE_SECONDS)
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False


class Client:
    """Asks for one value over and over on a connection that stays open."""

    def __init__(self, x: int):
        self.x, self.connection = x, None
        self.body = json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [x]}]})

    def ask(self) -> float:
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE_SECONDS)
        try:
            self.connection.request("POST", "/v2/models/big/infer", self.body)
            reply = self.connection.getresponse()
            text = reply.read()
        except (OSError, http.client.HTTPException) as broken:
            self.connection = None
            raise ConnectionError(str(broken)) from broken
        assert reply.status == 200, (reply.status, text)
        return json.loads(text)["outputs"][0]["data"][0]


class Load:
    """Clients that ask until stopped. may_break: a connection may end under them; looks: they ask only while the server is ready."""

    def __init__(self, known: dict[int, float], may_break: bool, looks: bool):
        self.known, self.may_break, self.looks = known, may_break, looks
        self.answers, self.breaks, self.wrong, self.stopped = 0, 0, [], False
        self.lock = threading.Lock()
        self.ready = True
        self.threads = [threading.Thread(target=self.ask_on, args=(x,)) for x in list(known)[:CLIENTS]]
        if looks:
            self.threads.append(threading.Thread(target=self.look))
        for thread in self.threads:
            thread.start()

    def look(self) -> None:
        while not self.stopped and self.ready:
            self.ready = ready()

    def ask_on(self, x: int) -> None:
        client = Client(x)
        while not self.stopped and self.ready:
            try:
                score = client.ask()
            except ConnectionError as broken:
                with self.lock:
                    self.breaks += 1
                    if not self.may_break:
                        self.wrong.append(f"lost: {broken}")
                        return
            except AssertionError as refused:
                self.wrong.append(f"refused: {refused}")
                return
            else:
                with self.lock:
                    self.answers += 1
                if score != self.known[x]:
                    self.wrong.append(f"{x} is {self.known[x]}, not {score}")
                    return

    def wait_for(self, answers: int) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while self.answers < answers and not self.wrong:
            assert time.monotonic() < until, f"{self.answers} answers of {answers}"
            time.sleep(0.001)

    def stop(self) -> None:
        self.stopped = True
        for thread in self.threads:
            thread.join()
        assert not self.wrong, self.wrong[:3]


def main() -> None:
    server = start()
    known = {x: Client(x).ask() for x in range(10)}
    assert len(set(known.values())) > 2, "the values do not tell answers apart"

    load = Load(known, may_break=True, looks=False)
    for _ in range(5):
        load.wait_for(load.answers + 500)
        server.kill()
        server.wait()
        server = start()
    load.wait_for(load.answers + 500)
    load.stop()
    assert load.breaks > 0, "no connection broke"
    print("killed five times under load: no wrong answer")

    server.kill()
    server.wait()
    server = start("--grace", "2s")
    load = Load(known, may_break=False, looks=True)
    load.wait_for(500)
    server.send_signal(signal.SIGTERM)
    code = server.wait(PATIENCE_SECONDS)
    load.stop()
    assert not load.ready, "the server never said that it is ending"
    assert code == 0, f"exit code {code}"
    print("ended under load: nothing lost")


os.environ.pop("http_proxy", None)
main()
