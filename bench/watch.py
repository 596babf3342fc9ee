"""What watching costs a server: processor time per request and requests per second without a log, with it, and with monitors that look meanwhile.

    ./dev bench watch
    ./dev bench watch --rounds 2 --seconds 11 --rows 64

One program, one model (100 trees over 20 numbers, trained here, so that it has a baseline), three projects that take turns: no log; a log; a log and
six monitors that look every ten seconds. A server has one core and one thread, so that what the log's writer, the making of Parquet and the monitors
take is taken from the answers; bench/http_load.cpp has the other core and 32 connections, the next request of each when its reply is there. Every
reply is held against what the server said when it was asked alone. Before the first turn all free memory is touched once: a virtual machine's host gives
a page at its first touch, which costs some microseconds that a server running for a day does not pay, and a log takes 200 MB of page cache a second. A turn lasts
long enough for one look of each monitor, which is checked. Rows that the log drops for want of room would cost less: they are counted and shown. What a prediction's thread pays alone is ./dev bench log."""
import json
import mmap
import pathlib
import random
import re
import shutil

import measuring
from measuring import Finished, program, requests_file, servers

FEATURES, TREES, TRAINING_ROWS, REQUESTS = 20, 100, 20_000, 64
GOAL_US, GOAL_SHARE = 2, 0.03
LOOK_EVERY_SECONDS = 10
NAMES = [f"x{i}" for i in range(FEATURES)]
MONITORS = ["{drift: psi, fail: 0.2}", "{drift: wasserstein, fail: 0.1}", "{quality: missing, fail: 1%}", "{quality: out_of_range, fail: 5%}",
            "{latency: p99, max: 1s}", "{traffic: {min: 1 per day}}"]
PROJECTS = {
    "no log": "deployments: {load: {model: load@champion}}\n",
    "log": "deployments: {load: {model: load@champion, log: {}}}\n",
    "log and monitors": "deployments: {load: {model: load@champion, log: {}}}\nmonitors:\n  load:\n"
                        + "".join(f"    - {monitor[:-1]}, window: 1h, every: {LOOK_EVERY_SECONDS}s}}\n" for monitor in MONITORS),
}
HEAD = f"""name: watched
sources: {{rows: {{path: rows.csv, key: id}}}}
models: {{load: {{from: rows, key: id, target: y, train: {{rounds: {TREES}, params: {{max_depth: 6}}}}}}}}
"""


def touch_free_memory() -> None:
    free = int(re.search(r"^MemFree:\s+(\d+) kB$", pathlib.Path("/proc/meminfo").read_text(), re.M)[1]) << 10
    if (touched := free - (1 << 30)) > 0:
        mmap.mmap(-1, touched, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE).close()


def numbers_of(chance: random.Random) -> list:
    return [round(chance.gauss(0, 1), 4) for _ in NAMES]


def train(folder: pathlib.Path) -> None:
    folder.mkdir()
    chance = random.Random(42)
    lines = ["id,y," + ",".join(NAMES)]
    for row in range(TRAINING_ROWS):
        x = numbers_of(chance)
        lines.append(f"{row},{int(x[0] + x[1] * x[2] + chance.gauss(0, 1) > 0)}," + ",".join(map(str, x)))
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    (folder / "tidemill.yaml").write_text(HEAD + PROJECTS["no log"])
    Finished([program("tidemill"), "run"], cwd=folder, env=measuring.clean_environment())


