"""What an answer costs: processor time per request and requests per second of fixed replies and predictions, and how long answers take.

    ./dev bench serve
    ./dev bench serve --rounds 2 --seconds 1 --soak 5        a quick look
    ./dev bench serve --others none                          without nginx, MLServer and MLflow
    ./dev bench serve --report FILE                          all numbers as JSON, beside what is printed

A server has one core and one thread, bench/http_load.cpp the other core and 32 connections that stay open. The model: 100 trees of depth 6
over 28 floats; a request is one row. Tokens and metrics are on. Every reply is held against XGBoost's answer. Capacity is what a closed loop
reaches; latencies are of an open loop: requests are due at fixed instants, and late ones count from then."""
import json
import pathlib
import threading

import measuring
from measuring import middle, servers
from measuring.servers import ask_for

CONNECTIONS = 32
SHARES = (0.5, 0.8)              # of capacity
REQUIRED, GOAL = {"json": 0.65, "binary": 0.75}, {"json": 0.80, "binary": 0.85}
P50_RATIO, P999_MS, FIRST_MS = 1.4, 5, 100
FLAT_MB = 2                      # of growth over the soak; the server holds some 50


class Contender:
    def __init__(self, name: str, server: servers.Server, requests: pathlib.Path, port: int | None = None):
        self.name, self.server, self.requests, self.port = name, server, requests, port or server.port

    def ask(self, seconds: float, connections: int = CONNECTIONS, rate: float = 0) -> dict:
        return ask_for(self.name, self.port, self.requests, self.server.pids, connections, seconds, rate)


def wanted(parser) -> None:
    parser.add_argument("--seconds", type=float, default=3, help="of one turn (default 3)")
    parser.add_argument("--soak", type=float, default=60, help="seconds at 80 %% of capacity (default 60; 0: none)")
    parser.add_argument("--others", default=",".join(OTHERS), help=f"of {', '.join(OTHERS)}; none (default all)")
    parser.add_argument("--report", type=pathlib.Path, help="write all numbers there, as JSON")


def nginx(folder: pathlib.Path, _) -> Contender:
    server = servers.Nginx(folder / "nginx")
    return Contender(f"nginx {server.version}, return 200", server, folder / "ours/fixed.requests")


def mlserver(folder: pathlib.Path, model: servers.Model) -> Contender:
    server = servers.MlServer(folder / "mlserver", model)
    return Contender(f"MLServer {server.version}, V2 JSON", server, server.requests)


def mlflow(folder: pathlib.Path, model: servers.Model) -> Contender:
    server = servers.Mlflow(folder / "mlflow", model)
    return Contender(f"mlflow models serve {server.version}, inputs", server, server.requests)


OTHERS = {"nginx": nginx, "mlserver": mlserver, "mlflow": mlflow}


