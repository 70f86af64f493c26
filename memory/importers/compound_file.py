"""Microsoft's container for old Office files (MS-CFB), checked before a library follows its chains.

A chain of sectors that runs in a ring has no end; calamine follows it until the process has no memory left and is
aborted, which no handler catches.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from memory.importers.records import ConversionError

_FIRST_TABLES = 109
"""Sectors of the allocation table that the header itself names."""


def refuse_rings(data: bytes, name: str) -> None:
    """Refuse a file whose sectors form a ring.

    :raises ConversionError: they do, or its header isn't one
    """
    if len(data) < 512:
        raise ConversionError(f"{name} is a damaged Office file (it is cut off)")
    (shift,) = struct.unpack_from("<H", data, 30)
    (first_of_small,) = struct.unpack_from("<I", data, 60)
    (first_of_tables,) = struct.unpack_from("<I", data, 68)
    if shift not in (9, 12):
        raise ConversionError(f"{name} is a damaged Office file (its sectors have no valid size)")
    reader = _Sectors(data, 1 << shift)
    tables, whole = reader.tables(first_of_tables)
    allocation = [entry for sector in tables for entry in reader.numbers(sector)]
    small = [entry for sector in _chain(allocation, first_of_small) for entry in reader.numbers(sector)]
    if not whole or _has_ring(allocation) or _has_ring(small):
        raise ConversionError(f"{name} is a damaged Office file (its parts run in a ring)")


class _Sectors:
    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self._size = size
        self._count = max(0, len(data) // size)

    def numbers(self, sector: int) -> Sequence[int]:
        """The 32-bit numbers of a sector; none of one that lies outside of the file."""
        start = (sector + 1) * self._size
        piece = self._data[start : start + self._size]
        return struct.unpack(f"<{len(piece) // 4}I", piece[: len(piece) // 4 * 4])

    def tables(self, first: int) -> tuple[list[int], bool]:
        """Sectors of the allocation table, and whether the list of them ends."""
        found = [number for number in struct.unpack_from(f"<{_FIRST_TABLES}I", self._data, 76) if number < self._count]
        seen: set[int] = set()
        while first < self._count:
            if first in seen:
                return found, False
            seen.add(first)
            *named, first = self.numbers(first) or (self._count,)
            found += [number for number in named if number < self._count]
        return list(dict.fromkeys(found)), True


def _chain(allocation: Sequence[int], first: int) -> list[int]:
    """The sectors of a chain, up to where it would repeat one."""
    seen: dict[int, None] = {}
    while first < len(allocation) and first not in seen:
        seen[first] = None
        first = allocation[first]
    return list(seen)


def _has_ring(allocation: Sequence[int]) -> bool:
    """Whether some chain comes back to a sector that it holds; each sector is visited once."""
    visited = bytearray(len(allocation))
    for start in range(len(allocation)):
        at, path = start, []
        while at < len(allocation) and not visited[at]:
            visited[at] = 1
            path.append(at)
            at = allocation[at]
        if at < len(allocation) and visited[at] == 1:
            return True
        for passed in path:
            visited[passed] = 2
    return False
