"""A server under load of every protocol while all that may change does change, and at last it is told to end in the middle of it.

    changes.py PORT GRPC_PORT AUTHORITY COMMAND…

COMMAND serves, in the current folder, the deployments `plain` (features x and weight) and `raw` (rows of customer and x) of the model `big`,
which has two versions that score differently; with TLS by a certificate of AUTHORITY, where that is not `none`. The tokens are in NAME.token
(caller, watcher, changer), `sh publish.sh N` publishes other tables and, with TLS, `sh renew.sh N` puts another certificate in place.

Every answer must be the one of the version that it says it is of. Run under a sanitizer, what that reports ends the server with another exit
code than 0 and is printed; that is what this is for."""
from __future__ import annotations

import gzip
import http.client
import itertools
import json
import pathlib
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

PORT, GRPC_PORT, AUTHORITY, COMMAND = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
ROUNDS = 1               # of changes, by each of those who change something
PATIENCE_SECONDS = 120
MANY_ROWS = 8_000        # so many that a worker predicts them, by version 2
CUSTOMERS = ("c0", "c1", "c2", "c3")
TOKENS = {name: pathlib.Path(f"{name}.token").read_text().strip() for name in ("caller", "watcher", "changer")}
TLS = None if AUTHORITY == "none" else ssl.create_default_context(cafile=AUTHORITY)


wrong: list[str] = []   # what was found; everybody stops then


class Wrong(Exception):
    pass


class Overloaded(Exception):
    """503 or 429, or what gRPC has for them: a right answer, too."""


def must(holds: bool, *told: object) -> None:
    if not holds:
        raise Wrong(" ".join(str(each) for each in told))


# --- callers, each with a connection of its own

class Http:
    def __init__(self, token: str):
        self.token = token
        self.connection = (http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE_SECONDS) if TLS is None else
                           http.client.HTTPSConnection("localhost", PORT, timeout=PATIENCE_SECONDS, context=TLS))

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str):
        headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"Authorization": f"Bearer {self.token}"}
        self.connection.request(method, path, body, headers)
        reply = self.connection.getresponse()
        return reply.status, reply.headers, reply.read()

    def post(self, path: str, body: bytes, **headers: str):
        status, headers, reply = self.ask("POST", path, body, **headers)
        if status in (429, 503):
            raise Overloaded
        must(status == 200, path, status, reply)
        return headers, reply


def features_of(values: list[int]) -> dict:
    column = lambda name: {"name": name, "shape": [len(values)], "datatype": "FP64", "data": values}
    return {"inputs": [column("x"), column("weight")]}


class Known:
    """What each version answers, asked while nothing changed."""

    def __init__(self) -> None:
        self.plain: dict[tuple[int, int], float] = {}
        self.raw: dict[tuple[int, str, int], float] = {}
        changer, caller = Http(TOKENS["changer"]), Http(TOKENS["caller"])
        for deployment in ("plain", "raw"):
            change(f"/deployments/{deployment}/rollout", end=True)
        for version in (1, 2):
            changer.post("/models/big/promote", json.dumps({"version": version}).encode())
            for x in range(10):
                self.hold_plain(caller, x)
                for customer in CUSTOMERS:
                    self.hold_raw(caller, customer, x)
        must(len({self.plain[version, x] for version in (1, 2) for x in range(10)}) > 4, "the scores do not tell versions apart")

    def hold_plain(self, caller: Http, x: int) -> None:
        reply = json.loads(caller.post("/v2/models/plain/infer", json.dumps(features_of([x])).encode())[1])
        self.plain[int(reply["model_version"]), x] = reply["outputs"][0]["data"][0]

    def hold_raw(self, caller: Http, customer: str, x: int) -> None:
        reply = json.loads(caller.post("/predict/raw", json.dumps({"id": 1, "customer": customer, "x": x}).encode())[1])
        self.raw[reply["version"], customer, x] = reply["predictions"][0]["score"]


def json_caller(known: Known, _: int):
    caller = Http(TOKENS["caller"])
    while True:
        x = random.randrange(10)
        body, coding = json.dumps(features_of([x])).encode(), {}
        if x % 3 == 0:
            body, coding = gzip.compress(body), {"Content_Encoding": "gzip"}
        reply = json.loads(caller.post("/v2/models/plain/infer", body, **coding)[1])
        must(reply["outputs"][0]["data"] == [known.plain[int(reply["model_version"]), x]], x, reply)
        yield


