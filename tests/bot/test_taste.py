"""Recommendations: true reasons, votes that move the next list, and nothing to be seen where [taste] is off."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bot.app import App
from bot.cli import parser
from bot.commands.output import Output
from bot.commands.taste import items, recommend
from bot.config import Settings
from bot.digest import digest_between, digest_text
from bot.reminders.zones import zone_of
from bot.taste import Ranked, Recommended, Taste, Wish, line_of
from memory.config import ImportConfig, SearchConfig
from memory.errors import FamiliarError, UsageError
from memory.index import Indexes
from memory.records import Found, User
from memory.search import Searcher
from memory.store import Store
from memory.taste import Item, NewItem, add_items, events_of, items_of, opinions
from tests.embedder import WordEmbedder
from tuning.config import TasteConfig

SEA = ("harbour", "ferry", "lighthouse", "tide", "anchor", "sail", "reef", "mast")
BREAD = ("dough", "oven", "yeast", "crust", "flour", "rye", "loaf", "bake")
NOW = datetime(2026, 3, 6, 9, tzinfo=UTC)


def made(words: Sequence[str], topic: str) -> list[NewItem]:
    """Items of a topic, each with two more of its words."""
    return [
        NewItem(f"{topic} {number}", f"{topic} {word} {words[number - 1]}", at=NOW.isoformat())
        for number, word in enumerate(words)
    ]


class Home:
    """A store with its owner, and recommendations with a clock that is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.store, self.embedder, self.now = Store(folder / "familiar.db"), WordEmbedder(), NOW
        self.ada = self.store.add_user("ada", role="owner")
        self.config = TasteConfig(items=4, variety=0.0)
        indexes = Indexes(folder / "index", self.store, embedder_key=self.embedder.key, dimensions=64)
        self.searcher = Searcher(self.store, indexes, self.embedder, SearchConfig())

    def search(self, words: str, user: User, most: int) -> Found:
        """As a turn does."""
        return self.searcher.search(words, user_id=user.id, k=most)

    def taste(self, ranker: Model | None = None) -> Taste:
        """What is recommended."""
        return Taste(self.store, lambda: self.embedder, self.search, self.config, ranker=ranker, now=self.clock)

    def clock(self) -> datetime:
        """A second later each time."""
        self.now += timedelta(seconds=1)
        return self.now

    def add(self, new: Sequence[NewItem], *, owner: User | None = None) -> tuple[int, ...]:
        """Numbers of new items."""
        owner = owner or self.ada
        return add_items(self.store, self.embedder, new, user_id=owner.id, actor=self.ada.id, config=ImportConfig()).new


@dataclass
class Model:
    """A ranker that prefers items by a word in their titles."""

    word: str
    until: str = NOW.isoformat()
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def rank(self, user: User, items: Sequence[Item], recent: Sequence[str]) -> Ranked | None:
        """One for the word, else zero."""
        assert user.name == "ada"
        self.asked.append(tuple(recent))
        return Ranked(np.array([float(self.word in item.title) for item in items], np.float32), self.until)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """With sixteen items of two topics."""
    opened = Home(tmp_path)
    opened.add([*made(SEA, "sea"), *made(BREAD, "bread")])
    yield opened
    opened.store.close()


def topics(found: Sequence[Recommended]) -> list[str]:
    """Of which topic each item is."""
    return [each.item.title.split()[0] for each in found]


def test_ten_votes_move_the_list_their_way(home: Home) -> None:
    """Likes of one topic and "not for me" of the other: the next list is of the first alone, voted items aside."""
    taste = home.taste()
    before = taste.recommend(home.ada, most=6)
    stored = items_of(home.store, user_id=home.ada.id)
    for item in [*stored[:5], *stored[8:13]]:
        taste.note(home.ada, item.id, "skipped" if item.title.startswith("sea") else "liked")
    after = taste.recommend(home.ada, most=3)
    assert topics(after) == ["bread"] * 3
    assert set(topics(before)) != {"bread"}
    for item in stored[8:13]:
        taste.note(home.ada, item.id, "skipped")
    for item in stored[:5]:
        taste.note(home.ada, item.id, "liked")
    assert topics(taste.recommend(home.ada, most=3)) == ["sea"] * 3


def test_reasons_are_true(home: Home) -> None:
    """Each names at most two items that the user did select last, never one that they turned down since."""
    taste = home.taste()
    stored = items_of(home.store, user_id=home.ada.id)
    for item in stored[:4]:
        taste.note(home.ada, item.id, "liked")
    taste.note(home.ada, stored[1].id, "skipped")
    taste.note(home.ada, stored[8].id, "bought")
    found = taste.recommend(home.ada, most=11)
    said = opinions(events_of(home.store, user_id=home.ada.id))
    did = {item.title: said[item.id].action for item in stored if item.id in said}
    named = [(each.reason.verb, title) for each in found for title in each.reason.titles]
    assert {verb for verb, _ in named} == {"liked", "bought"}
    assert all(did[title] == verb for verb, title in named)
    assert all(len(each.reason.titles) <= 2 for each in found)
    assert all(each.item.id not in said for each in found)
    sea = next(each for each in found if each.item.title == "sea 4")
    assert line_of(sea, language="en").startswith("sea 4: because you liked “sea ")


