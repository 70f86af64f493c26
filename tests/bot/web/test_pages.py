"""What the pages show and do, over HTTP, for one user and no other."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path
from typing import get_args

import httpx
import pytest

from bot.locales import LANGUAGES, say
from bot.web.app import pages
from memory.records import Role
from memory.turns import feedback_of, turns_of
from tests.bot.web.bench import SECRET, Bench
from tests.bot.web.conftest import csrf_of, log_in
from tuning.gate import Check

ATTACK = '<script>alert(1)</script><img src=x onerror="alert(2)">'
GETS = [page.path for page in pages(1) if page.show and "{" not in page.path and page.path != "/login"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_of_an_empty_home_says_so(tmp_path: Path, language: str) -> None:
    """No page needs anything to be there, in either language."""
    bench = Bench(tmp_path, language=language)
    try:
        with bench.client() as client:
            for path in GETS:
                answer = client.get(path)
                expected = 400 if path == "/adapters/rollback" else 200
                assert answer.status_code == expected, (path, answer.text)
                assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in answer.text
    finally:
        bench.close()


def test_what_is_there_is_shown(bench: Bench, scripted: httpx.Client) -> None:
    """Counts, facts with their source, the reply with what stands behind it, the reminder, the adapter's checks."""
    document = bench.document("cabin", "My sister is Eva. The wifi password at the cabin is blueberry42.")
    turn = bench.turn("What is the wifi password at the cabin?")
    adapter = bench.adapter()
    bench.reminder("water the plants")
    bench.undelivered("the second half of a reply")
    start = scripted.get("/").text
    assert "water the plants" in start
    assert adapter in start
    assert "1 may not have arrived" in start
    why = scripted.get(f"/turns/{turn}").text
    assert "blueberry42" in why
    assert "You are Familiar" in why
    assert f"/documents/{document}" in scripted.get("/facts").text
    assert "Eva" in scripted.get("/facts").text
    work = scripted.get("/work").text
    assert "the second half of a reply" in work
    shown = scripted.get(f"/adapters/{adapter}").text
    assert "held-out loss" in shown
    assert "<polyline" in shown
    found = scripted.get("/search", params={"q": "wifi password"}).text
    assert "blueberry42" in found
    assert re.search(r'class="score">\d+\.\d{3}', found)


def test_hostile_texts_are_shown_as_text(bench: Bench, scripted: httpx.Client) -> None:
    """A title, a passage, a message, a file name, a question: each stands on its page escaped, never as markup."""
    title = f"My {ATTACK}"
    document = bench.document(title, f"My sister is Eva. {ATTACK}", source=f"/notes/{ATTACK}.md")
    turn = bench.turn(f"Tell me about {ATTACK}")
    bench.reminder(ATTACK)
    bench.undelivered(ATTACK)
    sent = scripted.post("/documents", files={"file": (f"{ATTACK}.txt", io.BytesIO(b"Some notes about tea."))})
    paths = ["/", "/documents", f"/documents/{document}", f"/documents/{document}/forget", "/conversations", "/facts"]
    paths += [
        f"/turns/{turn}",
        "/conversations/1",
        "/work",
        "/documents/receipts",
        sent.headers["location"],
        "/examples",
    ]
    paths += [f"/search?q={ATTACK}", f"/documents?q={ATTACK}", f"/facts?about={ATTACK}", f"/adapters/{ATTACK}"]
    shown = 0
    for path in paths:
        text = scripted.get(path).text
        assert "<script" not in text, path
        assert "<img src=x" not in text, path
        shown += html.escape("<script>alert(1)") in text
    assert shown > 9


