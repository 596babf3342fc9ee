"""What a hostile or unlucky network does to a server, while a good client asks on.

    faults.py PORT PID        the server answers on PORT for the deployment `big` with one numeric feature `x`, as the process PID,
                              started with --request-timeout 2s

Each fault prints one line when the server took it as it should: the right statuses, no wrong answer for the good client meanwhile, nothing in
flight afterwards, and memory that did not grow with the attack. Anything else ends with exit code 1."""
from __future__ import annotations

import asyncio
import contextlib
import json
import pathlib
import random
import resource
import socket
import struct
import sys
import urllib.request

PORT, PID = int(sys.argv[1]), int(sys.argv[2])
VALUES = range(-3, 14)
MOST_GROWTH_KB = 96 << 10
PATIENCE_SECONDS = 60


class Wrong(Exception):
    pass


def body_of(x: float) -> bytes:
    return json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [x]}]}).encode()


def request_of(body: bytes, path: str = "/v2/models/big/infer", extra: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


def score_in(reply: bytes) -> float:
    return next(out["data"][0] for out in json.loads(reply)["outputs"] if out["name"] == "score")


async def read_reply(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
    lines = head.decode("latin-1").split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:"))
    return int(lines[0].split(" ")[1]), await asyncio.wait_for(reader.readexactly(length), PATIENCE_SECONDS)


async def connect():
    return await asyncio.open_connection("127.0.0.1", PORT)


async def ask(x: float) -> float:
    reader, writer = await connect()
    writer.write(request_of(body_of(x)))
    status, reply = await read_reply(reader)
    writer.close()
    if status != 200:
        raise Wrong(f"the answer for {x} is {status}: {reply!r}")
    return score_in(reply)


def resident_kb() -> int:
    status = pathlib.Path(f"/proc/{PID}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def in_flight() -> int:
    text = urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=PATIENCE_SECONDS).read().decode()
    return sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith("tidemill_inference_in_flight{"))


class GoodClient:
    """Asks on one connection, over and over, and holds every answer against what is known."""

    def __init__(self, known: dict[float, float]):
        self.known, self.answers, self.stopped = known, 0, False

    async def run(self) -> None:
        reader, writer = await connect()
        while not self.stopped:
            x = random.choice(list(self.known))
            writer.write(request_of(body_of(x)))
            status, reply = await read_reply(reader)
            if status != 200 or score_in(reply) != self.known[x]:
                raise Wrong(f"the good client asked for {x} and got {status} {reply!r}")
            self.answers += 1
        writer.close()


async def closed(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the server ends the connection."""
    with contextlib.suppress(ConnectionResetError):
        return await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    return b""


async def slowloris() -> str:
    """Heads that come byte by byte, and bodies that never end."""
    async def trickle(i: int) -> None:
        reader, writer = await connect()
        sent = request_of(body_of(1))
        ended = asyncio.create_task(closed(reader))
        for at in range(len(sent) - 1):
            if ended.done():
                break
            with contextlib.suppress(ConnectionError):
                writer.write(sent[at:at + 1])
                await writer.drain()
            await asyncio.wait([ended], timeout=0.1 + 0.001 * (i % 7))
        text = await ended
        if text:
            raise Wrong(f"a request that never ended was answered: {text!r}")
        writer.close()
    await asyncio.gather(*(trickle(i) for i in range(200)))
    return "200 connections that trickle are closed when their time is over"


async def half_requests() -> str:
    for i in range(200):
        _, writer = await connect()
        sent = request_of(body_of(1))
        writer.write(sent[:1 + i * (len(sent) - 2) // 200])
        await writer.drain()
        writer.close()
    return "200 requests that break off leave nothing behind"


async def one_answer(sent: bytes) -> int:
    reader, writer = await connect()
    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(sent)
            await writer.drain()
    sending = asyncio.create_task(send())
    status, _ = await read_reply(reader)
    sending.cancel()
    writer.close()
    return status


async def too_much() -> str:
    lines = "".join(f"X-{i}: y\r\n" for i in range(101))
    statuses = [
        await one_answer(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * (64 << 10)),
        await one_answer(f"GET / HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode()),
        await one_answer(b"GET /" + b"a" * (64 << 10) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        await one_answer(b"POST /v2/models/big/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n" + b"x" * (1 << 20)),
        await one_answer(b"POST /v2/models/big/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        await one_answer(b"POST /v2/models/big/infer HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
                         (b"100000\r\n" + b" " * (1 << 20) + b"\r\n") * 80),
    ]
    if statuses != [431, 431, 431, 413, 400, 413]:
        raise Wrong(f"too much is answered {statuses}")
    return "heads and bodies over their limits are refused, and the refusal arrives"


async def pipelined_junk() -> str:
    for junk in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 60 + b"\r\n\r\n",
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        reader, writer = await connect()
        writer.write(request_of(body_of(3)) * 20 + junk)
        scores = set()
        for _ in range(20):
            status, reply = await read_reply(reader)
            if status != 200:
                raise Wrong(f"before the junk: {status} {reply!r}")
            scores.add(score_in(reply))
        rest = await closed(reader)
        if len(scores) != 1 or not rest.startswith(b"HTTP/1.1 ") or rest.split(b" ")[1] not in (b"400", b"505"):
            raise Wrong(f"junk is answered {rest[:100]!r}")
        writer.close()
    return "twenty pipelined requests are answered, and the junk behind them refused"


async def flood() -> str:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    idle = [await connect() for _ in range(1500)]
    with_head = [await connect() for _ in range(500)]
    for _, writer in with_head:
        writer.write(b"POST /v2/models/big/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n")
    await ask(4)
    for reader, writer in with_head:
        if await closed(reader):
            raise Wrong("a body that never came was answered")
        writer.close()
    for _, writer in idle:
        writer.close()
    return "2000 connections, 500 of which claim 60 MB each, cost next to nothing"


async def vanish() -> str:
    long_body = json.dumps({"inputs": [{"name": "x", "shape": [50_000], "datatype": "FP64", "data": [1.5] * 50_000}]}).encode()

    def come_and_go() -> None:
        for i in range(300):
            with socket.create_connection(("127.0.0.1", PORT)) as vanishing:
                vanishing.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closed by a reset
                vanishing.sendall(request_of(long_body if i % 10 == 0 else body_of(2)))
    await asyncio.to_thread(come_and_go)
    return "300 clients that vanish before their answer change nothing"


async def random_bytes() -> str:
    chance = random.Random(7)
    whole = request_of(body_of(5), extra="Connection: close\r\n")
    for _ in range(300):
        mutated = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        reader, writer = await connect()
        writer.write(bytes(mutated))
        writer.write_eof()
        text = await closed(reader)
        if text and not text.startswith(b"HTTP/1.1 "):
            raise Wrong(f"{bytes(mutated)!r} is answered {text[:100]!r}")
        if text.startswith(b"HTTP/1.1 500"):
            raise Wrong(f"{bytes(mutated)!r} is our fault: {text!r}")
        writer.close()
    return "300 requests with bytes changed get a status or nothing, never a 500"


async def under(fault, known: dict[float, float]) -> None:
    before = resident_kb()
    good = GoodClient(known)
    asking = asyncio.create_task(good.run())
    attack = asyncio.create_task(fault())
    done, _ = await asyncio.wait([asking, attack], return_when=asyncio.FIRST_COMPLETED)
    if asking in done:
        await asking  # raises why
    line = await attack
    good.stopped = True
    await asking
    if good.answers == 0:
        raise Wrong("the good client was not answered once")
    for _ in range(PATIENCE_SECONDS * 10):
        left = await asyncio.to_thread(in_flight)
        if left == 0:
            break
        await asyncio.sleep(0.1)
    else:
        raise Wrong(f"{left} requests are in flight for ever")
    grown = resident_kb() - before
    if grown > MOST_GROWTH_KB:
        raise Wrong(f"memory grew by {grown} KB")
    print(line, flush=True)


async def main() -> int:
    known = {float(x): await ask(x) for x in VALUES}
    for fault in (slowloris, half_requests, too_much, pipelined_junk, flood, vanish, random_bytes):
        try:
            await under(fault, known)
        except (Wrong, OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as wrong:
            print(f"{fault.__name__}: {type(wrong).__name__}: {wrong}", flush=True)
            return 1
    return 0


sys.exit(asyncio.run(main()))
