"""The fixed probes: well formed, asked as written, and a base is asked once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from memory.records import Message
from tests.tuning.tiny import PERSONA, tiny_base
from tuning import probing
from tuning.chat_format import stop_ids
from tuning.probes import PROBES, Exact, read_sets, sets_sha256
from tuning.probing import probe, probe_base
from tuning.train import Loaded, load


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(tiny_base(tmp_path_factory.mktemp("base")).folder)


def ends(loaded: Loaded) -> frozenset[int]:
    return stop_ids(loaded.tokenizer, loaded.model.generation_config)


def test_sets_hold_what_they_are_to_measure() -> None:
    """Sixty general questions, typos, paraphrases, foreign topics and Chinese among them; nothing is asked twice."""
    sets = read_sets(PERSONA)
    assert len(sets.general) == 60
    assert len({choice.prompt for choice in sets.general}) == 60
    assert all(not set(choice.right) & set(choice.wrong) for choice in sets.general)
    assert sum(any("\u4e00" <= sign <= "\u9fff" for sign in item.prompt[-1].content) for item in sets.general) == 8
    assert (len(sets.harmful), len(sets.benign)) == (10, 10)
    assert all(item.prompt[0] == Message("system", PERSONA) for item in (*sets.general, *sets.missing, *sets.citing))


def test_missing_facts_stand_in_no_note() -> None:
    """The invented value of each question is nowhere in what the model is given."""
    for choice in read_sets(PERSONA).missing:
        told = choice.prompt[-1].content.split("</notes>")[0]
        asked = set(choice.prompt[-1].content.split())
        new = set(choice.wrong[0].rstrip(".").split()) - asked
        assert new
        assert not any(word in told for word in new if any(sign.isdigit() for sign in word))


def test_exact_answer_is_a_whole_word() -> None:
    """8 is not in 18; full stops and capitals don't matter."""
    item = Exact("?", ("8", "eight"))
    assert item.answered("It is 8.")
    assert item.answered("EIGHT")
    assert not item.answered("It is 18.")


def test_figures_have_a_number_an_item(loaded: Loaded) -> None:
    """Asked of a random model they are finite, and it copies and answers next to nothing."""
    found = probe(loaded.model, loaded.tokenizer, persona=PERSONA, ends=ends(loaded))
    sets = read_sets(PERSONA)
    assert len(found.general) == len(sets.general)
    assert len(found.rules) == len(sets.rules)
    assert (len(found.copied), len(found.exact)) == (len(PROBES), len(sets.exact))
    assert sum(found.copied) == 0
    assert all(abs(value) < 100 for value in (*found.general, *found.citing, *found.rules))


def test_base_is_asked_once(loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same base, template and persona find their figures beside the model; another persona asks anew."""
    asked: list[str] = []

    def counted(model: object, tokenizer: object, *, persona: str, ends: frozenset[int]) -> object:
        asked.append(persona)
        return probe(model, tokenizer, persona=persona, ends=ends)

    monkeypatch.setattr(probing, "probe", counted)
    first, second, other = (
        probe_base(
            loaded.model,
            loaded.tokenizer,
            folder=tmp_path / "figures",
            sha256="abc",
            persona=persona,
            ends=ends(loaded),
        )
        for persona in (PERSONA, PERSONA, "You are another.")
    )
    assert first == second
    assert asked == [PERSONA, "You are another."]
    assert dataclasses.asdict(other).keys() == dataclasses.asdict(first).keys()
    files = list((tmp_path / "figures").iterdir())
    assert len(files) == 2
    assert "Familiar" not in "".join(file.read_text() for file in files)

    files[0].write_text("{")
    files[1].write_text('{"general": [1.0]}')
    again = probe_base(
        loaded.model, loaded.tokenizer, folder=tmp_path / "figures", sha256="abc", persona=PERSONA, ends=ends(loaded)
    )
    assert again == first


def test_folder_that_can_not_be_written_to_costs_no_tune(loaded: Loaded, tmp_path: Path) -> None:
    """A file stands where the folder should be: the figures are there all the same."""
    (tmp_path / "figures").write_text("")
    found = probe_base(
        loaded.model, loaded.tokenizer, folder=tmp_path / "figures", sha256="abc", persona=PERSONA, ends=ends(loaded)
    )
    assert len(found.general) == 60


def test_identity_of_the_probes_is_stable() -> None:
    """Read twice it is the same."""
    assert sets_sha256() == sets_sha256()
