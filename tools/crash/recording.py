"""What a program did to the files under one folder, in order: strace's log → operations.

Threads share their file table, forked children copy it. Strings come as hexadecimal, so any byte is exact. Whether the reading is right is
not a matter of trust: power_cut replays everything and demands the very tree that the program left."""
from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess

TRACED = ("openat,open,creat,close,dup,dup2,dup3,fcntl,lseek,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,"
          "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,sync,syncfs,"
          "copy_file_range,sendfile,splice,mmap,clone,clone3,fork,vfork")
LINE = re.compile(r"(\d+) +(.*)$")
CALL = re.compile(r"([a-z0-9_]+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)(?:<((?:\\x..)*|[^>]*)>)?(.*)$", re.S)
UNFINISHED, RESUMED = re.compile(r"(.*) <unfinished \.\.\.>$", re.S), re.compile(r"<\.\.\. ([a-z0-9_]+) resumed>(.*)$", re.S)
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
FD = re.compile(r"(-?\d+|AT_FDCWD)<([^>]*)>")
SYNCS = ("fsync", "fdatasync", "sync", "syncfs")
REBUILT = ("-shm",)   # SQLite's index of the WAL: shared memory, made anew after a crash


@dataclasses.dataclass
class Operation:
    """`what` is create, write, size, rename, link, unlink, mkdir, rmdir, sync, sync_all or ack. `begun` and `ended` are places in the log: a sync
    covers what had ended before it began, and holds from when it ended."""
    what: str
    path: str = ""
    to: str = ""
    offset: int = 0
    data: bytes = b""
    begun: int = 0
    ended: int = 0


class Unclear(Exception):
    """Something in the log that cannot be replayed faithfully."""


def record(command: list[str], folder: pathlib.Path, log: pathlib.Path, env: dict[str, str]) -> int:
    done = subprocess.run(["strace", "-f", "-q", "-y", "-xx", "-s", "500000000", "-e", f"trace={TRACED}", "-e", "signal=none", "-o", log, "--",
                           *command], cwd=folder, env=env, stdin=subprocess.DEVNULL)
    return done.returncode


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def name_of(text: str) -> str:
    return unhex(text).decode("utf-8", "surrogateescape") if text.startswith("\\x") else text