def test_a_file_is_taken_in_and_forgotten(bench: Bench, browsed: httpx.Client) -> None:
    """The receipt says what became of it; the question says what goes; then nothing of it is left."""
    csrf = re.search(r'name="csrf" value="([^"]+)"', browsed.get("/documents").text)
    assert csrf
    token = {"csrf": csrf[1]}
    file = {"file": ("C:\\notes\\tea.txt", b"The wifi password of the tea house is blueberry42.")}
    sent = browsed.post("/documents", data=token, files=file)
    assert sent.status_code == 303
    page = browsed.get(sent.headers["location"]).text
    assert "tea.txt: taken in, 1 passages." in html.unescape(page)
    assert "blueberry42" in page
    (document,) = bench.store.documents(user_id=bench.ada.id)
    assert document.source == "tea.txt"
    again = browsed.post("/documents", data=token, files=file)
    assert "known already" in browsed.get(again.headers["location"]).text
    turn = bench.turn("What is the wifi password of the tea house?")
    question = browsed.get(f"/documents/{document.id}/forget").text
    assert "1 turns recalled it" in question
    assert browsed.post(f"/documents/{document.id}/forget", data=token).status_code == 303
    assert not bench.store.documents(user_id=bench.ada.id)
    assert "blueberry42" not in browsed.get(f"/turns/{turn}").text
    assert browsed.get(f"/documents/{document.id}").status_code == 404


def test_what_cannot_be_taken_in_says_why(scripted: httpx.Client) -> None:
    """No file, and a file of a kind that nothing reads."""
    assert scripted.post("/documents", files={"file": ("", b"")}).status_code in (303, 400)
    assert "No file was chosen" in scripted.post("/documents", data={"me": "x"}).text
    assert scripted.post("/documents", files={"file": ("a.bin", bytes(range(256)) * 8)}).status_code == 303


def test_votes_and_corrections_are_kept(bench: Bench, scripted: httpx.Client) -> None:
    """As `familiar feedback` keeps them: the newest counts, and an empty correction is refused."""
    turn = bench.turn("Tell me a story.")
    for form, kept in (
        ({"vote": "up"}, ("up", None)),
        ({"vote": "down"}, ("down", None)),
        ({"vote": "correct", "correction": "Once\r\nupon a time."}, (None, "Once\nupon a time.")),
    ):
        assert scripted.post(f"/turns/{turn}/feedback", data=form).status_code == 303
        (found,) = feedback_of(bench.store, user_id=bench.ada.id)
        assert (found.vote, found.correction) == kept
    assert scripted.post(f"/turns/{turn}/feedback", data={"vote": "correct", "correction": " "}).status_code == 400
    assert scripted.post(f"/turns/{turn}/feedback", data={"vote": "sideways"}).status_code == 400
    assert scripted.post(f"/turns/{turn}/feedback").status_code == 400


def test_what_moved_a_reply_is_computed_when_asked(bench: Bench, scripted: httpx.Client) -> None:
    """The page itself asks the model nothing; the button has it read the words again."""
    turn = bench.turn("Tell me a story.")
    scripted.get(f"/turns/{turn}")
    assert not bench.engine.scored
    computed = scripted.post(f"/turns/{turn}/influence")
    assert computed.status_code == 200
    assert bench.engine.scored
    assert "Log-likelihood a token" in computed.text


def test_facts_are_put_right_pinned_and_deleted(bench: Bench, scripted: httpx.Client) -> None:
    """A correction holds, a pin shows, a deleted fact is gone; what held before stands in its history."""
    bench.document("old", "I live in Bergen.", at="2025-03-01")
    bench.document("new", "I live in Oslo.", at="2026-02-10")
    text = scripted.get("/facts").text
    assert "Bergen" in text
    assert "<summary>before (1)</summary>" in text
    (id_,) = set(re.findall(r"/facts/(\d+)/correct", text))
    assert scripted.post(f"/facts/{id_}/correct", data={"value": "Tromsø"}).status_code == 303
    assert "corrected by you" in scripted.get("/facts").text
    scripted.post(f"/facts/{id_}/pin", data={"pinned": "yes"})
    assert "pinned</span>" in scripted.get("/facts").text
    scripted.post(f"/facts/{id_}/delete")
    assert "Tromsø" not in scripted.get("/facts").text
    assert scripted.post(f"/facts/{id_}/delete").status_code == 400


