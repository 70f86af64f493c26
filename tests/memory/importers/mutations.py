"""Ways in which a file goes bad or is made to do harm, as functions of its bytes and a seeded random generator."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable, Mapping

from memory.importers.package import ZIP_DAMAGE

MOST = 3_000_000
"""Bytes of a mutated file."""
_NASTY = (
    *(b"\0" * 50, b"\xff" * 50, b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"9" * 400, b"-1", b"%n%s", b"1e999", b"\r\r\n"),
    *(b"<" * 2000, b'"' * 333, b"[" * 3000, b"{" * 3000, b"<div>" * 3000, b"&a;" * 500, b"\x1b$B", b"\xe2\x80\xae"),
    *(b"\n\n---\n", b"=?utf-8?B?", b"BEGIN:VEVENT\n", b"\n\nFrom a 10:00 2024\n", b"]]>", b"<!--", b"../" * 100),
)
_CODECS = ("utf-16", "utf-16-le", "utf-32", "gb18030", "cp932", "cp1251", "utf-7")

Mutate = Callable[[bytes, random.Random], bytes]


def _flip(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 4, 40, 400))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _truncate(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(1, len(data) + 1)]


def _cut_out(data: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(data))
    return data[:start] + data[start + dice.choice((1, 10, 100, 1000)) :] or b"x"


def _repeat(data: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(data))
    block = data[start : start + dice.choice((1, 8, 64, 512, 4096))]
    times = min(dice.choice((2, 50, 5000, 200_000)), MOST // len(block))
    return data[:start] + block * times + data[start:]


def _insert(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + dice.choice(_NASTY) * dice.choice((1, 1, 1, 100)) + data[at:]


def _overwrite(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data))
    nasty = dice.choice(_NASTY)
    return data[:at] + nasty + data[at + len(nasty) :]


def _numbers(data: bytes, dice: random.Random) -> bytes:
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return _flip(data, dice)
    run = dice.choice(found)
    number = dice.choice((b"0", b"-1", b"4294967295", b"9" * 30, b"99999999", b"1e308", b"00000000000"))
    return data[: run.start()] + number + data[run.end() :]


def _recode(data: bytes, dice: random.Random) -> bytes:
    return data.decode("utf-8", "replace").encode(dice.choice(_CODECS), "ignore") or b"x"


def _shuffle_lines(data: bytes, dice: random.Random) -> bytes:
    lines = data.split(b"\n")
    dice.shuffle(lines)
    return b"\n".join(lines)


def _headers(data: bytes, dice: random.Random) -> bytes:
    """Change fields of a ZIP archive's own records (sizes, offsets, flags), of others their first bytes."""
    marks = [found.start() for found in re.finditer(rb"PK\x01\x02|PK\x03\x04|PK\x05\x06", data)] or [0]
    changed = bytearray(data)
    for _ in range(dice.choice((1, 2, 5))):
        at = dice.choice(marks) + dice.randrange(4, 46)
        if at < len(changed):
            changed[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    return bytes(changed)


def _member(data: bytes, dice: random.Random) -> bytes:
    """Change what a member of an archive holds, whose sums are right again afterwards."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except (*ZIP_DAMAGE, KeyError):
        return _flip(data, dice)
    chosen = dice.choice(sorted(members))
    change = dice.choice((_flip, _truncate, _cut_out, _repeat, _insert, _overwrite, _numbers, _recode))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, change(content or b"x", dice) if name == chosen else content)
    return out.getvalue()


MUTATIONS: Mapping[str, Mutate] = {
    **{"flip": _flip, "truncate": _truncate, "cut out": _cut_out, "repeat": _repeat, "insert": _insert},
    **{"overwrite": _overwrite, "numbers": _numbers, "recode": _recode, "shuffle": _shuffle_lines},
    **{"headers": _headers, "member": _member},
}


def splice(data: bytes, other: bytes, dice: random.Random) -> bytes:
    """The beginning of one file and the end of another."""
    return data[: dice.randrange(1, len(data) + 1)] + other[dice.randrange(len(other)) :]


def mutated(files: Mapping[str, bytes], dice: random.Random) -> tuple[str, str, bytes]:
    """A file that was changed once to three times: its name, what was done to it, and its bytes."""
    name = dice.choice(sorted(files))
    data, done = files[name], []
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        kind = dice.choice([*sorted(MUTATIONS), "splice"])
        kind = "member" if kind == "shuffle" and data.startswith(b"PK") else kind
        data = (
            splice(data, files[dice.choice(sorted(files))], dice) if kind == "splice" else MUTATIONS[kind](data, dice)
        )
        data = data[:MOST]
        done.append(kind)
    return name, "+".join(done), data
