"""Asks a real Prometheus that scrapes a busy server all that deploy/grafana/tidemill.json asks. tests/dashboard.py HOST:PORT PROMETHEUS_PORT TOKEN,
where the deployment `big` has a log, labels, monitors, schedules and a challenger, and takes raw rows of id, place and x. Demands that every
query of every panel and every variable has an answer, that every metric of the server is on the dashboard, and that the dashboard names none
that the server does not have. Prints a line for each; exit code 1 with all that is wrong."""
import itertools
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ADDRESS, PORT, TOKEN = sys.argv[1], sys.argv[2], sys.argv[3]
DASHBOARD = pathlib.Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "tidemill.json"
PATIENCE_SECONDS, POLL_SECONDS = 50, 0.5
COLUMNS = 24
INTERVALS = {"__rate_interval": "5s", "__range": "1m"}  # scraped each second
# Metrics that are on no panel, and why.
NOT_SHOWN = {}


def ask(url: str, body: bytes | None = None, **headers: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        return answer.read()


def ask_server(path: str, body=None, **headers: str) -> bytes:
    return ask(f"http://{ADDRESS}{path}", None if body is None else json.dumps(body).encode(), Authorization=f"Bearer {TOKEN}", **headers)


def ask_prometheus(path: str, **parameters: str) -> list:
    try:
        return json.loads(ask(f"http://127.0.0.1:{PORT}/api/v1/{path}?" + urllib.parse.urlencode(parameters)))["data"]
    except urllib.error.HTTPError as error:
        sys.exit(f"Prometheus on {parameters}: {error.read().decode()}")


class Callers(threading.Thread):
    """Predict, are refused, and label what they predicted some turns ago and the log has by now, until they are told to stop."""
    ROWS, TURNS_AGO, SOME_TURNS = 20, 60, 20

    def __init__(self):
        super().__init__(daemon=True)
        self.over, self.trouble = threading.Event(), ""

    def run(self) -> None:
        try:
            for turn in itertools.count():
                if self.over.wait(0.02):
                    return
                ask_server("/predict/big", [{"id": i, "place": f"p{i % 5}", "x": i % 10} for i in self.ids(turn)])
                if turn % self.SOME_TURNS == 0 and turn >= self.TURNS_AGO:
                    self.is_refused()
                    ask_server("/labels/big", {"labels": [{"key": {"id": i}, "value": i % 2} for i in self.ids(turn - self.TURNS_AGO)]})
        except (urllib.error.URLError, ConnectionError) as error:
            self.trouble = f"{error}: {error.read().decode() if isinstance(error, urllib.error.HTTPError) else ''}"

    def ids(self, turn: int) -> range:
        return range(turn * self.ROWS, (turn + 1) * self.ROWS)

    @staticmethod
    def is_refused() -> None:
        try:
            ask_server("/predict/big", [{"id": "none", "x": []}])
        except urllib.error.HTTPError as error:
            if error.code != 400:
                raise


def expressions(dashboard: dict) -> dict[str, str]:
    """By the panel and the query's letter."""
    return {f"{panel['title']} {target['refId']}": target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])}


def filled_in(text: str, values: dict[str, list[str]]) -> str:
    """As Grafana does in PromQL: several values are alternatives of a regular expression."""
    def one(match: re.Match) -> str:
        name = match[1] or match[2]
        if name in INTERVALS:
            return INTERVALS[name]
        return "|".join(re.escape(value).replace("\\", "\\\\") for value in values[name])
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", one, text)


def variable_values(variable: dict, values: dict[str, list[str]]) -> list[str]:
    selector, label = re.fullmatch(r"label_values\((.*),\s*(\w+)\)", variable["query"]["query"]).groups()
    return ask_prometheus(f"label/{label}/values", **{"match[]": filled_in(selector, values)})


def has_numbers(query: str) -> bool:
    return any(math.isfinite(float(series["value"][1])) for series in ask_prometheus("query", query=query)["result"])


