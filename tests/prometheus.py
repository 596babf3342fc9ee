"""Has a real Prometheus scrape a running server with a token, and asks it over its own API what it understood: that what was sent is what was
counted. tests/prometheus.py HOST:PORT PROMETHEUS_PORT TOKEN, where the deployment `big` takes x and colour. Prints what it found out, a line
each; exit code 1 at the first that is otherwise."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ADDRESS, PORT, TOKEN = sys.argv[1], sys.argv[2], sys.argv[3]
PATIENCE_SECONDS, POLL_SECONDS = 30, 0.05
OF_BIG = 'model="big",protocol="v2"'


def ask(url: str, body: bytes | None = None, **headers: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        return answer.read()


def metrics(**headers: str) -> tuple[str, str]:
    request = urllib.request.Request(f"http://{ADDRESS}/metrics", headers={"Authorization": f"Bearer {TOKEN}", **headers})
    with urllib.request.urlopen(request) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def predict(times: int) -> None:
    tensor = {"name": "x", "shape": [1], "datatype": "FP64", "data": [9]}
    for _ in range(times):
        ask(f"http://{ADDRESS}/v2/models/big/infer", json.dumps({"inputs": [tensor]}).encode(), Authorization=f"Bearer {TOKEN}")


def fail(times: int) -> None:
    for _ in range(times):
        try:
            ask(f"http://{ADDRESS}/v2/models/big/infer", b"{}", Authorization=f"Bearer {TOKEN}")
            sys.exit("a request without inputs was answered")
        except urllib.error.HTTPError as error:
            must(error.code, 400)


def query(text: str) -> list[float]:
    found = json.loads(ask(f"http://127.0.0.1:{PORT}/api/v1/query?" + urllib.parse.urlencode({"query": text})))
    return [float(series["value"][1]) for series in found["data"]["result"]]


def must(found, wanted) -> None:
    if found != wanted:
        sys.exit(f"{found!r}, expected {wanted!r}")


def until(text: str, holds) -> list[float]:
    """The query's answer, as soon as it is one that holds."""
    deadline, last = time.monotonic() + PATIENCE_SECONDS, None
    while time.monotonic() < deadline:
        try:
            last = query(text)
            if holds(last):
                return last
        except (urllib.error.URLError, ConnectionError) as error:
            last = error
        time.sleep(POLL_SECONDS)
    sys.exit(f"{text}: {last!r} after {PATIENCE_SECONDS} s")


def complaints(text: str) -> list[str]:
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    return (checked.stdout + checked.stderr).splitlines()


def reads_well() -> None:
    predict(1)
    kind, text = metrics(Accept="application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    must((kind, text.endswith("\n# EOF\n")), ("application/openmetrics-text; version=1.0.0; charset=utf-8", True))
    kind, text = metrics(Accept="*/*")
    must(kind, "text/plain; version=0.0.4; charset=utf-8")
    # What has Triton's names breaks Prometheus' rules of names, as Triton's own does.
    own = "".join(line + "\n" for line in text.splitlines() if "nv_inference_" not in line)
    must(complaints(own), [])
    must([line for line in complaints(text) if not line.startswith("nv_inference_")], [])


def is_counted_as_sent() -> None:
    until("up", lambda found: found == [1])
    until(f"sum(tidemill_inference_requests_total{{{OF_BIG},code='200'}})", lambda found: found == [1])
    predict(40)
    fail(3)
    until(f"sum(tidemill_inference_requests_total{{{OF_BIG},code='200'}})", lambda found: found == [41])
    until(f"sum(tidemill_inference_requests_total{{{OF_BIG},code='400'}})", lambda found: found == [3])
    must(query(f"sum(tidemill_inference_request_duration_seconds_count{{{OF_BIG}}})"), [44])
    must(query(f"sum(tidemill_inference_rows_total{{{OF_BIG}}})"), [41])
    must(query("count(tidemill_model_info{model='big',registry_model='big',version='1',role='champion'})"), [1])


def is_read_as_openmetrics() -> None:
    """What Prometheus asks for first. In its text format a counter's family is named with _total."""
    found = json.loads(ask(f"http://127.0.0.1:{PORT}/api/v1/targets/metadata"))["data"]
    kinds = {each["metric"]: each["type"] for each in found}
    names = ("tidemill_inference_requests", "tidemill_inference_batch_rows", "tidemill_model_info", "nv_inference_count")
    must([kinds.get(name) for name in names], ["counter", "histogram", "gauge", "unknown"])
    must(query(f"max(tidemill_inference_batch_rows_bucket{{{OF_BIG},le='1.0'}})"), [41])


def can_be_drawn() -> None:
    until(f"sum(rate(tidemill_inference_requests_total{{{OF_BIG}}}[1m]))", lambda found: found and found[0] > 0)
    quantile = f"histogram_quantile(0.99, sum by (le) (rate(tidemill_inference_request_duration_seconds_bucket{{{OF_BIG}}}[1m])))"
    until(quantile, lambda found: found and 0 < found[0] <= 5)


def has_tritons_names() -> None:
    must(query('nv_inference_request_success{model="big",version="1"}'), [41])
    must(query('sum(nv_inference_request_failure{model="big",reason="OTHER"})'), [3])
    must(query('sum(nv_inference_request_failure{model="big",reason!="OTHER"})'), [0])
    must(query('nv_inference_count{model="big"}'), [41])
    must(query('nv_inference_exec_count{model="big"}'), [41])
    must(query('nv_inference_pending_request_count{model="big"}'), [0])
    [all_of_it] = query('nv_inference_request_duration_us{model="big"}')
    [parts] = query('sum({__name__=~"nv_inference_(queue|compute_(input|infer|output))_duration_us",model="big"})')
    must(0 < parts <= all_of_it + 4, True)  # each is cut to whole microseconds


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n"
        f"scrape_configs: [{{job_name: tidemill, authorization: {{credentials_file: token}}, static_configs: [{{targets: ['{ADDRESS}']}}]}}]\n",
        encoding="utf-8")
    reads_well()
    print("reads well")
    with open(folder / "log", "wb") as log:
        prometheus = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                       f"--web.listen-address=127.0.0.1:{PORT}", "--log.level=warn"], stdout=log, stderr=log, cwd=folder)
    try:
        for step in (is_counted_as_sent, is_read_as_openmetrics, can_be_drawn, has_tritons_names):
            step()
            print(step.__name__.replace("_", " "), flush=True)
    finally:
        prometheus.terminate()
        prometheus.wait()