class Reader:
    def __init__(self, folder: pathlib.Path, acks: pathlib.Path | None):
        self.root = str(folder)
        self.acks = str(acks) if acks else None
        self.operations: list[Operation] = []
        self.tables: dict[int, dict[int, list]] = {}   # process or thread → its file table: descriptor → [position, append]

    def read(self, log: pathlib.Path) -> list[Operation]:
        pending: dict[int, tuple[int, str]] = {}
        calls: list[tuple[int, int, int, str]] = []
        with open(log, encoding="latin-1", newline="\n") as lines:
            for number, raw in enumerate(lines):
                found = LINE.match(raw.rstrip("\n"))
                if not found:
                    continue
                pid, text = int(found.group(1)), found.group(2)
                if cut := UNFINISHED.match(text):
                    pending[pid] = (number, cut.group(1))
                    continue
                begun = number
                if resumed := RESUMED.match(text):
                    if pid not in pending:
                        continue
                    begun, start = pending.pop(pid)
                    text = start + resumed.group(2)
                calls.append((pid, begun, number, text))
        self.families(calls)
        for pid, begun, ended, text in calls:
            if (call := CALL.match(text)) and not call.group(3).startswith(("-", "?")):
                self.call(pid, begun, ended, call.group(1), call.group(2), int(call.group(3), 0), name_of(call.group(4) or ""))
        return self.operations

    def families(self, calls: list[tuple[int, int, int, str]]) -> None:
        """A child may be seen before its parent's clone returns, so who shares whose table is settled first. A forked child starts with an
        empty one: it is exact because what it inherits and writes to is found by the path that strace shows, and appended (see position)."""
        parent: dict[int, int] = {}
        for pid, _, _, text in calls:
            call = CALL.match(text)
            if call and call.group(1) in ("clone", "clone3") and "CLONE_FILES" in call.group(2) and call.group(3).isdigit():
                parent[int(call.group(3))] = pid

        def head(pid: int) -> int:
            while pid in parent:
                pid = parent[pid]
            return pid

        for pid in {pid for pid, *_ in calls}:
            self.tables[pid] = self.tables.setdefault(head(pid), {})

    # --- one call

    def ours(self, path: str) -> bool:
        return (path == self.root or path.startswith(self.root + "/")) and not path.endswith(REBUILT)

    def within(self, path: str) -> str:
        return path[len(self.root):].lstrip("/")

    def add(self, begun: int, ended: int, what: str, path: str = "", **more: object) -> None:
        self.operations.append(Operation(what, self.within(path) if path else "", begun=begun, ended=ended, **more))

    def paths(self, arguments: str) -> list[str]:
        """Paths of a call that names files: each relative one seen from the descriptor before it."""
        found, base = [], None
        for part in re.finditer(rf"{FD.pattern}|{STRING.pattern}", arguments):
            if part.group(2) is not None:
                base = name_of(part.group(2))
            elif part.group(3) is not None:
                name = unhex(part.group(3)).decode("utf-8", "surrogateescape")
                found.append(str(pathlib.PurePosixPath(base or self.root) / name) if not name.startswith("/") else name)
        return [re.sub(r"/(\./)+|/+", "/", str(pathlib.PurePosixPath(path))) for path in found]

    def call(self, pid: int, begun: int, ended: int, name: str, arguments: str, result: int, result_path: str) -> None:
        table = self.tables[pid]
        if name in ("openat", "open", "creat"):
            self.opened(table, begun, ended, name, arguments, result, result_path)
        elif name in ("write", "pwrite64", "writev", "pwritev", "pwritev2"):
            self.written(table, begun, ended, name, arguments, result)
        elif name == "lseek":
            fd = FD.match(arguments)
            if fd:
                table[int(fd.group(1))] = [result, table.get(int(fd.group(1)), [0, False])[1]]
        elif name in ("dup", "dup2", "dup3") or (name == "fcntl" and "F_DUPFD" in arguments):
            fd = FD.match(arguments)
            if fd and int(fd.group(1)) in table:
                table[result] = table[int(fd.group(1))]
        elif name == "close":
            fd = FD.match(arguments)
            if fd:
                table.pop(int(fd.group(1)), None)
        elif name in SYNCS:
            self.synced(begun, ended, name, arguments)
        elif name in ("copy_file_range", "sendfile", "splice", "symlink", "symlinkat"):
            if any(self.ours(name_of(fd.group(2))) for fd in FD.finditer(arguments)):
                raise Unclear(f"{name} is not replayed: {arguments[:200]}")
        elif name == "mmap":
            fd = FD.search(arguments)
            if fd and "MAP_SHARED" in arguments and "PROT_WRITE" in arguments and self.ours(name_of(fd.group(2))):
                raise Unclear(f"a file is written through memory: {name_of(fd.group(2))}")
        elif name not in ("clone", "clone3", "fork", "vfork", "fcntl"):
            self.named(begun, ended, name, arguments)

    def opened(self, table: dict[int, list], begun: int, ended: int, name: str, arguments: str, result: int, path: str) -> None:
        table[result] = [0, "O_APPEND" in arguments]
        if not self.ours(path) or "O_TMPFILE" in arguments or "O_DIRECTORY" in arguments:
            return
        if name == "creat" or "O_CREAT" in arguments:
            self.add(begun, ended, "create", path)
        if name == "creat" or "O_TRUNC" in arguments:
            self.add(begun, ended, "size", path, offset=0)

    def written(self, table: dict[int, list], begun: int, ended: int, name: str, arguments: str, count: int) -> None:
        fd = FD.match(arguments)
        if not fd:
            return
        number, path = int(fd.group(1)), name_of(fd.group(2))
        if self.acks and path == self.acks:
            self.add(begun, ended, "ack", data=b"".join(unhex(s.group(1)) for s in STRING.finditer(arguments)))
            return
        place = table.setdefault(number, [0, True])
        if not self.ours(path) or path.endswith("(deleted)"):
            return
        strings = [s for s in STRING.finditer(arguments)]
        if any(s.group(2) for s in strings):
            raise Unclear(f"strace shortened what was written to {path}")
        data = b"".join(unhex(s.group(1)) for s in strings)[:count]
        if name.startswith("p"):
            words = [word.strip() for word in re.sub(rf"{STRING.pattern}|{FD.pattern}", "", arguments).split(",")]
            offset = int(words[-2] if name == "pwritev2" else words[-1])
        elif place[1]:
            offset = -1   # at the end, wherever that is
        else:
            offset = place[0]
            place[0] += count
        self.add(begun, ended, "write", path, offset=offset, data=data)

    def synced(self, begun: int, ended: int, name: str, arguments: str) -> None:
        if name in ("sync", "syncfs"):
            self.add(begun, ended, "sync_all")
            return
        fd = FD.match(arguments)
        if fd and self.ours(name_of(fd.group(2))):
            self.add(begun, ended, "sync", name_of(fd.group(2)))

    def named(self, begun: int, ended: int, name: str, arguments: str) -> None:
        if name in ("ftruncate", "fallocate"):
            fd = FD.match(arguments)
            if fd and self.ours(name_of(fd.group(2))) and not name_of(fd.group(2)).endswith("(deleted)"):
                words = [int(word) for word in re.findall(r", (\d+)", arguments)]
                if name == "fallocate" and ("FALLOC_FL" in arguments or "KEEP_SIZE" in arguments):
                    return   # holes and reserved space do not change what is read, as SQLite and DuckDB use them
                self.add(begun, ended, "size" if name == "ftruncate" else "grow", name_of(fd.group(2)), offset=sum(words))
            return
        paths = self.paths(arguments)
        if not any(self.ours(path) for path in paths):
            return
        if name == "truncate":
            self.add(begun, ended, "size", paths[0], offset=int(arguments.rsplit(", ", 1)[1]))
        elif name in ("rename", "renameat", "renameat2"):
            if "RENAME_EXCHANGE" in arguments or not all(map(self.ours, paths)):
                raise Unclear(f"{name} into or out of the folder: {paths}")
            self.add(begun, ended, "rename", paths[0], to=self.within(paths[1]))
        elif name in ("link", "linkat"):
            self.add(begun, ended, "link", paths[0], to=self.within(paths[1]))
        elif name in ("unlink", "unlinkat"):
            self.add(begun, ended, "rmdir" if "AT_REMOVEDIR" in arguments else "unlink", paths[0])
        elif name in ("mkdir", "mkdirat", "rmdir"):
            self.add(begun, ended, "rmdir" if name == "rmdir" else "mkdir", paths[0])
