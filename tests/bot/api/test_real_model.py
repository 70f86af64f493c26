"""The real small model behind the API."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest

from bot.engines.local import open_local
from bot.engines.weights import LocalOptions
from tests.bot.api.conftest import ASKED, WIFI
from tests.bot.api.test_chat import extra, say
from tests.bot.web.bench import TOKEN, Bench


@pytest.mark.model
def test_the_small_model_answers(smollm2: Path, tmp_path: Path) -> None:
    """It quotes from memory, writes alone in as many tokens as asked for, and counts them as its tokenizer does."""
    engine = open_local(smollm2, model="smollm2-135m", options=LocalOptions(threads=1))
    bench = Bench(tmp_path, engine=engine, quality=0.0)
    bench.document("cabin", WIFI)
    try:
        with openai.OpenAI(base_url=f"{bench.url}/v1", api_key=TOKEN, max_retries=0, timeout=120) as client:
            quoted = say(client, ASKED)
            assert WIFI in quoted.choices[0].message.content
            assert extra(quoted)["citations"]
            alone = {"model": "familiar-base", "max_tokens": 8}
            whole = say(client, "Tell me a story about a lighthouse.", **alone)
            assert (whole.choices[0].finish_reason, whole.usage.completion_tokens) == ("length", 8)
            chunks = list(say(client, "Tell me a story about a lighthouse.", **alone, stream=True))
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            assert text == whole.choices[0].message.content
            assert text
    finally:
        bench.close()
