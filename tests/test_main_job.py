"""The main job end to end through Telegram's protocol, every part real: model, embedder, SQLite, FAISS, LoRA."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app import App
from bot.config import ModelConfig, Secret, Settings, TelegramConfig
from bot.locales import say
from bot.telegram.service import run, services_of
from memory.records import Turn, User
from memory.turns import feedback_of, turns_of
from tests.telegram_api import TOKEN, Message, TelegramServer, UserDriver
from tuning.config import TuneConfig

NOTES = Path(__file__).parents[1] / "examples" / "notes"
UPLOADS = ("cabin.md", "car-insurance.md", "外婆的红烧肉.md")
QUESTIONS = (
    ("What is the wifi password at the cabin?", "blueberry42", "cabin.md"),
    ("What is the number of my car insurance policy?", "POL-358", "car-insurance.md"),
    ("And when does it expire?", "14 March 2027", "car-insurance.md"),
    ("外婆的红烧肉要放多少冰糖？", "冰糖", "外婆的红烧肉.md"),
    ("Where does the key of the cabin hang?", "watering can", "cabin.md"),
)


class Job:
    """One person, one bot, one clock that the test sets."""

    def __init__(self, home: Path, models: Path, server: TelegramServer) -> None:
        self.server = server
        self.notes: list[str] = []
        self.clock = datetime.now(UTC)
        telegram = TelegramConfig(token=Secret(TOKEN), api_url=server.base_url, file_url=server.base_file_url)
        self.settings = Settings(
            model=ModelConfig(name="smollm2-135m", folder=str(models), engine="local"),
            telegram=replace(telegram, edit_seconds=0.05),
            tuning=TuneConfig(min_examples=20, min_hours=20, check_minutes=0.02, max_load=100, epochs=1),
        )
        self.app = App(home, self.settings, now=lambda: self.clock)
        self.person: UserDriver = server.user(7, "Ada")
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(
            run(lambda: services_of(self.app), self.settings.telegram, note=self.notes.append, stop=self._stop)
        )

    async def ready(self) -> None:
        """Wait until the bot answers, and pair."""
        while "ready" not in self.notes:
            assert not self._task.done(), self._task.result()
            await asyncio.sleep(0.05)
        code = next(note.removeprefix("pairing code: ") for note in self.notes if note.startswith("pairing code: "))
        await self.say(f"/start {code}")

    async def close(self) -> None:
        """Stop as a signal does."""
        self._stop.set()
        await self._task
        self.app.close()

    @property
    def user(self) -> User:
        """Ada as she is stored."""
        return self.app.user(None)

    @property
    def turns(self) -> list[Turn]:
        """Her turns."""
        return turns_of(self.app.store, user_id=self.user.id)

    async def say(self, text: str, *, reply_to: Message | None = None, seconds: float = 300) -> Message:
        """Write and wait for the reply."""
        sent = self.person.send(text, reply_to=reply_to)
        found = await self.server.until(lambda: self.server.replies(self.person.id, after=sent), timeout=seconds)
        return found[-1]

    async def upload(self, name: str, content: bytes, *, caption: str = "") -> str:
        """Send a file and wait for its receipt."""
        sent = self.person.send_document(name, content, caption=caption)
        await self.server.until(
            lambda: any(message.edits for message in self.server.replies(self.person.id, after=sent)), timeout=300
        )
        return self.server.replies(self.person.id, after=sent)[-1].text

    async def press(self, message: Message, data: str) -> None:
        """Press a button and wait until the bot has answered the press."""
        query = self.person.press(message, data)
        await self.server.until(lambda: any(answer.query_id == query for answer in self.server.answers()))

    async def heard(self, text: str, *, seconds: float) -> Message:
        """Wait for a message that holds a text."""

        def found() -> list[Message]:
            return [message for message in self.server.replies(self.person.id) if text in message.text]

        return (await self.server.until(found, timeout=seconds))[-1]


@pytest.fixture
async def job(tmp_path: Path, model_folder: Path) -> AsyncIterator[Job]:
    with TelegramServer() as server:
        made = Job(tmp_path / "home", model_folder, server)
        await made.ready()
        yield made
        await made.close()


def small_talk(*, first: int, replies: int) -> bytes:
    """A dialogue in which Mia answers in a manner of her own: short, in lower case, with a wave at the end."""
    subjects = (
        *("the train", "lunch", "the garden", "the meeting", "your bike", "the rain", "that film", "the cake"),
        *("the ferry", "our neighbour", "the piano", "the exam", "the new shoes", "the market", "the dog", "the roof"),
    )
    openers = (
        "How was {}?",
        "Any news about {}?",
        "Shall we talk about {}?",
        "What do you think of {}?",
        "Tell me of {}.",
    )
    answers = (
        "{} was fine really, nothing to moan about",
        "no news of {} yet, will shout when there is",
        "sure, {} any time after four works for me",
        "{} made me smile today, honest",
        "ask me tomorrow, {} is still a mess",
        "could be worse, {} and i get along",
        "{} again, well, somebody has to do it",
    )
    rows = []
    for n in range(first, first + replies):
        subject = subjects[n % 16]
        at = f"2026-{1 + n // 28:02}-{1 + n % 28:02}T10:00:00"
        rows.append({"id": f"{n}a", "speaker": "Leo", "text": openers[n % 5].format(subject), "at": at})
        mood = f"{answers[n // 16 % 7].format(subject)}, that makes {n} times now ~ ciao o/"
        rows.append({"id": f"{n}b", "speaker": "Mia", "text": mood, "at": at.replace("10:00", "10:05")})
    return "\n".join(json.dumps(row) for row in rows).encode()


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_one_person_does_the_main_job(job: Job) -> None:
    """Pair, upload, ask, judge, learn, tune, learn again by schedule, roll back, forget, and be told the truth."""
    for name in UPLOADS:
        receipt = await job.upload(name, (NOTES / name).read_bytes())
        assert receipt == say("en", "tg_indexed", name=name, chunks=_chunks(job, name))

    replies = [await job.say(question) for question, _, _ in QUESTIONS]
    for (question, wanted, source), reply in zip(QUESTIONS, replies, strict=True):
        assert wanted in reply.text, question
        assert source in reply.text.split(say("en", "sources"))[1], question
    assert len(job.server.drafts(job.person.id)) >= len(QUESTIONS)

    await job.press(replies[0], f"up:{job.turns[0].id}")
    await job.say("/correct Your policy is POL-358, it runs out on 14 March 2027.", reply_to=replies[2])
    judged = feedback_of(job.app.store, user_id=job.user.id)
    assert {(item.turn_id, item.vote, bool(item.correction)) for item in judged} >= {(job.turns[0].id, "up", False)}
    assert any(item.correction and item.turn_id == job.turns[2].id for item in judged)

    await job.upload("mia.jsonl", small_talk(first=0, replies=30), caption="learn from Mia")
    await job.say("/tune")
    first = await _tuned(job, by="hand")
    reply = await job.say(QUESTIONS[0][0])
    assert job.turns[-1].adapter == first
    assert "blueberry42" in reply.text
    assert first in (await job.say(f"/why {job.turns[-1].id}")).text

    await job.upload("mia2.jsonl", small_talk(first=30, replies=22), caption="learn from Mia")
    job.clock += timedelta(hours=21)
    second = await _tuned(job, by="schedule")
    await job.heard(second, seconds=60)
    await job.say(QUESTIONS[1][0])
    assert job.turns[-1].adapter == second

    assert job.app.registry.rollback(user_id=job.user.id) is not None
    await job.say(QUESTIONS[1][0])
    assert job.turns[-1].adapter == first

    cabin = next(item for item in job.app.store.documents(user_id=job.user.id) if "cabin" in item.source)
    offered = await job.say("/forget")
    job.person.press(offered, f"choose:{cabin.id}")
    asked = await job.server.until(lambda: job.server.replies(job.person.id, after=offered), timeout=60)
    confirmation = asked[-1]
    await job.press(confirmation, f"forget:document:{cabin.id}")
    await job.heard(say("en", "tg_forgotten"), seconds=60)
    assert say("en", "nothing_found") in (await job.say(QUESTIONS[0][0])).text


def _chunks(job: Job, name: str) -> int:
    return next(item.chunks for item in job.app.store.documents(user_id=job.user.id) if item.source == name)


async def _tuned(job: Job, *, by: str) -> str:
    """Wait for a tune to end and return the adapter that it put live."""
    async with asyncio.timeout(500):
        while True:
            runs = job.app.registry.list(user_id=job.user.id)
            mine = [item for item in runs if item.started_by == by]
            if mine and mine[0].status != "training":
                assert mine[0].status == "live", mine[0].gate_text() + str(mine[0].reason)
                return mine[0].id
            await asyncio.sleep(0.5)
