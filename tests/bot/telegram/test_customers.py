"""Customers in Telegram: answered by the desk, handed over to the agents' group, answered by them, once."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.config import DeskConfig
from bot.context import NO_CONTEXT, Context
from bot.desk.desk import Desk, DeskHome
from bot.telegram.ports import Services
from memory.config import ImportConfig, SearchConfig
from memory.desk import NewExample, add_examples, add_template, examples_of, open_cases
from memory.ingest import Ingestor
from memory.records import Turn, User
from memory.search import Searcher
from memory.turns import turns_of
from tests.bot.desk.shop import BILL, POST, Serving, write_shop
from tests.bot.telegram.bench import OWNER, Bench
from tests.telegram_api import GroupDriver, Message, TelegramServer
from tests.tuning.tiny import HARMLESS

AGENTS, KIM = -1005, 21


@dataclass
class Router:
    """Guests are answered by the desk, as in the program."""

    assistant: Any
    customers: Desk

    def turn(
        self,
        text: str,
        *,
        user: User,
        conversation_id: int,
        on_text: Callable[[str], None] = lambda _: None,
        cancel: threading.Event | None = None,
        stored: Callable[[Turn], None] = lambda _: None,
        context: Context = NO_CONTEXT,
    ) -> Turn:
        """Answer one message."""
        answering = self.customers if user.role == "guest" else self.assistant
        made: Turn = answering.turn(
            text,
            user=user,
            conversation_id=conversation_id,
            on_text=on_text,
            cancel=cancel,
            stored=stored,
            context=context,
        )
        return made


class DeskBench(Bench):
    """A bench whose home has a desk."""

    folder: Path
    agents: GroupDriver

    def services(self) -> Services:
        """With the desk among them."""
        made = super().services()
        config = DeskConfig(enabled=True, folder=str(write_shop(self.folder)), confidence=0.5, agents_chat=AGENTS)
        searcher = Searcher(self.store, self._indexes, self._embedder, SearchConfig(threshold=0.0))
        serving = Serving(self._embedder, searcher, made.assistant)
        customers = Desk(
            DeskHome(
                store=self.store,
                config=config,
                import_=ImportConfig(),
                serving=lambda: serving,
                ingestor=lambda: Ingestor(self.store, self._embedder, ImportConfig()),
                detectors=lambda: HARMLESS,
                now=lambda: datetime(2026, 11, 30, 10, tzinfo=UTC),
            )
        )
        self._teach(customers)
        return replace(made, assistant=Router(made.assistant, customers), customers=customers)

    def _teach(self, customers: Desk) -> None:
        new = [NewExample("bill", "en", text, "In your account.") for text in BILL]
        new += [NewExample("post", "en", text, "Three days.") for text in POST]
        add_examples(self.store, new, user_id=customers.user.id)
        template = NewExample("bill", "en", BILL[0], "Hi {name}, your bill is in your account.")
        add_template(self.store, template, user_id=customers.user.id, state="approved")


@pytest.fixture
async def shop(tmp_path: Path, server: TelegramServer) -> AsyncIterator[DeskBench]:
    """A bot with a desk whose owner has paired, and the agents' group."""
    bench = DeskBench(tmp_path, server)
    bench.folder = tmp_path / "shop"
    await bench.start()
    await bench.owner()
    bench.agents = server.group(AGENTS, "Agents")
    yield bench
    await bench.close()


async def case_for(shop: DeskBench, text: str) -> Message:
    """The case that a customer's message becomes, in the agents' group."""
    kim = shop.server.user(KIM, "Kim")
    await shop.reply_to(kim, text)
    return (await shop.server.until(lambda: shop.server.replies(AGENTS)))[-1]