def test_examples_are_approved_and_struck_out(bench: Bench, scripted: httpx.Client) -> None:
    """Each shows what becomes of it, and a choice changes that."""
    bench.dialogue(count=3)
    ids = re.findall(r'name="example" value="([^"]+)"', scripted.get("/examples").text)
    first, second = list(dict.fromkeys(ids))[:2]
    assert scripted.post("/examples", data={"choice": "approve", "example": first}).status_code == 303
    assert scripted.post("/examples", data={"choice": "strike", "example": second}).status_code == 303
    text = scripted.get("/examples").text
    assert "approved</span>" in text
    assert "struck out</span>" in text
    assert scripted.post("/examples", data={"choice": "strike", "example": "document:99:1"}).status_code == 400


def test_adapters_are_rolled_back_and_promoted(bench: Bench, scripted: httpx.Client) -> None:
    """After a question; a question that is out of date rolls nothing back."""
    first, second = bench.adapter(), bench.adapter()
    registry, user = bench.app.registry, bench.ada.id
    failed = bench.adapter(checks=(Check("stopping", float("inf"), 0.8, False, "replies that end: 0"),))
    assert "rejected" in scripted.get(f"/adapters/{failed}").text
    assert first in scripted.get("/adapters/rollback").text
    scripted.post("/adapters/rollback", data={"adapter": first})
    assert (live := registry.live(user)) is not None
    assert live.id == second
    scripted.post("/adapters/rollback", data={"adapter": second})
    assert (live := registry.live(user)) is not None
    assert live.id == first
    assert second in scripted.get(f"/adapters/{second}/promote").text
    assert scripted.post(f"/adapters/{second}/promote").status_code == 303
    assert (live := registry.live(user)) is not None
    assert live.id == second
    assert scripted.post(f"/adapters/{failed}/promote").status_code == 400


def test_a_turn_is_forgotten(bench: Bench, scripted: httpx.Client) -> None:
    """With what was learned from it."""
    turn = bench.turn("My locker has the number 4711.")
    assert "4711" in scripted.get(f"/turns/{turn}/forget").text
    assert scripted.post(f"/turns/{turn}/forget").status_code == 303
    assert not turns_of(bench.store, user_id=bench.ada.id)
    assert scripted.get(f"/turns/{turn}").status_code == 404


def test_forgetting_says_which_adapter_is_missed(bench: Bench, scripted: httpx.Client) -> None:
    """The question names the adapter that learned from it, the note what answers now."""
    document = bench.dialogue()
    adapter = bench.adapter()
    with bench.store.transaction() as db:
        db.execute("INSERT INTO adapter_sources (adapter_id, document_id) VALUES (?, ?)", (adapter, document))
    assert adapter in scripted.get(f"/documents/{document}/forget").text
    with bench.client(token=None) as browsed:
        log_in(browsed)
        csrf = csrf_of(browsed, "/documents")
        browsed.post(f"/documents/{document}/forget", data={"csrf": csrf})
        assert f"Adapter {adapter} had learned from it" in browsed.get("/documents").text
    assert bench.app.registry.live(bench.ada.id) is None


def test_people_of_every_role_are_listed(bench: Bench, scripted: httpx.Client) -> None:
    """There is a word for each in each language."""
    roles: tuple[Role, ...] = get_args(Role)
    for role in roles:
        if role != "owner":
            bench.store.add_user(f"somebody {role}", role=role)
        assert all(say(language, f"web_role_{role}") for language in LANGUAGES)
    answer = scripted.get("/people")
    assert answer.status_code == 200
    assert all(f"somebody {role}" in answer.text for role in roles if role != "owner")


