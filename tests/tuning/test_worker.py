"""A training process yields to the chat, however the system shares out its processors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOWER = """
import os, sys
from pathlib import Path
from tuning.worker import lower_priority

lower_priority(Path(sys.argv[1]))
print(os.getpriority(os.PRIO_PROCESS, 0))
"""


@pytest.mark.parametrize("leads", [True, False])
def test_its_session_is_made_nice_too(tmp_path: Path, leads: bool) -> None:
    """Linux may share out by session, where niceness counts inside one only; a shared session is left as it is."""
    group = tmp_path / "autogroup"
    group.touch()
    command = [sys.executable, "-c", LOWER, str(group)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, start_new_session=leads)
    assert int(done.stdout) >= 10
    assert group.read_text(encoding="ascii") == ("19" if leads else "")


def test_a_system_without_sessions_is_no_fault(tmp_path: Path) -> None:
    """There is no such file."""
    command = [sys.executable, "-c", LOWER, str(tmp_path / "none" / "autogroup")]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False, start_new_session=True).returncode == 0