def soak(contender: Contender, rate: float, seconds: float) -> dict:
    """What http_load saw, and the server's memory each fifth of a second once it is warm."""
    seen, over = [], threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            seen.append(contender.server.rss_mb())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        said = contender.ask(seconds, rate=rate)
    finally:
        over.set()
        watching.join()
    fifth = max(len(seen) // 5, 1)
    return {**said, "rate": rate, "rss_mb_first_fifth": middle(seen[:fifth]), "rss_mb_last_fifth": middle(seen[-fifth:]), "rss_mb_most": max(seen)}


class Report:
    def __init__(self):
        self.numbers, self.rows, self.verdicts = {}, [], []

    def head(self, *words: str) -> None:
        self.rows.append(words)

    def goal(self, words: str, value: str, met: bool) -> None:
        self.verdicts.append((words, value, met))


def closed_loops(report: Report, contenders: dict, chosen) -> dict:
    """Processor time and requests per second, all in turns. → capacity of each."""
    seen = measuring.interleave({key: lambda of=of: of.ask(chosen.seconds) for key, of in contenders.items()}, chosen.rounds)
    fixed = middle(seen["fixed"]["cpu_us"])
    report.head("closed loop, 32 connections", "CPU a request", "requests/s")
    for key, values in seen.items():
        cpu, rate = values["cpu_us"], values["per_second"]
        ratio = f"fixed to it {fixed / middle(cpu):.2f}"
        if key in OTHERS:
            ratio = f"{middle(cpu) / middle(seen['json']['cpu_us']):,.2f} x JSON's CPU"
        busy = middle(values["load_cpu_seconds"]) / middle(values["seconds"])
        report.head(f"  {contenders[key].name}", measuring.with_spread(cpu, "µs"),
                    f"{measuring.with_spread(rate, '/s')}; {ratio}; load's core {busy:.0%} busy")
        report.numbers[f"closed {key}"] = {"cpu_us": measuring.summary(cpu), "per_second": measuring.summary(rate), "ratio": fixed / middle(cpu),
                                           "load_busy": busy}
    for key, least in REQUIRED.items():
        ratio = fixed / middle(seen[key]["cpu_us"])
        report.goal(f"{key}: CPU of the fixed reply to it ≥ {least} (required)", f"{ratio:.2f}", ratio >= least)
        report.goal(f"{key}: CPU of the fixed reply to it ≥ {GOAL[key]} (goal)", f"{ratio:.2f}", ratio >= GOAL[key])
        if "nginx" in seen:
            share = middle(seen[key]["per_second"]) / middle(seen["nginx"]["per_second"])
            report.goal(f"{key}: requests/s ≥ nginx's `return 200` (goal)", f"{share:.2f} x", share >= 1)
    return {key: middle(values["per_second"]) for key, values in seen.items()}


def one_connection(report: Report, contenders: dict, chosen) -> None:
    seen = measuring.interleave({key: lambda of=of: of.ask(max(chosen.seconds / 2, 1), connections=1) for key, of in contenders.items()}, chosen.rounds)
    fixed = middle(seen["fixed"]["p50_us"])
    report.head("one connection", "p50", "to the fixed reply")
    for key, values in seen.items():
        report.head(f"  {contenders[key].name}", measuring.with_spread(values["p50_us"], "µs"), f"{middle(values['p50_us']) / fixed:.2f} x")
        report.numbers[f"one connection {key}"] = measuring.summary(values["p50_us"])
    for key in REQUIRED:
        ratio = middle(seen[key]["p50_us"]) / fixed
        report.goal(f"{key}: one connection, p50 ≤ {P50_RATIO} x the fixed reply's", f"{ratio:.2f} x", ratio <= P50_RATIO)


def open_loops(report: Report, contenders: dict, capacity: dict, chosen) -> None:
    for share in SHARES:
        seen = measuring.interleave({key: lambda of=of, key=key: of.ask(chosen.seconds, rate=share * capacity[key])
                                     for key, of in contenders.items()}, chosen.rounds)
        report.head(f"open loop, {share:.0%} of capacity", "p50", "p99, p99.9")
        for key, values in seen.items():
            report.head(f"  {contenders[key].name}, {share * capacity[key]:,.0f}/s", measuring.with_spread(values["p50_us"], "µs"),
                        ", ".join(measuring.with_spread(values[of], "µs") for of in ("p99_us", "p999_us")))
            report.numbers[f"open {share:.0%} {key}"] = {"rate": share * capacity[key],
                                                         **{of: measuring.summary(values[of]) for of in ("p50_us", "p99_us", "p999_us", "max_us")}}


def soaks(report: Report, contender: Contender, capacity: float, chosen) -> None:
    said = soak(contender, SHARES[-1] * capacity, chosen.soak)
    grown = said["rss_mb_last_fifth"] - said["rss_mb_first_fifth"]
    report.head(f"{chosen.soak:g} s at 80 % of capacity, {said['rate']:,.0f}/s", f"p99.9 {measuring.text(said['p999_us'] / 1000)}",
                f"worst {measuring.text(said['max_us'] / 1000)}; {said['requests']:,} requests, {said['failed']} failed; memory "
                f"{said['rss_mb_first_fifth']:.1f} → {said['rss_mb_last_fifth']:.1f} MB")
    report.numbers["soak"] = said
    report.goal(f"{chosen.soak:g} s at 80 %: p99.9 ≤ {P999_MS} ms, no errors", measuring.text(said["p999_us"] / 1000), said["p999_us"] <= P999_MS * 1000)
    report.goal(f"{chosen.soak:g} s at 80 %: memory grows by ≤ {FLAT_MB} MB", f"{grown:.1f} MB", grown <= FLAT_MB)


def first_predictions(report: Report, ours: servers.Tidemill, requests: pathlib.Path, chosen) -> None:
    request = servers.first_request(requests)
    seen = measuring.interleave({"start": lambda: ours.first_prediction_ms(request)}, max(chosen.rounds, 5))["start"]["ms"]
    report.head("start to first prediction", measuring.with_spread(seen), "")
    report.numbers["start to first prediction"] = measuring.summary(seen)
    report.goal(f"start to first prediction ≤ {FIRST_MS} ms", measuring.text(middle(seen)), middle(seen) <= FIRST_MS)


def main() -> None:
    chosen = measuring.options(__doc__, 5, wanted)
    measuring.build(chosen, "tidemill", "forest_bench", "http_load")
    here, report, running = measuring.begin(), Report(), []
    with measuring.Scratch() as scratch:
        model = servers.Model(scratch / "model")
        ours = servers.Tidemill(scratch / "ours", model).run()
        running.append(ours)
        try:
            files = ours.write_requests(scratch / "ours")
            contenders = {"fixed": Contender("fixed reply, GET /v2/health/live", ours, files["fixed"]),
                          "json": Contender("JSON", ours, files["json"]), "binary": Contender("binary tensor", ours, files["binary"]),
                          "grpc_live": Contender("gRPC ServerLive", ours, files["grpc_live"], ours.grpc_port),
                          "grpc": Contender("gRPC ModelInfer", ours, files["grpc"], ours.grpc_port)}
            absent = {}
            for name in chosen.others.split(","):
                try:
                    if name != "none":
                        contenders[name] = OTHERS[name](scratch, model)
                        running.append(contenders[name].server)
                except servers.NotHere as why:
                    absent[name] = str(why)
            capacity = closed_loops(report, contenders, chosen)
            one_connection(report, contenders, chosen)
            open_loops(report, contenders, capacity, chosen)
            if chosen.soak > 0:
                soaks(report, contenders["json"], capacity["json"], chosen)
        finally:
            for server in running:
                server.stop()
        first_predictions(report, ours, files["json"], chosen)
    for name, why in absent.items():
        report.head(f"{name}: not measured", why, "")
    report.numbers["absent"] = absent
    if chosen.report:
        chosen.report.write_text(json.dumps({"machine": here, "numbers": report.numbers}, indent=1))
    measuring.finish(chosen, "serve", here, report.numbers, report.rows, report.verdicts)


if __name__ == "__main__":
    main()
