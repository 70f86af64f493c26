"""Takes docs/web-*.png, the pictures of the web page, from a real run: notes, a conversation, votes, a tune.

Run it from the repository: `.venv/bin/python scripts/screenshots.py [--home DIR]`. Nothing on the pictures is written
by hand but the questions and one correction; the dialogue that is learned is the made one of `familiar bench gate`. A
home that was filled before is used as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):
    sys.path.insert(0, str(ROOT))

from scripts.browser import arguments, find_browser  # noqa: E402 - started as a file, the root is not on the path

QUESTIONS = (
    "What is the wifi password at the cabin?",
    "What is the number of my car insurance policy?",
    "And when does it expire?",
    "I live in Bergen, and my sister Eva lives in Oslo.",
    "Always answer in short sentences.",
)
AFTER_TUNE = ("What should I cook tonight?", "Tell me how to keep bread fresh.")
CORRECTED = "On 14 March 2027. I will remind you in February."
SMALL_TUNE = {
    "FAMILIAR_TUNING_BATCH_SIZE": "1",
    "FAMILIAR_TUNING_MAX_TOKENS": "192",
    "FAMILIAR_TUNING_EPOCHS": "2",
    "FAMILIAR_TUNING_LEARNING_RATE": "0.0002",
}
"""Of two dozen replies: small steps, so that there are enough of them to be seen, and slow ones."""
TOKEN = "only-for-the-pictures"
WIDTH, HEIGHT = 1280, 860
COLOURS = 128
PICTURES = (
    ("web-overview", "/"),
    ("web-conversation", "/conversations/1"),
    ("web-facts", "/facts"),
    ("web-adapters", "/adapters/{adapter}"),
)


def main() -> int:
    """Fill a home, serve it, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="kept, and used again (default: a temporary one)")
    named = parser.parse_args().home
    with tempfile.TemporaryDirectory(prefix="familiar-pictures-") as folder:
        home = named or Path(folder) / "home"
        if not (home / "familiar.db").exists():
            fill(home)
        adapters = [json.loads(line) for line in familiar(home, "adapters", "--json").splitlines()]
        with served(home) as url:
            take(url, adapter=adapters[0]["id"] if adapters else "")
    return 0


def familiar(home: Path, *command: str, text: str | None = None, ok: tuple[int, ...] = (0,)) -> str:
    """What a command prints."""
    print("familiar", *command, file=sys.stderr, flush=True)
    settings = {**os.environ, **SMALL_TUNE, "LC_ALL": "C.UTF-8", "LOGNAME": "ada"}
    started = [sys.executable, "-m", "bot.cli", *command, "--home", str(home)]
    done = subprocess.run(started, cwd=ROOT, env=settings, input=text, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in ok:
        raise SystemExit(f"familiar {command[0]} ended with status {done.returncode}")
    return done.stdout


def fill(home: Path) -> None:
    """A few days with Familiar: notes, questions, votes, a tune on a dialogue, and replies after it."""
    familiar(home, "import", str(ROOT / "examples" / "notes"))
    turns = [json.loads(line) for line in familiar(home, "chat", "--json", text="\n".join(QUESTIONS)).splitlines()]
    familiar(home, "feedback", str(turns[0]["turn"]), "up")
    familiar(home, "feedback", str(turns[1]["turn"]), "up")
    familiar(home, "feedback", str(turns[2]["turn"]), "--correct", CORRECTED)
    familiar(home, "remind", "call Mum on Friday at 9")
    familiar(home, "remind", "water the balcony plants every Saturday at 18:00")
    dialogue = home / "evenings.jsonl"
    dialogue.write_text(_dialogue(), encoding="utf-8")
    familiar(home, "import", str(dialogue), "--learn-from", "Mo")
    dialogue.unlink()
    familiar(home, "tune", "--now", ok=(0, 1))
    after = [json.loads(line) for line in familiar(home, "chat", "--json", text="\n".join(AFTER_TUNE)).splitlines()]
    familiar(home, "feedback", str(after[0]["turn"]), "up")


def _dialogue() -> str:
    """The made dialogue as JSON lines."""
    from bot.bench.made_manner import made_examples

    rows = []
    for number, example in enumerate(item for part in made_examples("good", 0, persona="") for item in part):
        for speaker, text in (("Bo", example.prompt[-1].content), ("Mo", example.reply)):
            row = {"id": f"{speaker}{number}", "speaker": speaker, "text": text, "at": example.at}
            rows.append(json.dumps(row, ensure_ascii=False))
    return "\n".join(rows)


@contextmanager
def served(home: Path) -> Iterator[str]:
    """`familiar serve` on a free port."""
    settings = {**os.environ, "FAMILIAR_API_TOKEN": TOKEN}
    command = [sys.executable, "-m", "bot.cli", "serve", "--port", "0", "--home", str(home)]
    process = subprocess.Popen(command, cwd=ROOT, env=settings, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        yield next(line for line in process.stderr if line.startswith("ready ")).removeprefix("ready ").strip()
    finally:
        process.terminate()
        process.communicate(timeout=15)


def take(url: str, *, adapter: str) -> None:
    """Log in and take each picture."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=arguments())
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
        page.goto(url)
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        for name, path in PICTURES:
            page.goto(url.rstrip("/") + path.format(adapter=adapter))
            save(page.screenshot(), ROOT / "docs" / f"{name}.png")
        browser.close()


def save(png: bytes, file: Path) -> None:
    """Write a picture with few colours, which is all that it has."""
    import io

    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(file, optimize=True)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} KB", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
