"""Page numbers as a person writes them, for the messages that name what a document lacks."""

from __future__ import annotations


def page_list(numbers: list[int]) -> str:
    """``page 3`` or ``pages 1-4, 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    written = ", ".join("-".join(str(end) for end in run) for run in runs)
    return f"page{'s' if len(numbers) > 1 else ''} {written}"