def test_without_opinions_popularity_decides(home: Home) -> None:
    """What others here chose of a shared shelf comes first, with their number and no name."""
    shelf, bo = home.store.add_user("shelf", role="shared"), home.store.add_user("bo", role="member")
    _, second = home.add([NewItem("Plain"), NewItem("Popular")], owner=shelf)
    home.taste().note(bo, second, "liked")
    first = home.taste().recommend(home.ada)[0]
    assert line_of(first, language="en") == "Popular: chosen by others here: 1"
    (other,) = home.taste().recommend(bo)
    assert (other.item.title, other.reason.verb) == ("Plain", "new")


def test_what_was_shown_makes_room(home: Home) -> None:
    """The next list has others; after some days they may come again."""
    taste = home.taste()
    first = taste.recommend(home.ada)
    taste.shown(home.ada, first)
    second = taste.recommend(home.ada)
    assert not {each.item.id for each in first} & {each.item.id for each in second}
    assert {each.reason.verb for each in first} == {"new"}


def test_a_list_can_be_about_something(home: Home) -> None:
    """By the search that a turn uses, or near to an item."""
    taste = home.taste()
    assert topics(taste.recommend(home.ada, Wish("bread oven"))) == ["bread"] * 4
    sea = items_of(home.store, user_id=home.ada.id)[0]
    taste.note(home.ada, sea.id, "more")
    assert topics(taste.recommend(home.ada, Wish(like=sea.id))) == ["sea"] * 4
    with pytest.raises(FamiliarError, match="there is no item 99"):
        taste.recommend(home.ada, Wish(like=99))


def test_a_model_ranks_until_votes_say_otherwise(home: Home) -> None:
    """It is told what was selected, and what was said since it was trained counts as much as it does."""
    model = Model("sea")
    taste = home.taste(model)
    stored = items_of(home.store, user_id=home.ada.id)
    home.now = NOW - timedelta(days=2)
    for item in stored[8:14]:
        taste.note(home.ada, item.id, "liked")
    home.now = NOW
    assert topics(taste.recommend(home.ada, most=3)) == ["sea"] * 3
    assert model.asked == [tuple(item.title for item in stored[8:14])]
    for item in stored[:6]:
        taste.note(home.ada, item.id, "skipped")
    assert topics(taste.recommend(home.ada, most=2)) == ["bread"] * 2


def test_the_digest_tells_a_few(home: Home) -> None:
    """With their reasons, beside what is new."""
    lines = tuple(line_of(each, language="en") for each in home.taste().recommend(home.ada, most=1))
    since = datetime.now(UTC) - timedelta(days=1)
    until = datetime.now(UTC) + timedelta(seconds=1)
    made_digest = digest_between(home.store, home.ada, since=since, until=until, ahead=until, recommended=lines)
    text = digest_text(made_digest, home.ada.profile, zone=zone_of(home.ada.profile))
    assert f"For you: {lines[0]}." in text


# -- the terminal


def run(app: App, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    """A command's results."""
    args = parser().parse_args(arguments)
    assert {"recommend": recommend, "items": items}[arguments[0]](app, args, Output(as_json=True)) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_terminal_does_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Import, add, judge, list, recommend; a training that has too little to learn from says so."""
    app = App(tmp_path / "home", Settings(taste=TasteConfig(enabled=True, items=2)))
    app.__dict__["embedder"] = WordEmbedder()
    rows = [{"title": item.title, "text": item.text, "action": "liked"} for item in made(SEA, "sea")[:2]]
    rows += [{"title": item.title, "text": item.text} for item in made(SEA, "sea")[2:]]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (added,) = run(app, capsys, "items", "import", str(tmp_path / "a.jsonl"))
    assert (len(added["new"]), added["events"]) == (8, 2)  # type: ignore[arg-type]
    (own,) = run(app, capsys, "items", "add", "sea 9", "--text", "sea tide", "--kind", "book", "--tags", "sea, tides")
    number = str(own["new"][0])  # type: ignore[index]
    run(app, capsys, "items", "rated", number, "5")
    assert run(app, capsys, "items")[-1]["last"]["rating"] == 5.0  # type: ignore[index]
    found = run(app, capsys, "recommend")
    assert len(found) == 2
    assert str(found[0]["why"]).startswith("because you liked “sea ")
    assert {item["id"] for item in run(app, capsys, "recommend")}.isdisjoint(item["id"] for item in found)
    assert len(run(app, capsys, "recommend", "about", "sea", "-n", "1")) == 1
    assert run(app, capsys, "items", "models") == []
    assert run(app, capsys, "items", "rollback") == [{"adapter": None}]
    (tmp_path / "x.jsonl").write_text("", encoding="utf-8")
    for wrong, message in (
        (("items", "add"), "needs a title"),
        (("items", "liked", "sea"), "write the number"),
        (("items", "import", "x.jsonl", "--shared", app.user(None).name), "that is a person"),
    ):
        named = [str(tmp_path / part) if part == "x.jsonl" else part for part in wrong]
        with pytest.raises(UsageError, match=message):
            items(app, parser().parse_args(named), Output(as_json=True))
    app.close()


def test_off_means_invisible(tmp_path: Path) -> None:
    """By default: no command in the help, none that does anything."""
    assert not Settings().taste.enabled
    text = parser().format_help()
    assert "recommend" not in text
    assert "items" not in text
    app = App(tmp_path, Settings())
    for arguments in (["recommend"], ["items"]):
        with pytest.raises(UsageError, match=r"\[taste\] enabled is false"):
            {"recommend": recommend, "items": items}[arguments[0]](
                app, parser().parse_args(arguments), Output(as_json=True)
            )
