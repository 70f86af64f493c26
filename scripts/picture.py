"""Draws docs/terminal.svg, the picture in the README, from a real run of the assistant on the example notes.

Run it from the repository: `.venv/bin/python scripts/picture.py`. Nothing in the picture is written by hand but the
questions.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
QUESTIONS = (
    "What is the wifi password at the cabin?",
    "What is the number of my car insurance policy?",
    "And when does it expire?",
    "外婆的红烧肉要放多少冰糖？",
    "What is the phone number of the plumber?",
    "My locker at the swimming pool has the number 4711.",
    "Which number has my locker at the swimming pool?",
)


def main() -> int:
    """Ask, and draw what was printed."""
    console = Console(record=True, width=104, file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="familiar-picture-") as home:
        command = [sys.executable, "-m", "bot.cli", "chat", "--home", home]
        done = subprocess.run(
            command, cwd=ROOT, input="\n".join(QUESTIONS) + "\n", text=True, stdout=subprocess.PIPE, check=True
        )
    # Each turn ends with its number; a reply follows its question.
    replies = re.split(r"(?<=\))\n\n", done.stdout.strip() + "\n\n")
    console.print(Text("$ familiar chat", style="bold"))
    for question, reply in zip(QUESTIONS, replies, strict=False):
        console.print(Text("\nyou> ", style="bold cyan") + Text(question))
        console.print(Text(reply.strip()))
    console.save_svg(str(ROOT / "docs" / "terminal.svg"), title="Familiar")
    return 0


if __name__ == "__main__":
    sys.exit(main())