async def test_a_stranger_is_a_customer(shop: DeskBench) -> None:
    """Whoever writes is answered at once, by the desk, and can say what they think of it; the owner is not asked."""
    kim = shop.server.user(KIM, "Kim")
    before = len(shop.server.replies(OWNER))
    reply = await shop.reply_to(kim, "please send my bill")
    assert reply.text == "Hi Kim, your bill is in your account."
    assert shop.user(KIM).role == "guest"
    assert len(shop.server.replies(OWNER)) == before
    kim.press(reply, reply.buttons[0].callback_data or "")
    await shop.server.until(lambda: shop.store.rows("SELECT vote FROM feedback"))
    shown = await shop.reply_to(shop.server.user(OWNER, "Ada"), "/desk")
    assert "answered alone: 1" in shown.text
    assert "1 👍" in shown.text
    assert "answered alone" not in (await shop.reply_to(kim, "/desk")).text


async def test_an_agent_answers_by_replying(shop: DeskBench) -> None:
    """The case has the message; what an agent replies reaches the customer, and the next agent hears that it did."""
    ada = shop.server.user(OWNER, "Ada")
    case = await case_for(shop, "I want to talk to a human about my kettle")
    assert "asked for a person" in case.text
    assert "> I want to talk to a human about my kettle" in case.text
    said = ada.send("Hello Kim, Ada here: what about it?", chat=shop.agents, reply_to=case)
    await shop.server.until(lambda: any("what about it" in reply.text for reply in shop.server.replies(KIM)))
    (told, *_) = await shop.server.until(lambda: shop.server.replies(AGENTS, after=said))
    assert "is answered" in told.text
    again = ada.send("me too", chat=shop.agents, reply_to=case)
    (told, *_) = await shop.server.until(lambda: shop.server.replies(AGENTS, after=again))
    assert "answered already" in told.text
    assert not any("me too" in reply.text for reply in shop.server.replies(KIM))
    turn = turns_of(shop.store, user_id=shop.user(KIM).id)[-1]
    assert turn.reply.endswith("Hello Kim, Ada here: what about it?")
    assert len(examples_of(shop.store, user_id=shop.store.user("desk").id)) == len(BILL) + len(POST) + 1  # type: ignore[union-attr]


async def test_the_suggestion_is_sent_with_one_button(shop: DeskBench) -> None:
    """Once, however often it is pressed; it can be shown for changing before."""
    ada = shop.server.user(OWNER, "Ada")
    case = await case_for(shop, "send me the bill again, I want a human")
    assert "Hi Kim, your bill is in your account." in case.text
    send, edit = (button.callback_data or "" for button in case.buttons)
    ada.press(case, edit)
    await shop.server.until(lambda: len(shop.server.replies(AGENTS)) > 1)
    assert "Copy this" in shop.server.replies(AGENTS)[-1].text
    ada.press(case, send)
    ada.press(case, send)
    await shop.server.until(lambda: open_cases(shop.store) == [])
    await shop.server.until(lambda: len(shop.server.replies(KIM)) > 1)
    assert [reply.text for reply in shop.server.replies(KIM)][1:] == ["Hi Kim, your bill is in your account."]


async def test_a_kill_loses_no_case(shop: DeskBench) -> None:
    """What was written down for the agents and not sent goes out after the next start."""
    shop.server.user(KIM, "Kim")
    await case_for(shop, "I want to talk to a human")
    await shop.stop()
    with shop.store.transaction() as db:  # as if the process had ended before it was sent
        db.execute(
            "UPDATE telegram_outbox SET state = 'waiting', text = 'the case', message_id = NULL WHERE reply_id IN"
            " (SELECT id FROM telegram_replies WHERE chat_id = ?)",
            (AGENTS,),
        )
    await shop.start()
    await shop.server.until(lambda: shop.server.replies(AGENTS)[-1].text == "the case")
    assert len(open_cases(shop.store)) == 1


async def test_buttons_of_cases_work_in_the_agents_group_alone(shop: DeskBench) -> None:
    """A customer who forges one is told that it leads nowhere."""
    await case_for(shop, "send me the bill again, I want a human")
    (case,) = open_cases(shop.store)
    kim = shop.server.user(KIM, "Kim")
    own = shop.server.replies(KIM)[-1]
    kim.press(own, f"case:send:{case.id}", forged=True)
    await shop.handled(3)
    assert open_cases(shop.store) == [case]
