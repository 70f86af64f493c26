"""simonw's `llm`, as it is installed, talks to the assistant: its own process, configured as docs/api.md says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from memory.turns import turns_of
from tests.bot.api.conftest import ASKED, Home
from tests.bot.web.bench import TOKEN

TOLD = "My sister Eva lives in Ghent."


def test_llm_asks_and_goes_on(home: Home, tmp_path: Path) -> None:
    """It streams a reply from memory, goes on with the conversation, and sends its own system prompt."""
    folder = tmp_path / "llm"
    folder.mkdir()
    entry = {"model_id": "familiar", "model_name": "familiar", "api_base": f"{home.bench.url}/v1"}
    (folder / "extra-openai-models.yaml").write_text(yaml.safe_dump([entry | {"api_key_name": "familiar"}]))
    (folder / "keys.json").write_text(json.dumps({"familiar": TOKEN}))

    def llm(*arguments: str) -> str:
        environment = os.environ | {"LLM_USER_PATH": str(folder), "LLM_LOAD_PLUGINS": ""}
        command = [sys.executable, "-m", "llm", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert llm("-m", "familiar", ASKED) == "It is pinecone-42 [1]."
    assert llm("-c", "--no-stream", TOLD)
    first, second = turns_of(home.bench.store, user_id=home.bench.ada.id)
    assert (first.user_text, second.user_text) == (ASKED, TOLD)
    assert first.conversation_id == second.conversation_id
    assert TOLD in home.kept()
    assert llm("-m", "familiar", "-s", "Answer like a pirate.", "-o", "max_tokens", "2", "Write me a poem.") == "It is"
    assert "Answer like a pirate." in home.engine.requests[-1].messages[0].content
