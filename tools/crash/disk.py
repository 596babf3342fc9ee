"""A disk as an adversary keeps it: operations up to a cut → the tree that is found when the power is back.

What POSIX promises and no more: the bytes of a file hold once it was fsynced, a name holds once its folder was. Of the rest, a `choice`
decides what survives:

    all          everything: a kill, not a power cut
    synced       only what was synced
    names        every name, but of the bytes only what was synced
    sizes        every name and size, but zeros where bytes were not synced
    bytes        every byte, but of the names only what was synced
    torn         of every file's unsynced bytes some pages, of the unsynced names a first part; by a seed"""
from __future__ import annotations

import dataclasses
import pathlib
import random
import shutil

from recording import Operation

PAGE = 4096
CHOICES = ("all", "synced", "names", "sizes", "bytes", "torn")


@dataclasses.dataclass(eq=False)
class Inode:
    folder: bool = False
    base: bytes = b""            # what it held before the recording; durable
    changes: list[tuple[int, str, int, bytes]] = dataclasses.field(default_factory=list)   # place, write|size|grow, offset, data
    synced: int = -1             # changes that ended before this place are durable


@dataclasses.dataclass
class NameChange:
    place: int
    folder: Inode
    name: str
    inode: Inode | None          # None: the name goes
    only_with: NameChange | None = None    # a name goes by a rename only if the new one is there
    synced: bool = False


class Disk:
    def __init__(self, before: pathlib.Path):
        self.top = Inode(folder=True)
        self.now: dict[Inode, dict[str, Inode]] = {self.top: {}}
        self.load(before, self.top)
        self.first = {folder: dict(names) for folder, names in self.now.items()}
        self.changes: list[NameChange] = []
        self.inodes: list[Inode] = []
        self.acks = b""

    def load(self, path: pathlib.Path, folder: Inode) -> None:
        for entry in sorted(path.iterdir()):
            inode = Inode(folder=entry.is_dir(), base=b"" if entry.is_dir() else entry.read_bytes())
            self.now[folder][entry.name] = inode
            if inode.folder:
                self.now[inode] = {}
                self.load(entry, inode)

    def find(self, path: str) -> tuple[Inode, str, Inode | None]:
        folder, parts = self.top, [part for part in path.split("/") if part not in ("", ".")]
        for part in parts[:-1]:
            folder = self.now[folder][part]
        name = parts[-1] if parts else ""
        return folder, name, self.now[folder].get(name) if name else self.top

    def set_name(self, place: int, folder: Inode, name: str, inode: Inode | None, only_with: NameChange | None = None) -> NameChange:
        change = NameChange(place, folder, name, inode, only_with)
        self.changes.append(change)
        if inode is None:
            self.now[folder].pop(name, None)
        else:
            self.now[folder][name] = inode
        return change

    def apply(self, op: Operation) -> None:
        if op.what == "ack":
            self.acks += op.data
            return
        if op.what == "sync_all":
            for inode in {inode for names in self.now.values() for inode in names.values()} | {self.top}:
                self.sync(inode, op.begun)
            return
        folder, name, inode = self.find(op.path)
        if op.what in ("create", "mkdir"):
            if inode is None:
                inode = Inode(folder=op.what == "mkdir")
                self.now[inode] = {}
                self.set_name(op.ended, folder, name, inode)
        elif op.what in ("write", "size", "grow"):
            if inode is not None:
                inode.changes.append((op.ended, op.what, op.offset, op.data))
        elif op.what == "rename":
            to_folder, to_name, _ = self.find(op.to)
            there = self.set_name(op.ended, to_folder, to_name, inode)
            self.set_name(op.ended, folder, name, None, there)
        elif op.what == "link":
            to_folder, to_name, _ = self.find(op.to)
            self.set_name(op.ended, to_folder, to_name, inode)
        elif op.what in ("unlink", "rmdir"):
            self.set_name(op.ended, folder, name, None)
        elif op.what == "sync" and inode is not None:
            self.sync(inode, op.begun)

    def sync(self, inode: Inode, place: int) -> None:
        inode.synced = max(inode.synced, place)
        if inode.folder:
            for change in self.changes:
                if change.folder is inode and change.place < place:
                    change.synced = True

    # --- after the cut

    def write_to(self, target: pathlib.Path, choice: str, seed: int) -> None:
        shutil.rmtree(target, ignore_errors=True)
        source = random.Random(seed)
        names = {folder: dict(entries) for folder, entries in self.first.items()}
        unsynced = [change for change in self.changes if not change.synced]
        kept = set(map(id, unsynced[:source.randrange(len(unsynced) + 1)])) if choice == "torn" else set()

        def holds(change: NameChange) -> bool:
            if change.only_with is not None and not holds(change.only_with):
                return False
            return change.synced or choice in ("all", "names", "sizes") or id(change) in kept

        for change in self.changes:
            if not holds(change):
                continue
            entries = names.setdefault(change.folder, {})
            if change.inode is None:
                entries.pop(change.name, None)
            else:
                entries[change.name] = change.inode
        contents: dict[Inode, bytes] = {}
        self.lay_out(target, self.top, names, choice, source, contents)

    def lay_out(self, path: pathlib.Path, folder: Inode, names: dict[Inode, dict[str, Inode]], choice: str, source: random.Random,
                contents: dict[Inode, bytes]) -> None:
        path.mkdir(parents=True)
        for name, inode in sorted(names.get(folder, {}).items()):
            if inode.folder:
                self.lay_out(path / name, inode, names, choice, source, contents)
            else:
                if inode not in contents:
                    contents[inode] = content(inode, choice, source)
                (path / name).write_bytes(contents[inode])


def content(inode: Inode, choice: str, source: random.Random) -> bytes:
    data = bytearray(inode.base)
    for place, what, offset, new in inode.changes:
        durable = place < inode.synced
        keep = durable or choice in ("all", "bytes")
        if what == "size":
            if keep or choice == "sizes" or (choice == "torn" and source.random() < 0.5):
                data = data[:offset].ljust(offset, b"\0")
        elif what == "grow":
            if keep or choice in ("sizes", "torn"):
                data = data.ljust(offset, b"\0")
        else:
            put(data, len(data) if offset < 0 else offset, new, keep, choice, source)
    return bytes(data)


def put(data: bytearray, at: int, new: bytes, keep: bool, choice: str, source: random.Random) -> None:
    if keep:
        if len(data) < at:
            data.extend(bytes(at - len(data)))
        data[at:at + len(new)] = new
    elif choice == "sizes":
        if len(data) < at + len(new):
            data.extend(bytes(at + len(new) - len(data)))
    elif choice == "torn":
        start = 0
        while start < len(new):   # page by page, as a disk writes
            end = min(len(new), start + PAGE - (at + start) % PAGE)
            if source.random() < 0.5:
                if len(data) < at + start:
                    data.extend(bytes(at + start - len(data)))
                data[at + start:at + end] = new[start:end]
            start = end