class Watched(servers.Server):
    def __init__(self, name: str, trained: pathlib.Path, folder: pathlib.Path):
        self.name, self.folder = name, folder
        shutil.copytree(trained, folder, symlinks=True)
        (folder / "tidemill.yaml").write_text(HEAD + PROJECTS[name])

    def run(self) -> None:
        self.port = servers.free_port()
        words = ["serve", "--port", self.port, "--grpc-port", servers.free_port(), "--threads", 1, "--roll-interval", "3s"]
        self.start([program("tidemill"), *words], self.folder, measuring.clean_environment(), "/v2/health/ready")

    def metric(self, name: str) -> list:
        """Values of its series."""
        return [float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", self.ask("GET", "/metrics")[1].decode(), re.M)]

    def write_requests(self, rows: int) -> None:
        chance, exchanges, path = random.Random(rows), [], "/v2/models/load/infer"
        self.requests = self.folder / f"{rows}.requests"
        for _ in range(REQUESTS):
            columns = list(zip(*(numbers_of(chance) for _ in range(rows))))
            body = json.dumps({"inputs": [{"name": name, "shape": [rows], "datatype": "FP64", "data": column} for name, column in zip(NAMES, columns)]},
                              separators=(",", ":")).encode()
            status, reply = self.ask("POST", path, body, Content_Type="application/json")
            assert status == 200, reply
            exchanges.append((requests_file.http_request("POST", path, body, Content_Type="application/json"), reply[reply.index(b'"data":'):]))
        requests_file.write_http(self.requests, exchanges)

    def turn(self, rows: int, connections: int, seconds: float) -> dict:
        shutil.rmtree(self.folder / ".tidemill/predictions", ignore_errors=True)
        self.run()
        try:
            self.write_requests(rows)
            seen = servers.ask_for(self.name, self.port, self.requests, self.pids, connections, seconds)
            numbers = {"cpu_us": seen["cpu_us"], "per_second": seen["per_second"], "p50_us": seen["p50_us"]}
            if self.name != "no log":
                all_rows = self.metric(r"tidemill_log_rows_total")
                dropped = self.metric(r"tidemill_log_rows_total{[^}]*outcome=\"dropped\"[^}]*}")
                numbers["dropped"] = sum(dropped) / max(sum(all_rows), 1)
            if self.name == "log and monitors":
                looked = len(self.metric("tidemill_monitor_last_evaluation_timestamp_seconds"))
                assert looked == len(MONITORS), f"{looked} of {len(MONITORS)} monitors looked: longer turns are needed"
            return numbers
        finally:
            self.stop()


def main() -> None:
    def add(parser):
        parser.add_argument("--seconds", type=float, default=LOOK_EVERY_SECONDS + 3, help="of one turn; the monitors look once in ten seconds")
        parser.add_argument("--rows", default="1,64", help="of a request (default 1,64)")
    chosen = measuring.options(__doc__, 3, add)
    measuring.build(chosen, "tidemill", "http_load")
    rows, numbers, verdicts = [], {}, []
    with measuring.Scratch() as scratch:
        train(scratch / "trained")
        contenders = {name: Watched(name, scratch / "trained", scratch / name.replace(" ", "_")) for name in PROJECTS}
        touch_free_memory()
        here = measuring.begin()
        for count in map(int, chosen.rows.split(",")):
            seen = measuring.interleave({name: lambda of=of: of.turn(count, 32, chosen.seconds) for name, of in contenders.items()}, chosen.rounds, warm_ups=0)
            off_cpu, off_rate = (measuring.middle(seen["no log"][key]) for key in ("cpu_us", "per_second"))
            rows.append((f"{count} row{'s' * (count > 1)} a request, 32 connections", "CPU a request", "requests/s"))
            for name, of in seen.items():
                cost, share = measuring.middle(of["cpu_us"]) - off_cpu, 1 - measuring.middle(of["per_second"]) / off_rate
                remark = f"; {share:.1%} less, {cost:+.2f} µs; {measuring.middle(of['dropped']):.1%} of the rows dropped" if "dropped" in of else ""
                rows.append((f"  {name}", measuring.with_spread(of["cpu_us"], "µs"), measuring.with_spread(of["per_second"], "/s") + remark))
                numbers[f"{count} {name}"] = {key: measuring.summary(values) for key, values in of.items()}
                if name == "log" and count == 64:
                    verdicts.append((f"64 rows: the log takes ≤ {GOAL_SHARE:.0%} of the requests a second", f"{share:.1%}", share <= GOAL_SHARE))
                if name == "log" and count == 1:
                    verdicts.append((f"1 row: the log costs ≤ {GOAL_US} µs of processor time, its writer's included", measuring.text(cost, "µs"), cost <= GOAL_US))
    measuring.finish(chosen, "watch", here, numbers, rows, verdicts)


if __name__ == "__main__":
    main()