def faults_of_form(dashboard: dict) -> list[str]:
    faults, taken, ids = [], {}, set()
    declared = {variable["name"] for variable in dashboard["templating"]["list"]}
    for panel in dashboard["panels"]:
        title, at = panel["title"], panel["gridPos"]
        if panel["id"] in ids:
            faults.append(f"{title}: its id is another's too")
        ids.add(panel["id"])
        if at["x"] + at["w"] > COLUMNS:
            faults.append(f"{title}: beyond the {COLUMNS} columns")
        for cell in itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])):
            if taken.setdefault(cell, title) != title:
                faults.append(f"{title}: lies over {taken[cell]}")
                break
        if panel["type"] == "row":
            continue
        if not panel.get("description") or not panel["fieldConfig"]["defaults"].get("unit"):
            faults.append(f"{title}: has no description, or no unit")
        for one in (panel, *panel["targets"]):
            if one["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
                faults.append(f"{title}: asks a data source of its own")
        if len(panel["targets"]) > 1 and not all(target["legendFormat"] for target in panel["targets"]):
            faults.append(f"{title}: a query has no legend")
    for what, text in expressions(dashboard).items():
        unknown = {a or b for a, b in re.findall(r"\$(?:\{(\w+)\}|(\w+))", text)} - declared - set(INTERVALS)
        if unknown:
            faults.append(f"{what}: {unknown} is no variable")
    return faults


def faults_of_names(dashboard: dict, metrics: str) -> list[str]:
    families = dict(re.findall(r"^# TYPE (tidemill_\w+) (\w+)", metrics, re.M))
    samples = {name + ending: name for name, kind in families.items()
               for ending in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))}
    shown = set(re.findall(r"\btidemill_\w+", json.dumps([*expressions(dashboard).values(), dashboard["templating"]["list"]])))
    return ([f"{name} is on no panel" for name in sorted(families.keys() - {samples.get(name) for name in shown} - NOT_SHOWN.keys())] +
            [f"{name} is no metric of the server" for name in sorted(shown - samples.keys())] +
            [f"{name} is left out, and is no metric, or is shown" for name in sorted(NOT_SHOWN.keys() - (families.keys() - shown))])


def answers(dashboard: dict) -> list[str]:
    deadline, waiting, values = time.monotonic() + PATIENCE_SECONDS, {"all variables": ""}, {}
    variables = [one for one in dashboard["templating"]["list"] if one["type"] == "query"]
    while waiting and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        if len(values) < len(variables):
            values = {}
            for variable in variables:
                if not (found := variable_values(variable, values)):
                    waiting = {f"variable {variable['name']}": variable["query"]["query"]}
                    break
                values[variable["name"]] = found
            else:
                print("variables:", "; ".join(f"{name} {', '.join(found)}" for name, found in values.items() if name not in ("job", "instance")))
                waiting = {what: filled_in(text, values) for what, text in expressions(dashboard).items()}
        else:
            waiting = {what: query for what, query in waiting.items() if not has_numbers(query)}
    return [f"{what}: no answer to {query}" for what, query in waiting.items()]


def judge(dashboard: dict) -> list[str]:
    callers = Callers()
    callers.start()
    faults = faults_of_form(dashboard) + answers(dashboard)
    callers.over.set()
    callers.join()
    if callers.trouble:
        faults.append(f"a caller had trouble: {callers.trouble}")
    return faults + faults_of_names(dashboard, ask_server("/metrics").decode())


def main() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "token").write_text(TOKEN, encoding="utf-8")
        (folder / "prometheus.yml").write_text(
            f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n"
            f"scrape_configs: [{{job_name: tidemill, authorization: {{credentials_file: token}}, static_configs: [{{targets: ['{ADDRESS}']}}]}}]\n",
            encoding="utf-8")
        with open(folder / "log", "wb") as log:
            prometheus = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                           f"--web.listen-address=127.0.0.1:{PORT}", "--log.level=warn"], stdout=log, stderr=log, cwd=folder)
        try:
            while True:
                try:
                    ask(f"http://127.0.0.1:{PORT}/-/ready")
                    break
                except (urllib.error.URLError, ConnectionError):
                    if prometheus.poll() is not None:
                        sys.exit((folder / "log").read_text(encoding="utf-8"))
                    time.sleep(POLL_SECONDS)
            faults = judge(dashboard)
        finally:
            prometheus.terminate()
            prometheus.wait()
    if faults:
        sys.exit("\n".join(faults))
    print("every query has an answer, and every metric is shown")


main()
