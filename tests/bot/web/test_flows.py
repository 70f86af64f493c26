"""What a person does in a browser, in a real one; each page is also looked at for labels, contrast and width."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from memory.records import Profile
from memory.turns import feedback_of
from tests.bot.web.bench import TOKEN, Bench

pytestmark = pytest.mark.browser

WINDOWS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (360, "dark"))
CHECKS = Path(__file__).with_name("checks.js").read_text(encoding="utf-8")


def check_page(page: Page) -> None:
    """All that can be used has a name, text has a contrast of 4.5, nothing stands out of the window."""
    assert page.evaluate(CHECKS) == {"unnamed": [], "faint": [], "twice": [], "headings": [], "wider": []}, page.url


def fill(bench: Bench) -> list[str]:
    """Something of everything, and the addresses that show it."""
    bench.document("old", "I live in Bergen.", at="2025-03-01")
    document = bench.document(
        "cabin", "I live in Oslo. The wifi password at the cabin is blueberry42.", at="2026-02-10"
    )
    turn = bench.turn("What is the wifi password at the cabin?")
    bench.dialogue(count=4)
    bench.adapter()
    adapter = bench.adapter()
    bench.reminder("water the plants")
    bench.undelivered("the second half of a reply")
    paths = ["/", "/conversations", "/conversations/1", f"/turns/{turn}", "/documents", f"/documents/{document}"]
    paths += [f"/documents/{document}/forget", "/documents/receipts", "/search?q=wifi+password", "/facts", "/examples"]
    return [*paths, "/adapters", f"/adapters/{adapter}", "/adapters/rollback", "/work", "/people", "/settings"]


def check_everywhere(page: Page) -> None:
    """On a wide and a narrow window, light and dark."""
    for width, scheme in WINDOWS:
        page.set_viewport_size({"width": width, "height": 700})
        page.emulate_media(color_scheme=scheme)
        check_page(page)


def test_every_page_can_be_read_and_used(bench: Bench, page: Page) -> None:
    """In each window: names, contrast of 4.5, no sideways scrolling; also with its hidden parts open."""
    for path in fill(bench):
        page.goto(path)
        check_everywhere(page)
    for path, part in (("/facts", ".edit"), ("/conversations/1", ".correct")):
        page.goto(path)
        page.locator(f"{part} > summary").first.click()
        check_everywhere(page)


def test_pages_are_chinese_for_who_speaks_it(bench: Bench, page: Page) -> None:
    """From the next page on, and they fit there too."""
    fill(bench)
    bench.store.update_user(replace(bench.ada, profile=Profile(language="zh")))
    for path, heading in (("/", "概览"), ("/facts", "事实"), ("/adapters", "适配器"), ("/work", "任务与队列")):
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        check_everywhere(page)


def test_a_wrong_token_leads_nowhere(bench: Bench, browser: Browser) -> None:
    """The login page says so and asks again; the right one opens the page, and logging out closes it."""
    context = browser.new_context(base_url=bench.url)
    page = context.new_page()
    page.goto("/facts")
    expect(page).to_have_url(f"{bench.url}/login")
    check_page(page)
    page.keyboard.type("nonsense")  # the field has the focus
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not the token")
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    (cookie,) = [item for item in context.cookies() if item["name"] == bench.access.cookie]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.get_by_role("button", name="Log out").click()
    page.goto("/facts")
    expect(page).to_have_url(f"{bench.url}/login")
    context.close()


def test_a_fact_is_corrected_pinned_and_deleted(bench: Bench, page: Page) -> None:
    """From the list, with what is said after each."""
    bench.document("cabin", "I live in Oslo.")
    page.goto("/facts")
    page.get_by_text("Change").click()
    page.get_by_label("The right value").fill("Tromsø")
    page.get_by_role("button", name="Correct").click()
    expect(page.get_by_role("status")).to_have_text("Corrected: Tromsø")
    expect(page.get_by_role("row", name="Tromsø")).to_contain_text("corrected by you")
    page.get_by_text("Change").click()
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.get_by_role("row", name="Tromsø")).to_contain_text("pinned")
    page.get_by_text("Change").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No facts yet")).to_be_visible()


def test_a_reply_is_judged_and_looked_behind(bench: Bench, page: Page) -> None:
    """Up, then corrected; then what moved it, computed at the press of a button."""
    turn = bench.turn("Tell me a story.")
    page.goto("/conversations")
    page.get_by_role("link", name="Tell me a story.").click()
    page.get_by_role("button", name="This reply is good").click()
    expect(page.get_by_role("status")).to_contain_text("Kept")
    expect(page.locator(".vote.up")).to_have_class(re.compile(r"\bon\b"))
    page.get_by_text("✎ Correct").click()
    page.get_by_label("What should the reply have been?").fill("Once upon a time.")
    page.get_by_role("button", name="Keep the correction").click()
    expect(page.get_by_text("Your correction")).to_be_visible()
    (found,) = feedback_of(bench.store, user_id=bench.ada.id)
    assert (found.turn_id, found.correction) == (turn, "Once upon a time.")
    page.get_by_role("link", name="Why?").click()
    page.get_by_role("button", name="Compute").click()
    expect(page.get_by_text("Log-likelihood a token")).to_be_visible()


def test_a_document_is_uploaded_and_forgotten(bench: Bench, page: Page, tmp_path: Path) -> None:
    """With a hostile name and text: no script of it runs, and after the question nothing of it is left."""
    file = tmp_path / "<img src=x onerror=alert(1)>.md"
    file.write_text("# <script>alert(1)</script>\n\nThe tea stands in the blue tin.\n", encoding="utf-8")
    page.goto("/documents")
    page.get_by_label("Take in a file").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("status")).to_contain_text("taken in, 1 passages")
    expect(page.get_by_role("heading", level=1)).to_have_text("<script>alert(1)</script>")
    page.get_by_role("link", name="Forget this document").click()
    expect(page.get_by_text("This can’t be undone.")).to_be_visible()
    page.get_by_role("link", name="Keep").click()
    assert bench.store.documents(user_id=bench.ada.id)
    page.get_by_role("link", name="Forget this document").click()
    page.get_by_role("button", name="Yes, forget").click()
    expect(page.get_by_text("Forgotten.")).to_be_visible()
    assert not bench.store.documents(user_id=bench.ada.id)


def test_examples_are_decided_about(bench: Bench, page: Page) -> None:
    """Approve one, strike out another; both show it."""
    bench.dialogue(count=2)
    page.goto("/examples")
    page.get_by_role("button", name="Approve").first.click()
    expect(page.get_by_role("status")).to_contain_text("Approved")
    page.get_by_role("button", name="Strike out").last.click()
    expect(page.get_by_role("status")).to_contain_text("Struck out")
    expect(page.locator("main")).to_contain_text("struck out")


def test_an_adapter_is_rolled_back_and_promoted(bench: Bench, page: Page) -> None:
    """Each after a question that says what will answer then."""
    first, second = bench.adapter(), bench.adapter()
    page.goto("/adapters")
    page.get_by_role("link", name="Roll back").click()
    expect(page.locator("main")).to_contain_text(f"{second} no longer answers; {first} does.")
    page.get_by_role("button", name="Yes, roll back").click()
    expect(page.get_by_role("status")).to_contain_text(first)
    page.get_by_role("row", name=second).get_by_role("link", name="Promote").click()
    page.get_by_role("button", name="Yes, let it answer").click()
    live = bench.app.registry.live(bench.ada.id)
    assert live is not None
    assert live.id == second


def test_the_menu_of_a_phone_opens_by_keyboard(page: Page) -> None:
    """Hidden at first; the space key shows it, and a link in it leads on."""
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto("/")
    menu = page.get_by_role("navigation")
    expect(menu).to_be_hidden()
    page.get_by_label("Menu").first.focus()
    page.keyboard.press("Space")
    expect(menu).to_be_visible()
    page.get_by_role("link", name="Search").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Search")
