"""What the arms of an answer measurement say: one memory for each piece of material, one engine for all.

Every reply is kept as it is made, under a key of all that it depends on, so that a measurement of hours can be stopped.
What is kept is judged anew each time.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from bot.app import App
from bot.assistant import Assistant
from bot.commands.library import import_folder
from bot.engines.base import Generation
from bot.eval_answers import Answered, Arm, Question, Verdict, answered_of, judge, read_questions
from bot.eval_facts import base_voice
from bot.eval_results import Results, base_key
from bot.prompts import bare_prompt
from bot.support import find_unsupported, least_of, statements
from memory.digest import sha256_of
from memory.errors import FamiliarError, UsageError
from memory.records import Message
from memory.turns import open_conversation


@dataclass(frozen=True)
class Material:
    """What is imported, and the questions about it."""

    path: Path
    questions_path: Path
    questions: tuple[Question, ...]


def materials_of(files: Sequence[Path], *, limit: int | None, other: Path | None) -> list[Material]:
    """Pairs of material and questions.

    :param limit: so many questions of each file, evenly spread
    :param other: questions to which none of the material has an answer, half as many
    :raises FamiliarError: a file of questions can't be read
    :raises UsageError: a path has no partner
    """
    if len(files) % 2:
        raise UsageError(f"{files[-1]}: no questions are named for it; name FOLDER_OR_TURNS QUESTIONS.jsonl, in pairs")
    found = []
    for path, questions_path in zip(files[::2], files[1::2], strict=True):
        asked = read_questions(questions_path, limit=limit)
        if other is not None:
            asked += read_questions(other, limit=max(1, len(asked) // 2), answerable=False)
        found.append(Material(path, questions_path, tuple(asked)))
    return found


def evaluate_answers(
    app: App, materials: Sequence[Material], arms: Sequence[Arm], *, results: Path | None, note: Callable[[str], None]
) -> Iterator[Verdict]:
    """Each question about each material answered by each arm, and judged.

    :param results: replies that it holds are taken from there, others are added; None: nothing is kept
    :raises FamiliarError: material can't be imported, or a file can't be read or written
    """
    kept = Results(results, answered_of)
    for material in materials:
        key = _key(app, material)
        with (
            tempfile.TemporaryDirectory(prefix="familiar-eval-") as folder,
            closing(App(Path(folder), app.settings)) as home,
        ):
            memory = _Memory(app, home, material.path)
            for question in material.questions:
                for arm in arms:
                    make = partial(memory.replies, question.text, arm)
                    (reply,) = kept.piece(key, make, f"{arm} {question.id}")
                    verdict = memory.verdict(question, reply, arm)
                    note(f"{arm} {question.id}: {'right' if verdict.correct else 'wrong'} {verdict.reply[:100]!r}")
                    yield verdict


def _key(app: App, material: Material) -> str:
    """Identity of all replies about one material: everything that they depend on besides question and arm."""
    files = sorted(material.path.rglob("*")) if material.path.is_dir() else [material.path]
    try:
        content = [sha256_of(file) for file in files if file.is_file()]
    except OSError as exc:
        raise FamiliarError(f"{material.path} can't be read: {exc.strerror}") from exc
    digest = hashlib.sha256("".join(content).encode()).hexdigest()
    model = app.settings.model
    spoken = (model.max_reply_tokens, model.temperature, model.seed, asdict(app.settings.chat))
    return base_key(app, material.questions_path, "", "answers", digest, spoken)


class _Memory:
    """One material in a throw-away home.

    :param app: whose engine answers
    :raises FamiliarError: nothing of it can be imported
    """

    def __init__(self, app: App, home: App, path: Path) -> None:
        self._engine, self._settings, self._home = app.engine, app.settings, home
        self._user = home.user(None)
        receipts = import_folder(home, [path], user=self._user, on_receipt=lambda _: None)
        if not any(item.status == "indexed" for item in receipts):
            raise FamiliarError(f"{path}: nothing could be imported: {receipts[0].reason if receipts else 'empty'}")

    def replies(self, question: str, arm: Arm) -> tuple[Answered]:
        """The one reply of an arm."""
        return (self._bare(question) if arm == "base" else self._turn(question, trusted=arm == "memory"),)

    def verdict(self, question: Question, reply: Answered, arm: Arm) -> Verdict:
        """A reply held against the expected answer and against what a search finds about the question."""
        parts, passages = self._home.parts, self._settings.search.k
        found = parts.searcher.search(question.text, user_id=self._user.id, k=passages, recent=())
        stated = [replace(item, cited=()) for item in statements(reply.text)]  # the arms number passages differently
        without = find_unsupported(
            stated, found.hits, question=question.text, embedder=parts.embedder, least=least_of(self._settings.chat)
        )
        return judge(question, reply, arm, statements=len(stated), unsupported=len(without))

    def _bare(self, question: str) -> Answered:
        settings = self._settings
        request = Generation(
            (Message("system", bare_prompt(settings.chat.persona, self._user.profile)), Message("user", question)),
            max_tokens=settings.model.max_reply_tokens,
            temperature=settings.model.temperature,
            seed=settings.model.seed,
        )
        made = self._engine.generate(request, on_text=lambda _: None)
        return Answered(made.text, (), cited=False, seconds=round(made.total_s, 3))

    def _turn(self, question: str, *, trusted: bool) -> Answered:
        parts, settings = self._home.parts, self._settings
        voice = base_voice(self._engine, settings, trusted=trusted)
        assistant = Assistant(
            self._home.store, parts.searcher, parts.embedder, voice, chat=settings.chat, passages=settings.search.k
        )
        conversation = open_conversation(self._home.store, user_id=self._user.id, channel="eval")
        turn = assistant.turn(question, user=self._user, conversation_id=conversation)
        given = (*(message.content for message in turn.prompt[1:]), *(item.text for item in turn.citations))
        return Answered(turn.reply, given, cited=bool(turn.citations), seconds=turn.timings.total_s)
