"""Servers under load: ours, nginx, MLServer and MLflow's, each on a core of its own and with the same model; and http_load, which asks them."""
import http.client
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time

import measuring
from measuring import program, requests_file

DEPLOYMENT = "forest"
LONGEST_SECONDS = 30
ROWS = 64                        # that requests are made of, in turn
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[-1], CORES[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def set_up(tool: str, *words) -> pathlib.Path:
    """What a script of tools/ installs; its last line is the folder."""
    done = subprocess.run([measuring.ROOT / "tools" / tool, *words], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise NotHere(f"tools/{tool} {' '.join(words)} failed")
    return pathlib.Path(done.stdout.split()[-1])


class NotHere(Exception):
    """What is compared with cannot be installed or started on this machine."""


def children(pid: int) -> list:
    out = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            out += children(int(child))
    return out


class Server:
    """A process, with what it started, on one core. `port` is HTTP's."""
    patience_seconds = 120

    def start(self, command: list, cwd: pathlib.Path, environment: dict, ready: str, core: int | None = SERVER_CORE) -> None:
        pin = [] if core is None else ["taskset", "-c", str(core)]
        self.log = cwd / f"{type(self).__name__}.log"
        begun = time.perf_counter()
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([*pin, *map(str, command)], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_for(ready)
        self.start_seconds = time.perf_counter() - begun
        self.pids = children(self.process.pid)

    def wait_for(self, path: str) -> None:
        until = time.monotonic() + self.patience_seconds
        while True:
            try:
                if self.ask("GET", path)[0] == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise NotHere(f"{type(self).__name__} did not start: {self.log.read_text()[-1500:]}")
            time.sleep(0.05)

    def ask(self, verb: str, path: str, body: bytes | None = None, **headers: str) -> tuple:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(verb, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def rss_mb(self) -> float:
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 1024

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Model:
    """A forest that XGBoost trained, and rows with XGBoost's answers."""

    def __init__(self, folder: pathlib.Path, features: int = 28, trees: int = 100, depth: int = 6):
        folder.mkdir()
        self.file = folder / "model.json"
        measuring.Finished([program("forest_bench"), "train", "--model", self.file, "--trees", trees, "--depth", depth, "--features", features],
                           env={**measuring.clean_environment(), "OMP_WAIT_POLICY": "PASSIVE"})  # on a busy machine threads that spin take minutes
        raw = (folder / "model.json.rows").read_bytes()
        self.rows = [raw[at:at + 4 * features] for at in range(0, ROWS * 4 * features, 4 * features)]
        self.scores = [score for score, in struct.iter_unpack("<f", (folder / "model.json.scores").read_bytes()[:4 * ROWS])]
        self.features = features

    def numbers(self, row: bytes) -> list:
        return list(struct.unpack(f"<{self.features}f", row))

    def shortest(self, row: bytes) -> str:
        """As JSON, each number with the fewest digits that give the same float32."""
        return "[" + ",".join(next(text for digits in range(6, 10) if struct.pack("<f", float(text := f"{x:.{digits}g}")) == struct.pack("<f", x))
                              for x in self.numbers(row)) + "]"

    def json_bodies(self, name: str) -> list:
        """V2, one tensor."""
        return [f'{{"inputs":[{{"name":"{name}","shape":[1,{self.features}],"datatype":"FP32","data":{self.shortest(row)}}}]}}'.encode()
                for row in self.rows]


class Tidemill(Server):
    def __init__(self, folder: pathlib.Path, model: Model):
        self.folder = folder
        folder.mkdir()
        (folder / "rows.csv").write_text("id,y\n1,0\n")
        (folder / "tidemill.yaml").write_text("name: load\nsources: {rows: {path: rows.csv, key: id}}\n"
                                              f"models: {{{DEPLOYMENT}: {{from: rows, key: id, target: y}}}}\n"
                                              f"deployments: {{{DEPLOYMENT}: {{model: {DEPLOYMENT}@champion}}}}\n")
        self.model = model
        self.environment = measuring.clean_environment()
        how = {"cwd": folder, "env": self.environment}
        measuring.Finished([program("tidemill"), "models", "import", DEPLOYMENT, model.file, "--alias", "champion"], **how)
        self.token = measuring.Finished([program("tidemill"), "tokens", "create", "bench", "--scope", f"predict:{DEPLOYMENT}"], **how).out.strip()
        self.authorization = {"Authorization": f"Bearer {self.token}"}

    def run(self, core: int | None = SERVER_CORE) -> "Tidemill":
        self.port, self.grpc_port = free_port(), free_port()
        self.start(self.command(), self.folder, self.environment, "/v2/health/ready", core)
        return self

    def command(self) -> list:
        return [program("tidemill"), "serve", "--port", self.port, "--grpc-port", self.grpc_port, "--threads", "1"]

    def write_requests(self, folder: pathlib.Path) -> dict:
        """name → file. Each prediction is asked once here, and is what XGBoost says, bit for bit."""
        files = {name: folder / f"{name}.requests" for name in ("fixed", "json", "binary", "grpc_live", "grpc")}
        requests_file.write_http(files["fixed"], [(requests_file.http_request("GET", "/v2/health/live"), b"")])
        path = f"/v2/models/{DEPLOYMENT}/infer"

        def post(body: bytes, **headers: str) -> bytes:
            return requests_file.http_request("POST", path, body, **headers, **self.authorization)

        exchanges = []
        for body, score in zip(self.model.json_bodies("input"), self.model.scores):
            status, reply = self.ask("POST", path, body, **self.authorization)
            assert status == 200, reply
            outputs = {output["name"]: output["data"] for output in json.loads(reply)["outputs"]}
            assert outputs["score"] == [score], (reply, score)
            exchanges.append((post(body, Content_Type="application/json"), reply[reply.index(b'"data":'):]))
        requests_file.write_http(files["json"], exchanges)
        said = f"""{{"inputs":[{{"name":"input","shape":[1,{self.model.features}],"datatype":"FP32",""" \
               f""""parameters":{{"binary_data_size":{4 * self.model.features}}}}}],"parameters":{{"binary_data_output":true}}}}"""
        binary = [(post(said.encode() + row, Content_Type="application/octet-stream", Inference_Header_Content_Length=str(len(said))),
                   struct.pack("<d", score)) for row, score in zip(self.model.rows, self.model.scores)]
        requests_file.write_http(files["binary"], binary)
        requests_file.write_grpc(files["grpc_live"], "/inference.GRPCInferenceService/ServerLive", [(b"", b"\x08\x01")])
        requests_file.write_grpc(files["grpc"], "/inference.GRPCInferenceService/ModelInfer",
                                 [(requests_file.grpc_infer(DEPLOYMENT, "input", [1, self.model.features], row),
                                   requests_file.field(6, struct.pack("<d", score))) for row, score in zip(self.model.rows, self.model.scores)],
                                 self.token)
        return files

    def first_prediction_ms(self, request: bytes) -> dict:
        """From before the process is made to the first prediction's last byte; asked again at once until it comes."""
        self.port, self.grpc_port = free_port(), free_port()
        begun = time.perf_counter()
        self.process = subprocess.Popen(list(map(str, self.command())), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        try:
            while True:
                assert self.process.poll() is None and time.perf_counter() - begun < 60, "the server did not start"
                try:
                    with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
                        connection.sendall(request)
                        if connection.recv(65536).startswith(b"HTTP/1.1 200"):
                            return {"ms": (time.perf_counter() - begun) * 1000}
                except OSError:
                    time.sleep(0.0002)
        finally:
            self.stop()


class Nginx(Server):
    def __init__(self, folder: pathlib.Path):
        folder.mkdir()
        self.port = free_port()
        binary = set_up("setup_bench") / "usr/sbin/nginx"
        (folder / "nginx.conf").write_text(f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; {"user root;" if os.getuid() == 0 else ""}
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{self.port}; location / {{ return 200; }} }} }}
""")
        self.start([binary, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"], folder, dict(os.environ), "/")
        self.version = subprocess.run([binary, "-v"], capture_output=True, text=True).stderr.split("/")[-1].strip()


def with_python(name: str) -> tuple:
    """An environment of tools/python, and what a process in it sees; the numeric libraries' own threads only fight for the one core."""
    folder = set_up("setup_python", name)
    return folder, {**measuring.clean_environment(), "PATH": f"{folder}/bin:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}


def version_of(environment: pathlib.Path, package: str) -> str:
    return next(environment.glob(f"lib/python3*/site-packages/{package}-*.dist-info")).name.removesuffix(".dist-info").split("-")[-1]


class MlServer(Server):
    """In one process, as its documentation has it for one core; metrics on, as ours; V2 with one tensor, as ours."""

    def __init__(self, folder: pathlib.Path, model: Model):
        folder.mkdir()
        python, environment = with_python("mlserver")
        self.port, self.version, self.model = free_port(), version_of(python, "mlserver"), model
        (folder / "settings.json").write_text(json.dumps({"debug": False, "host": "127.0.0.1", "http_port": self.port, "grpc_port": free_port(),
                                                          "metrics_port": free_port(), "parallel_workers": 0}))
        (folder / "model-settings.json").write_text(json.dumps({"name": DEPLOYMENT, "implementation": "mlserver_xgboost.XGBoostModel",
                                                                "parameters": {"uri": str(model.file)}}))
        self.start([python / "bin/mlserver", "start", folder], folder, environment, f"/v2/models/{DEPLOYMENT}/ready")
        self.requests = folder / "requests"
        write_checked(self, self.requests, f"/v2/models/{DEPLOYMENT}/infer", model.json_bodies("input"),
                      lambda reply: reply["outputs"][0]["data"][0], b'"data":')


class Mlflow(Server):
    """`mlflow models serve` with one worker; the rows as `inputs`, which is the cheapest it takes."""

    def __init__(self, folder: pathlib.Path, model: Model):
        folder.mkdir()
        python, environment = with_python("mlflow")
        self.port, self.version, self.model = free_port(), version_of(python, "mlflow"), model
        measuring.Finished([python / "bin/python", "-c", SAVE_FOR_MLFLOW, model.file, folder / "model"], cwd=folder, env=environment)
        self.start([python / "bin/mlflow", "models", "serve", "-m", folder / "model", "-h", "127.0.0.1", "-p", self.port, "--env-manager", "local",
                    "--workers", "1"], folder, environment, "/ping")
        self.requests = folder / "requests"
        write_checked(self, self.requests, "/invocations", [f'{{"inputs":[{model.shortest(row)}]}}'.encode() for row in model.rows],
                      lambda reply: reply["predictions"][0], b'"predictions":')


SAVE_FOR_MLFLOW = """import sys, mlflow.xgboost, xgboost
mlflow.xgboost.save_model(xgboost.Booster(model_file=sys.argv[1]), sys.argv[2], model_format="json", pip_requirements=[])"""


def write_checked(server: Server, file: pathlib.Path, path: str, bodies: list, score_in, begins: bytes) -> None:
    """Each is asked once here: a newer XGBoost's sigmoid may differ in the last bits. Under load a reply must be what it was here, from `begins` on."""
    exchanges = []
    for body, score in zip(bodies, server.model.scores):
        status, reply = server.ask("POST", path, body, Content_Type="application/json")
        if status != 200 or abs(score_in(json.loads(reply)) - score) > 1e-6:
            server.stop()
            raise NotHere(f"{type(server).__name__} said {status} {reply[:500]!r}, expected {score}")
        exchanges.append((requests_file.http_request("POST", path, body, Content_Type="application/json"), reply[reply.index(begins):]))
    requests_file.write_http(file, exchanges)


def first_request(file: pathlib.Path) -> bytes:
    data = file.read_bytes()
    kind, = struct.unpack_from("<I", data)
    length, = struct.unpack_from("<I", data, 4 + kind)
    return data[8 + kind:8 + kind + length]


def ask_for(load: str, port: int, requests: pathlib.Path, pids: list, connections: int, seconds: float, rate: float = 0) -> dict:
    """Who is so slow that no reply came gets a longer turn."""
    words = [program("http_load"), "--port", port, "--requests", requests, "--connections", connections, "--seconds", seconds]
    words += ["--pid", ",".join(map(str, pids))] + (["--rate", f"{rate:.1f}"] if rate else [])
    said = measuring.Finished(["taskset", "-c", LOAD_CORE, *words]).json()
    if said["failed"]:
        sys.exit(f"{load}: {said['failed']} of its requests failed: {said['errors']}")
    if not said["requests"]:
        if seconds > LONGEST_SECONDS:
            sys.exit(f"{load}: no reply came within {seconds:g} s")
        return ask_for(load, port, requests, pids, connections, 3 * seconds, rate)
    said["cpu_us"] = said["cpu_seconds"] / said["requests"] * 1e6
    return said
