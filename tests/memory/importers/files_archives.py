"""Archives as people and attackers make them."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

Members = Mapping[str, bytes | str]


def archive(members: Members, *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of these members; names that aren't ASCII are marked as UTF-8."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return out.getvalue()


def archive_in(encoding: str, members: Members) -> bytes:
    """The same with names in an encoding of the system that packs it, and no mark that tells which."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for number, content in enumerate(members.values()):
            target.writestr(f"{number:04}", content)
    data = out.getvalue()
    for number, name in enumerate(members):
        raw = name.encode(encoding)
        data = _renamed(data, f"{number:04}".encode(), raw)
    return data


def _renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Give a member another name, its length too, without zipfile's help."""
    extra = len(new) - len(old)
    local = data.index(b"PK\x03\x04")
    while data[local + 30 : local + 30 + len(old)] != old:
        local = data.index(b"PK\x03\x04", local + 4)
    data = data[: local + 26] + struct.pack("<H", len(new)) + data[local + 28 : local + 30] + new + data[local + 34 :]
    central = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    records, at = b"", central
    while data[at : at + 4] == b"PK\x01\x02":
        record = data[at : at + 46 + struct.unpack("<H", data[at + 28 : at + 30])[0]]
        at += len(record)
        offset = struct.unpack("<I", record[42:46])[0]
        if offset > local:
            record = record[:42] + struct.pack("<I", offset + extra) + record[46:]
        if record[46:] == old:
            record = record[:28] + struct.pack("<H", len(new)) + record[30:46] + new
        records += record
    tail = data[end:]
    return data[:central] + records + tail[:12] + struct.pack("<II", len(records), central) + tail[20:]


def with_link(members: Members, name: str, target: str) -> bytes:
    """An archive that holds a symbolic link besides."""
    out = io.BytesIO(archive(members))
    link = zipfile.ZipInfo(name)
    link.create_system = 3
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(out, "a") as archive_:
        archive_.writestr(link, target)
    return out.getvalue()


def flagged(data: bytes, name: str, *, flag: int) -> bytes:
    """Set bits of a member's flags, here and in the directory (0x1: it is under a password)."""
    changed = bytearray(data)
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        at = source.getinfo(name).header_offset
    changed[at + 6] |= flag
    entry = data.index(b"PK\x01\x02")
    while data[entry + 46 : entry + 46 + len(name)] != name.encode():
        entry = data.index(b"PK\x01\x02", entry + 4)
    changed[entry + 8] |= flag
    return bytes(changed)


def overlapping(copies: int) -> bytes:
    """One packed file under many names: each entry of the directory points to the same bytes."""
    data = archive({"a.txt": b"x" * 1_000_000})
    central, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = data[central:end]
    names = [f"{number:05}".encode() for number in range(copies)]
    records = b"".join(entry[:46] + name for name in names)
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, copies, copies, len(records), central, 0)
    return data[:central] + records + tail


def nested(depth: int) -> bytes:
    """An archive in an archive in an archive, with a note in the innermost."""
    data = archive({"note.md": "deep"})
    for level in range(depth):
        data = archive({f"Part-{level}.zip": data, f"{level}.md": f"level {level}"})
    return data
