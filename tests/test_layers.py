"""What a command imports: help answers at once, and looking things up needs no language model and no Telegram."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PROBE = """
import json, sys
from bot.cli import main
try:
    status = main(sys.argv[1:])
except SystemExit as exc:
    status = exc.code
print(json.dumps({"status": status, "modules": sorted(sys.modules)}))
"""


def imported(*arguments: str) -> set[str]:
    """The modules that a command had loaded when it ended, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stdout, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["status"] in (0, None), done.stderr
    return set(result["modules"])


@pytest.mark.parametrize("arguments", [["--help"], ["mcp", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """It loads neither torch nor a model library, faiss, numpy, Telegram, the web packages or the MCP SDK."""
    heavy = {"torch", "transformers", "sentence_transformers", "peft", "faiss", "numpy", "telegram"}
    heavy |= {"starlette", "jinja2", "uvicorn", "mcp", "pydantic"}
    assert not imported(*arguments) & heavy


@pytest.mark.model
def test_search_loads_no_language_model_code(tmp_path: Path) -> None:
    """`familiar search` finds a note with the embedder alone: no engine, no code of tunes, no Telegram.

    transformers itself can't be asked for: sentence-transformers, which embeds the question where the model is not
    converted, is built on it.
    """
    note = ROOT / "examples" / "notes" / "cabin.md"
    imported("--home", str(tmp_path), "import", str(note))
    loaded = imported("--home", str(tmp_path), "search", "wifi password at the cabin")
    assert "tokenizers" in loaded
    # tuning.config holds settings; peft is imported by sentence-transformers itself, where it is installed.
    ours = [name for name in loaded if name.startswith(("bot.", "tuning."))]
    assert not [name for name in ours if name.startswith(("bot.assistant", "bot.engines", "bot.telegram"))]
    assert [name for name in ours if name.startswith("tuning.")] == ["tuning.config"]
    assert "telegram" not in loaded