def test_nothing_of_another_user_is_shown_or_changed(bench: Bench, scripted: httpx.Client) -> None:
    """Of Ben the owner's page knows name and counts; his rows can't be opened, found, judged or forgotten."""
    ben = bench.store.add_user("ben", role="member")
    document = bench.document("secret plan", "My sister is Zeppelin.", user=ben)
    turn = bench.turn("The zeppelin is red.", user=ben)
    bench.adapter(user=ben)
    bench.undelivered("zeppelin", user=ben)
    bench.dialogue(user=ben)
    people = scripted.get("/people").text
    assert re.search(r"<td>ben</td>", people)
    for path in (*(path for path in GETS if path != "/adapters/rollback"), "/search?q=zeppelin", "/documents?q=plan"):
        text = scripted.get(path).text.replace('value="zeppelin"', "")
        assert "zeppelin" not in text.lower(), path
        assert "secret plan" not in text, path
    conversation = bench.store.rows("SELECT id FROM conversations WHERE user_id = ?", (ben.id,))[0]["id"]
    assert scripted.get(f"/conversations/{conversation}").status_code == 404
    (fact,) = {row["id"] for row in bench.store.rows("SELECT id FROM facts WHERE user_id = ? LIMIT 1", (ben.id,))}
    (adapter,) = [item.id for item in bench.app.registry.list(user_id=ben.id)]
    for path in (f"/documents/{document}", f"/turns/{turn}", f"/adapters/{adapter}", f"/documents/{document}/forget"):
        assert scripted.get(path).status_code == 404
    acts: list[tuple[str, dict[str, str]]] = [
        (f"/documents/{document}/forget", {}),
        (f"/turns/{turn}/forget", {}),
        (f"/turns/{turn}/influence", {}),
        (f"/turns/{turn}/feedback", {"vote": "up"}),
        (f"/facts/{fact}/delete", {}),
        (f"/facts/{fact}/correct", {"value": "x"}),
        (f"/facts/{fact}/pin", {"pinned": "yes"}),
        (f"/adapters/{adapter}/promote", {}),
        ("/examples", {"choice": "strike", "example": f"document:{document}:1"}),
    ]
    for path, form in acts:
        assert scripted.post(path, data=form).status_code in (400, 404), path
    assert len(bench.store.documents(user_id=ben.id)) == 2
    assert not feedback_of(bench.store, user_id=ben.id)


def test_another_home_page_for_another_user(tmp_path: Path) -> None:
    """`--user ben` shows Ben's, and then nothing of the owner's."""
    bench = Bench(tmp_path, user="ben")
    try:
        ben = bench.store.add_user("ben", role="member")
        bench.document("mine", "My sister is Zeppelin.", user=ben)
        bench.document("hers", "My sister is Eva.")
        with bench.client() as client:
            text = client.get("/documents").text
        assert "mine" in text
        assert "hers" not in text
    finally:
        bench.close()


def test_secrets_are_masked(bench: Bench, scripted: httpx.Client) -> None:
    """Of a token the settings say only that there is one; what was changed is marked."""
    text = html.unescape(scripted.get("/settings").text)
    assert SECRET not in text
    assert SECRET.split(":")[1] not in text
    assert "set, not shown" in text
    assert "max_file_mb" in text
    assert "changed" in text
    assert bench.access.token.reveal() not in text


def test_long_lists_come_in_parts(bench: Bench, scripted: httpx.Client) -> None:
    """Fifty documents a page, found by title; a page that is not there is the last one."""
    for number in range(53):
        bench.document(f"note {number}", f"The number of this note is {number}.")
    first = scripted.get("/documents").text
    assert "1 of 2" in first
    assert first.count('class="entry"') == 50
    assert scripted.get("/documents?page=2").text.count('class="entry"') == 3
    assert scripted.get("/documents?page=99").text.count('class="entry"') == 3
    assert scripted.get("/documents", params={"q": "note 52"}).text.count('class="entry"') == 1
    assert scripted.get("/documents", params={"q": "note_5"}).text.count('class="entry"') == 0


def test_an_error_of_the_program_shows_and_logs_no_text(
    bench: Bench, scripted: httpx.Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect is a page with status 500, and a line in the log that says where, not what was written."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("My locker has the number 4711.")

    monkeypatch.setattr(type(bench.app.learned), "judge", broken)
    turn = bench.turn("Hello.")
    answer = scripted.post(f"/turns/{turn}/feedback", data={"vote": "up"})
    assert answer.status_code == 500
    assert "4711" not in answer.text
    assert "4711" not in caplog.text
    assert "RuntimeError at broken" in caplog.text
