"""A measurement in a process of its own, so that no other's memory is counted and a crash ends only itself."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar, TypeVarTuple

from memory.errors import FamiliarError

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


def in_child(function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
    """What a function of a module returns; it and all that it takes and gives must pickle.

    :raises FamiliarError: the process was ended from outside or crashed, or the function raises it
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as exc:
            raise FamiliarError("its process was ended from outside or crashed, as where memory is short") from exc
