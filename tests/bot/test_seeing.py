"""Pictures: what is written in them, and what a vision model says of them."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from bot.bench.made_files import drawn
from bot.config import Secret, VisionConfig
from bot.seeing import Describer, NoDescriber, Seen, ServerDescriber, Sight, media_type, open_describer
from memory.config import ImportConfig
from memory.errors import FamiliarError
from tests.openai_server import OpenAiServer


def png(picture: Any) -> bytes:
    """A picture as a file."""
    made = io.BytesIO()
    picture.save(made, "PNG")
    return made.getvalue()


RECEIPT = png(drawn(["Total 12.40"], size=(400, 200)))
BLANK = png(drawn([], size=(200, 200)))


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    """A vision server."""
    with OpenAiServer() as running:
        running.sees(" A receipt. ")
        yield running


@pytest.fixture(params=["none", "server"])
def describer(request: pytest.FixtureRequest, server: OpenAiServer) -> Describer:
    """Each implementation."""
    return open_describer(VisionConfig(url=server.url if request.param == "server" else ""))


def test_a_description_is_a_text_without_margins(describer: Describer) -> None:
    """Empty where no model is configured."""
    assert describer.describe(RECEIPT, question="") in ("", "A receipt.")


def test_each_picture_is_read_and_described(server: OpenAiServer) -> None:
    """One without text is no error; a damaged one, or a server that fails, keeps nothing else from being told."""
    answers = iter([(200, {"choices": [{"message": {"content": "A receipt."}}]}), (500, b""), (500, b"")])
    server.answer = lambda _: next(answers)
    sight = Sight(ServerDescriber(VisionConfig(url=server.url)), ImportConfig())
    read, blank, damaged = sight.look([RECEIPT, BLANK, b"\x89PNG\r\n\x1a\nrest"])
    assert read == Seen("Total 12.40", "A receipt.")
    assert (blank.text, blank.description, len(blank.remarks)) == ("", "", 1)
    assert "answered with status 500" in blank.remarks[0]
    assert "damaged picture" in damaged.remarks[0]


def test_the_server_is_asked_as_openai_is(server: OpenAiServer) -> None:
    """The picture as a data address, with the user's question, model and key."""
    config = VisionConfig(url=server.url, model="eye-1", key=Secret("k-1"))
    assert ServerDescriber(config).describe(RECEIPT, question="How much?") == "A receipt."
    (asked,) = server.asked
    assert (asked.path, asked.key, asked.values["model"]) == ("/v1/chat/completions", "Bearer k-1", "eye-1")
    (message,) = json.loads(asked.values["messages"])
    text, picture = message["content"]
    assert text["text"].endswith("The person asks: How much?")
    assert picture["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(RECEIPT).decode()}"


@pytest.mark.parametrize("value", [{}, {"choices": []}, {"choices": [{"message": {"content": None}}]}, [1]])
def test_an_answer_without_a_reply_is_an_error(server: OpenAiServer, value: object) -> None:
    """It names the setting."""
    server.answer = lambda _: (200, value)
    with pytest.raises(FamiliarError, match=r"\[vision\] url .* answered without a reply"):
        ServerDescriber(VisionConfig(url=server.url)).describe(RECEIPT, question="")


def test_the_media_type_is_told_by_the_first_bytes() -> None:
    """A photo of Telegram is a JPEG."""
    starts = (b"\xff\xd8\xff", b"\x89PNG", b"GIF89a", b"RIFF")
    assert [media_type(start) for start in starts] == ["image/jpeg", "image/png", "image/gif", "image/webp"]


_WITHOUT = """
import sys
sys.modules["rapidocr"] = None
from bot.seeing import NoDescriber, Sight
from memory.config import ImportConfig
print(Sight(NoDescriber(), ImportConfig()).look([b"any"]))
"""


def test_without_the_extra_the_text_is_not_looked_for() -> None:
    """Which is said, and no error."""
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str((Seen(unread=True),))
    assert NoDescriber().describe(b"", question="") == ""