def binary_caller(known: Known, _: int):
    caller = Http(TOKENS["caller"])
    while True:
        x = random.randrange(10)
        column = lambda name: {"name": name, "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}}
        head = json.dumps({"inputs": [column("x"), column("weight")], "parameters": {"binary_data_output": True}}).encode()
        headers, reply = caller.post("/v2/models/plain/infer", head + struct.pack("<dd", x, x), Inference_Header_Content_Length=str(len(head)))
        at = int(headers["Inference-Header-Content-Length"])
        version = int(json.loads(reply[:at])["model_version"])
        must(struct.unpack_from("<d", reply, at)[0] == known.plain[version, x], x, reply)
        yield


def large_caller(known: Known, _: int):
    caller = Http(TOKENS["caller"])
    values = [i % 10 for i in range(MANY_ROWS)]
    body = json.dumps(features_of(values)).encode()
    while True:
        reply = json.loads(caller.post("/v2/models/plain/infer", body)[1])
        version = int(reply["model_version"])
        must(reply["outputs"][0]["data"] == [known.plain[version, x] for x in values], "a large answer of version", version)
        yield


def raw_caller(known: Known, _: int):
    caller = Http(TOKENS["caller"])
    while True:
        rows = [{"id": i, "customer": random.choice(CUSTOMERS), "x": random.randrange(10)} for i in range(random.choice((1, 1, 5)))]
        reply = json.loads(caller.post("/predict/raw", json.dumps(rows).encode())[1])
        wanted = [known.raw[reply["version"], row["customer"], row["x"]] for row in rows]
        must([each["score"] for each in reply["predictions"]] == wanted, rows, reply)
        yield


def mlflow_caller(known: Known, _: int):
    caller = Http(TOKENS["caller"])
    either = {x: {known.plain[version, x] for version in (1, 2)} for x in range(10)}
    while True:
        x = random.randrange(10)
        body = json.dumps({"dataframe_records": [{"x": x, "weight": x}]}).encode()
        reply = json.loads(caller.post("/invocations/plain", body, Content_Type="application/json")[1])
        must(reply["predictions"][0] in either[x], x, reply)
        yield


def watcher(known: Known, _: int):
    caller = Http(TOKENS["watcher"])
    for path in itertools.cycle(("/metrics", "/deployments", "/v2/models/plain/stats", "/v2/models/raw", "/openapi.json", "/v2/health/ready")):
        status, _, reply = caller.ask("GET", path)
        must(status in (200, 503), path, status, reply)
        yield


def passer_by(known: Known, _: int):
    """A connection for each request; every other one ends by a reset before its answer."""
    body = json.dumps(features_of([3])).encode()
    head = (f"POST /v2/models/plain/infer HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKENS['caller']}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    while True:
        Http(TOKENS["caller"]).post("/v2/models/plain/infer", body)
        with socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE_SECONDS) as vanishing:
            vanishing.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            vanishing.sendall(head + body)   # to a server with TLS, junk
        yield


def channel() -> grpc.Channel:
    options = [("grpc.use_local_subchannel_pool", 1)]   # a connection of its own
    if TLS is None:
        return grpc.insecure_channel(f"127.0.0.1:{GRPC_PORT}", options)
    return grpc.secure_channel(f"localhost:{GRPC_PORT}", grpc.ssl_channel_credentials(pathlib.Path(AUTHORITY).read_bytes()), options)


def message_of(x: int) -> service_pb2.ModelInferRequest:
    made = service_pb2.ModelInferRequest(model_name="plain", id=str(x), raw_input_contents=[struct.pack("<d", x)] * 2)
    for name in ("x", "weight"):
        made.inputs.add(name=name, datatype="FP64", shape=[1])
    return made


def hold(known: Known, reply: service_pb2.ModelInferResponse) -> None:
    score = struct.unpack("<d", reply.raw_output_contents[0])[0]
    must(score == known.plain[int(reply.model_version), int(reply.id)], reply)


METADATA = (("authorization", f"Bearer {TOKENS['caller']}"),)


def grpc_caller(known: Known, _: int):
    while True:
        with channel() as connection:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(connection)
            for x in range(20):
                hold(known, stub.ModelInfer(message_of(x % 10), metadata=METADATA, timeout=PATIENCE_SECONDS))
                yield


def stream_caller(known: Known, _: int):
    while True:
        with channel() as connection:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(connection)
            stream = stub.ModelStreamInfer((message_of(x % 10) for x in range(30)), metadata=METADATA, timeout=PATIENCE_SECONDS)
            for count, reply in enumerate(stream):
                must(not reply.error_message, reply)
                hold(known, reply.infer_response)
                yield
                if count == 25:   # and some are given up
                    stream.cancel()
                    break


CALLERS = (json_caller, json_caller, binary_caller, large_caller, raw_caller, raw_caller, raw_caller, mlflow_caller, watcher, passer_by,
           grpc_caller, stream_caller)


# --- those who change something

def command(*words: str, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_SECONDS * 2)
    must(done.returncode in codes, words, "ended with", done.returncode, done.stdout, done.stderr)
    return done.stdout.strip()


def change(path: str, **body: object) -> int:
    """A conflict (409) with who changes the same at the command line is a right answer, too."""
    changer = Http(TOKENS["changer"])
    status, _, reply = changer.ask("POST", path, json.dumps(body).encode())
    must(status in (200, 409), path, body, status, reply)
    return status


def changes_over_http() -> None:
    done = 0
    for n in range(ROUNDS * 4):
        if wrong:
            return
        champion = n % 2 + 1
        done += change("/models/big/promote", version=champion, reason="load") == 200
        other = 3 - champion
        done += change("/deployments/plain/rollout", shadow=other) == 200
        done += change("/deployments/raw/rollout", canary=other, percent=50) == 200
        done += change("/deployments/plain/rollout", canary=other, percent=30) == 200
        change("/deployments/raw/rollout", shadow=other)
        if n % 3 == 0:
            change("/deployments/raw/rollout", end=True)
    must(done > ROUNDS * 4, "only", done, "changes over HTTP were made")


def changes_at_the_command_line() -> None:
    usage = (0, 2)   # 2: what another has changed meanwhile
    for n in range(ROUNDS):
        if wrong:
            return
        token = command("tidemill", "tokens", "create", f"guest{n}", "--scope", "predict", "--rate", "0.001")
        guest, statuses = Http(token), set()
        until = time.monotonic() + PATIENCE_SECONDS
        while not {200, 429} <= statuses and time.monotonic() < until:
            statuses.add(guest.ask("POST", "/v2/models/plain/infer", json.dumps(features_of([1])).encode())[0])
        must({200, 429} <= statuses <= {200, 401, 429, 503}, "a token with a rate is answered", statuses)
        command("sh", "publish.sh", str(n))
        command("tidemill", "rollback", "big", "--reason", "load", codes=usage)
        command("tidemill", "promote", "big", "--release-hold", codes=usage)
        command("tidemill", "promote", "big", str(n % 2 + 1), codes=usage)
        command("tidemill", "rollout", "raw", "--canary", str(2 - n % 2), "--percent", "40", codes=usage)
        command("tidemill", "tokens", "revoke", f"guest{n}")
        guest = Http(token)   # the other connection may have been idle for too long
        while guest.ask("POST", "/v2/models/plain/infer", json.dumps(features_of([1])).encode())[0] != 401:
            must(time.monotonic() < until, "a revoked token still opens something")
        if TLS is not None:
            command("sh", "renew.sh", str(n % 2))


CHANGERS = (changes_over_http, changes_at_the_command_line)


# --- the whole

class Load:
    """All of them at once, until the server ends or something is wrong."""

    def __init__(self, known: Known):
        self.ending = threading.Event()
        self.answers = [0] * len(CALLERS)
        self.callers = [threading.Thread(target=self.call, args=(n, each, known)) for n, each in enumerate(CALLERS)]
        self.changers = [threading.Thread(target=self.change, args=(each,)) for each in CHANGERS]
        for thread in self.callers + self.changers:
            thread.start()

    def call(self, n: int, caller, known: Known) -> None:
        """Until the server ends. Not to be answered any more is right from then on only."""
        while not wrong:
            try:
                for _ in caller(known, n):
                    self.answers[n] += 1
                    if wrong:
                        return
            except Overloaded:
                continue
            except grpc.RpcError as error:
                if self.ending.is_set():
                    return
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED) or "connect" in error.details():
                    wrong.append(f"{caller.__name__}: {error.code()}: {error.details()}")
            except (OSError, http.client.HTTPException) as error:
                if self.ending.is_set():
                    return
                wrong.append(f"{caller.__name__}: {type(error).__name__}: {error}")
            except (Wrong, KeyError, ValueError) as error:
                wrong.append(f"{caller.__name__}: {type(error).__name__}: {error}")

    def change(self, changer) -> None:
        try:
            changer()
        except (Wrong, OSError, http.client.HTTPException, subprocess.TimeoutExpired) as error:
            wrong.append(f"{changer.__name__}: {type(error).__name__}: {error}")


