"""A served home for each test, and one browser for a module."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from scripts.browser import VARIABLE, arguments, find_browser
from tests.bot.web.bench import TOKEN, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """An empty home of Ada's."""
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def scripted(bench: Bench) -> Iterator[httpx.Client]:
    """A client with the token."""
    with bench.client() as client:
        yield client


@pytest.fixture
def browsed(bench: Bench) -> Iterator[httpx.Client]:
    """A client with a session, as a browser has."""
    with bench.client(token=None) as client:
        log_in(client)
        yield client


def log_in(client: httpx.Client, token: str = TOKEN) -> httpx.Response:
    """Send the login form as a browser does."""
    return client.post("/login", data={"csrf": csrf_of(client, "/login"), "token": token})


def csrf_of(client: httpx.Client, path: str) -> str:
    """The hidden field of a page's first form."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found, path
    return found[1]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, ended with the module: while it is open no asynchronous test can run in this process."""
    path = find_browser()
    assert path, f"no Chromium here: install one, or name it in {VARIABLE}"
    expect.set_options(timeout=30_000)  # a busy machine is no defect
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=arguments())
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, bench: Bench) -> Iterator[Page]:
    """A page of somebody who has logged in; nothing of another place may be asked, and no script of a text may run."""
    context = browser.new_context(base_url=bench.url, reduced_motion="reduce")
    session = bench.access.sessions.begin()
    context.add_cookies([{"name": bench.access.cookie, "value": session.id, "url": bench.url}])
    opened = context.new_page()
    asked: list[str] = []
    problems: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    context.close()
    assert asked
    assert not [url for url in asked if not url.startswith(bench.url)]
    assert not problems
