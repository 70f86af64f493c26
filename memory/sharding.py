"""Which of several homes a person belongs to: the same answer on every machine, and few move when a home is added."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def home_for(person: str, homes: Sequence[str]) -> str:
    """The home with the greatest hash of both names: rendezvous hashing (Thaler and Ravishankar, 1998).

    Adding one to n homes moves 1 / (n + 1) of the people, all of them to the new one; their order does not matter.

    :param person: what stays the same of somebody, such as the number of a Telegram account
    """
    return max(homes, key=lambda home: (hashlib.sha256(f"{home}\0{person}".encode()).digest(), home))
