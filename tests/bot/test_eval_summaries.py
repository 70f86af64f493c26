"""The measurement of summaries: its pages are whole, its figures tell a good summary from a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import Settings
from bot.eval_summaries import PAGES, PlantedFact, evaluate_summaries, figures, form_of, is_recovered, read_facts
from bot.salience import language_of_text
from bot.summaries import Summary
from bot.summary_check import SummarySentence
from memory.errors import FamiliarError
from memory.records import Citation, Profile
from tests.embedder import WordEmbedder


def test_each_page_holds_its_fact_in_both_languages() -> None:
    """Twenty pages, each in its language, each with its proof in a single sentence's reach."""
    facts = read_facts(PAGES / "facts.jsonl")
    assert len(facts) == 20
    for fact in facts:
        for language, proof in fact.proofs.items():
            text = (PAGES / language / fact.page).read_text(encoding="utf-8")
            assert language_of_text(text) == language
            assert is_recovered(proof, text.replace("。", "。\n").splitlines()), (fact.page, language)


def test_figures() -> None:
    """Form, language, recovered facts and sources are counted as they are."""
    facts = [PlantedFact("a.md", {"en": ("640",)}), PlantedFact("b.md", {"en": ("31 May", "2027")})]
    sentences = (
        SummarySentence("The rent is 640 euros.", (1,)),
        SummarySentence("合同快到期了。", (2,)),
        SummarySentence("The lease ends on 31 May.", (9,)),
        SummarySentence("The rent is 650 euros.", (1,)),
    )
    citations = tuple(
        Citation(n, "a.md", "a.md", text, n) for n, text in ((1, "The rent is 640 euros."), (2, "合同快到期了。"))
    )
    summary = Summary("Title\n- a\n- b\n\n(A note.)", sentences, citations, 1)
    row = figures(summary, Profile("en", "bullets", "short"), facts, seconds=1.0)
    assert (row.form_as_set, row.language_as_set, row.facts_recovered, row.with_source) == (True, 0.75, 0.5, 0.5)


def test_form() -> None:
    """Bullets are bullets only if all are."""
    assert form_of("Title\n- a\n- b") == "bullets"
    assert form_of("Title\n- a\nb") == "prose"
    assert form_of("Title") == "prose"


def test_bad_facts(tmp_path: Path) -> None:
    """A missing file and a broken line are named."""
    with pytest.raises(FamiliarError, match="can't be read"):
        read_facts(tmp_path / "facts.jsonl")
    (tmp_path / "facts.jsonl").write_text('{"page": "a.md", "en": []}\n', encoding="utf-8")
    with pytest.raises(FamiliarError, match="line 1"):
        read_facts(tmp_path / "facts.jsonl")


def test_the_whole_measurement_runs() -> None:
    """Two profiles, both measured through import, store and summarizer."""
    rows = [row for row, _ in evaluate_summaries(embedder=WordEmbedder(), settings=Settings())]
    assert [(row.language, row.form, row.length) for row in rows] == [
        ("en", "bullets", "short"),
        ("zh", "prose", "long"),
    ]
    assert all(row.form_as_set and row.with_source == 1.0 for row in rows)