def start(log) -> subprocess.Popen:
    server = subprocess.Popen(COMMAND, stderr=log)
    until = time.monotonic() + PATIENCE_SECONDS
    while server.poll() is None and time.monotonic() < until:
        try:
            if Http("").ask("GET", "/v2/health/ready")[0] == 200:
                return server
        except OSError:
            time.sleep(0.01)
    server.kill()
    raise Wrong(f"the server does not become ready: exit code {server.wait()}")


def main() -> int:
    said = pathlib.Path("server.said")
    with said.open("wb") as log:
        server = start(log)
        try:
            load = Load(Known())
            for changer in load.changers:
                changer.join()
            until = time.monotonic() + PATIENCE_SECONDS
            while not wrong and min(load.answers) < 10 and time.monotonic() < until:
                time.sleep(0.01)
            load.ending.set()
            server.send_signal(signal.SIGTERM)
            code = server.wait(PATIENCE_SECONDS)
            for caller in load.callers:
                caller.join()
        finally:
            if server.poll() is None:
                server.kill()
    idle = [caller.__name__ for caller, answers in zip(CALLERS, load.answers, strict=True) if answers < 10]
    if wrong or code != 0 or idle:
        print("\n".join(wrong[:5]), f"\nexit code {code}, answers {load.answers}", "not answered: " + ", ".join(idle) if idle else "")
        told = said.read_text(errors="replace")
        report = told.find("WARNING: ThreadSanitizer")
        print(told[report:][:12000] if report >= 0 else told[-12000:])
        return 1
    print("every answer was that of its version, and the server ended well")
    return 0


sys.exit(main())
