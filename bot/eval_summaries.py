"""How well summaries keep to a profile and to the facts, measured on the same invented pages in English and Chinese.

Each page has one planted key fact; a summary recovers it where all the strings that prove it stand in one of its
sentences. The pages are imported into a throw-away home by the ordinary import; two users with opposite profiles each
get their summary of the same forty files.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.config import Settings
from bot.engines.base import Engine
from bot.salience import language_of_text
from bot.summaries import Summarizer, Summary
from bot.summary_check import SummarySentence, is_supported
from memory.embedding import Embedder
from memory.errors import FamiliarError
from memory.index import Indexes
from memory.ingest import Ingestor
from memory.records import Profile
from memory.search import Searcher
from memory.store import Store

PAGES = Path(__file__).resolve().parents[1] / "examples" / "pages"
PROFILES = (
    Profile(language="en", form="bullets", length="short"),
    Profile(language="zh", form="prose", length="long"),
)


@dataclass(frozen=True)
class PlantedFact:
    """The key fact of a page: the strings that prove it, by language."""

    page: str
    proofs: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class SummaryFigures:
    """What one profile's summary was worth; shares are 0..1."""

    language: str
    form: str
    length: str
    form_as_set: bool
    language_as_set: float
    """Share of sentences in the profile's language."""
    facts_recovered: float
    with_source: float
    """Share of sentences of which every citation exists and whose names and numbers stand in what they cite."""
    sentences: int
    dropped: int
    parts: int
    seconds: float


def evaluate_summaries(
    *, embedder: Embedder, settings: Settings, engine: Engine | None = None, pages: Path = PAGES
) -> Iterator[tuple[SummaryFigures, Summary]]:
    """The figures of each profile, with the summary itself.

    :param engine: the model that writes; None measures the quoting summaries
    :raises FamiliarError: the pages are not there, or one can't be imported
    """
    facts = read_facts(pages / "facts.jsonl")
    with tempfile.TemporaryDirectory(prefix="familiar-eval-") as folder:
        home = Path(folder)
        store = Store(home / "familiar.db")
        try:
            indexes = Indexes(home / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
            searcher = Searcher(store, indexes, embedder, settings.search)
            summarizer = Summarizer(store, searcher, embedder, engine)
            shared = store.add_user("pages", role="shared")
            for receipt in Ingestor(store, embedder, settings.import_).import_paths(
                [pages / "en", pages / "zh"], user_id=shared.id
            ):
                if receipt.status != "indexed":
                    raise FamiliarError(f"{receipt.path} can't be measured: {receipt.status}, {receipt.reason}")
            for n, profile in enumerate(PROFILES):
                user = store.add_user(f"reader {n}", role="member", profile=profile)
                start = time.perf_counter()
                summary = summarizer.summarize(user=user)
                yield figures(summary, profile, facts, seconds=time.perf_counter() - start), summary
        finally:
            store.close()


def read_facts(path: Path) -> list[PlantedFact]:
    """The planted facts of a JSON-lines file.

    :raises FamiliarError: it is not there, or a line is no fact
    """
    found = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found.append(PlantedFact(row["page"], {key: tuple(row[key]) for key in ("en", "zh")}))
    except OSError as exc:
        raise FamiliarError(f"{path} can't be read: {exc.strerror}; the pages come with the source code") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise FamiliarError(f'{path}, line {len(found) + 1}: not a fact like {{"page", "en": [], "zh": []}}') from exc
    return found


def figures(summary: Summary, profile: Profile, facts: Sequence[PlantedFact], *, seconds: float) -> SummaryFigures:
    """What a summary was worth."""
    texts = [item.text for item in summary.sentences]
    sources = {item.n: item.text for item in summary.citations}
    total = max(len(texts), 1)
    proofs = [fact.proofs[profile.language] for fact in facts]
    return SummaryFigures(
        language=profile.language,
        form=profile.form,
        length=profile.length,
        form_as_set=form_of(summary.text) == profile.form,
        language_as_set=round(sum(language_of_text(text) == profile.language for text in texts) / total, 3),
        facts_recovered=round(sum(is_recovered(proof, texts) for proof in proofs) / max(len(facts), 1), 3),
        with_source=round(sum(has_source(item, sources) for item in summary.sentences) / total, 3),
        sentences=len(texts),
        dropped=summary.dropped,
        parts=summary.parts,
        seconds=round(seconds, 1),
    )


def has_source(sentence: SummarySentence, sources: Mapping[int, str]) -> bool:
    """Whether a sentence cites passages that are there and hold its names and numbers."""
    if not sentence.citations or not set(sentence.citations) <= sources.keys():
        return False
    return is_supported(sentence.text, "\n".join(sources[n] for n in sentence.citations))


def is_recovered(proof: Sequence[str], sentences: Sequence[str]) -> bool:
    """Whether one sentence holds all strings of a proof, spaces and case aside."""
    wanted = [_squeezed(text) for text in proof]
    return any(all(text in _squeezed(sentence) for text in wanted) for sentence in sentences)


def form_of(text: str) -> str:
    """ "bullets" where all lines but the title and a closing note are bullets, else "prose"."""
    lines = [line for line in text.split("\n")[1:] if line.strip() and not line.startswith(("(", "（"))]
    return "bullets" if lines and all(line.startswith("- ") for line in lines) else "prose"


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()
