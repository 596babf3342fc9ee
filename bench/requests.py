"""What a prediction for a raw row costs, single and in batches, and that its features are the published ones.

    ./dev bench requests
    ./dev bench requests --rounds 3

examples/flights, whole. First `request_features` makes the features of every flight of December as requests would, and holds them against the
published table, bit for bit. Then one server is asked, in turns: for its fixed reply, for a prediction of given features, and for predictions of
raw rows. The ratio is to the given features of one row: what looking things up costs. Callers who come at once share executions: theirs are
milliseconds of the clock divided by their number."""
import concurrent.futures
import http.client
import json
import shutil
import socket
import subprocess
import time

import measuring
from measuring import Finished, ROOT, program

EXAMPLE = ROOT / "examples/flights"
BATCHES = (1, 64, 1024)
CALLERS = 32
LATE = ("dep_time", "dep_delay", "departed_at", "arr_time", "arr_delay", "air_time", "arrived_at")


def flights(folder) -> list:
    sql = f"""SELECT * EXCLUDE ({", ".join(LATE)}, scheduled_at, time_hour),
              strftime(timezone('UTC', scheduled_at), '%Y-%m-%dT%H:%M:%SZ') AS scheduled_at
              FROM 'data/flights/2013-12.parquet' ORDER BY hash(flight_id) LIMIT {BATCHES[-1]}"""
    done = subprocess.run([program("case_query"), "--json"], input=sql, cwd=folder, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, folder):
        self.port = free_port()
        self.process = subprocess.Popen([program("tidemill"), "serve", "--port", str(self.port)], cwd=folder, env=measuring.clean_environment(),
                                        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while True:
            try:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                if self.ask("GET", "/v2/health/ready")[0] == 200:
                    return
            except OSError:
                pass
            assert self.process.poll() is None and time.monotonic() < until, "the server did not become ready"
            time.sleep(0.05)

    def ask(self, verb: str, path: str, body: str | None = None) -> tuple:
        self.connection.request(verb, path, body, {"Content-Type": "application/json"} if body else {})
        reply = self.connection.getresponse()
        return reply.status, reply.read()

    def timed(self, verb: str, path: str, body: str | None = None):
        def once() -> dict:
            begun = time.perf_counter()
            status, text = self.ask(verb, path, body)
            seconds = time.perf_counter() - begun
            assert status == 200, text
            return {"ms": seconds * 1000}
        return once

    def at_once(self, path: str, bodies: list):
        """As many callers as there are bodies, each with a connection of its own: milliseconds a request."""
        connections = [http.client.HTTPConnection("127.0.0.1", self.port, timeout=60) for _ in bodies]

        def one(connection, body: str) -> None:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read()
            assert reply.status == 200, text

        pool = concurrent.futures.ThreadPoolExecutor(len(bodies))

        def once() -> dict:
            begun = time.perf_counter()
            list(pool.map(one, connections, bodies))
            return {"ms": (time.perf_counter() - begun) * 1000 / len(bodies)}
        return once

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def main() -> None:
    chosen = measuring.options(__doc__, 40)
    measuring.build(chosen, "tidemill", "case_query", "request_features")
    here = measuring.begin()
    with measuring.Scratch() as scratch:
        folder = scratch / "flights"
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".tidemill", "out"))
        Finished([program("tidemill"), "--quiet", "run"], cwd=folder, env=measuring.clean_environment())
        print(subprocess.run([program("request_features"), folder, "late", "month = 12"], check=True, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout, end="")
        rows = flights(folder)
        server = Server(folder)
        try:
            given = json.dumps({"inputs": [{"name": "airport_dep_delay", "datatype": "FP64", "shape": [1], "data": [30]}]})
            contenders = {"fixed reply": server.timed("GET", "/v2"),
                          "features of 1 row": server.timed("POST", "/v2/models/late/infer", given)}
            for batch in BATCHES:
                contenders[f"raw rows, {batch}"] = server.timed("POST", "/predict/late", json.dumps(rows[:batch]))
            contenders[f"raw rows, {CALLERS} callers with 1 each"] = server.at_once("/predict/late", [json.dumps(row) for row in rows[:CALLERS]])
            seen = measuring.interleave(contenders, chosen.rounds)
        finally:
            server.stop()
    base = measuring.middle(seen["features of 1 row"]["ms"])
    table = [(name, measuring.with_spread(values["ms"]), f"{measuring.middle(values['ms']) / base:.1f} x the given features")
             for name, values in seen.items()]
    numbers = {name: measuring.summary(values["ms"]) for name, values in seen.items()}
    measuring.finish(chosen, "requests", here, numbers, table, [])


if __name__ == "__main__":
    main()
