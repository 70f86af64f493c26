"""A model's summary against its passages: every sentence that stays has a source that holds its names and numbers."""

from __future__ import annotations

from bot.summary_check import SummarySentence, check_draft, parse_draft
from tests.bot.test_salience import chunk

NOTES = {
    1: chunk("The chimney was swept on 12 June 2026. The key is with Anna Berg.", id=1),
    2: chunk("Rent is 640 euros, paid on the first Monday of the month.", id=2),
    3: chunk("保险公司今年把存货的保额定为 65000 欧元，每次自己承担 500 欧元。", id=3),
}


def far(_sentence: str, _number: int) -> float:
    """Nothing is near anything: only words count."""
    return 0.0


def test_numbers_before_or_after_the_stop() -> None:
    """Citations belong to the sentence before them, in every bracket and list that models write."""
    draft = parse_draft("# Summary\nHere it is:\n- The key is here. [1] The rent is due [2, 3].\n* 保额定好了【3】。")
    assert draft == [
        SummarySentence("The key is here.", (1,)),
        SummarySentence("The rent is due.", (2, 3)),
        SummarySentence("保额定好了。", (3,)),
    ]


def test_supported_sentences_keep_their_source() -> None:
    """A cited passage that holds the sentence is its source."""
    checked = check_draft([SummarySentence("Anna Berg has the key.", (1,))], NOTES, nearness=far)
    assert checked.sentences == (SummarySentence("Anna Berg has the key.", (1,)),)
    assert checked.dropped == 0


def test_a_wrong_number_is_replaced() -> None:
    """Where the cited passage does not hold it, or there is none of that number, the one that does is cited."""
    draft = [SummarySentence("The key is with Anna Berg.", (2,)), SummarySentence("Rent is 640 euros.", (77,))]
    checked = check_draft(draft, NOTES, nearness=far)
    assert [item.citations for item in checked.sentences] == [(1,), (2,)]


def test_invented_names_and_numbers_are_dropped_and_counted() -> None:
    """A wrong amount, an unknown person and a sentence from nowhere have no source."""
    draft = [
        SummarySentence("Rent is 650 euros.", (2,)),
        SummarySentence("The key is with Peter Berg.", (1,)),
        SummarySentence("Cats make wonderful companions.", (1,)),
        SummarySentence("The notes say what is the most of the notes.", (2,)),
        SummarySentence("The key is with Anna Berg.", ()),
    ]
    checked = check_draft(draft, NOTES, nearness=far)
    assert [item.text for item in checked.sentences] == ["The key is with Anna Berg."]
    assert checked.dropped == 4


def test_a_date_written_otherwise_is_the_same_date() -> None:
    """Word order and ordinals of a date don't matter; its numbers do."""
    draft = [SummarySentence("The chimney was swept on June 12th, 2026.", (1,))]
    assert check_draft(draft, NOTES, nearness=far).dropped == 0
    draft = [SummarySentence("The chimney was swept on June 13th, 2026.", (1,))]
    assert check_draft(draft, NOTES, nearness=far).dropped == 1


def test_across_languages_numbers_and_meaning_count() -> None:
    """A translated sentence needs its numbers in the source and a near meaning; names may change."""
    true = SummarySentence("Since this year the stock is insured by Allsafe for 65,000 euros.", (3,))
    false = SummarySentence("Since this year the stock is insured for 56,000 euros.", (3,))

    def near(_sentence: str, number: int) -> float:
        return 0.84 if number == 3 else 0.7

    assert check_draft([true], NOTES, nearness=near).sentences == (true,)
    assert check_draft([false], NOTES, nearness=near).dropped == 1
    assert check_draft([true], NOTES, nearness=far).dropped == 1


def test_chinese_names_need_shared_words() -> None:
    """A Chinese sentence that shares few characters with its source is dropped, however near it seems."""
    draft = [
        SummarySentence("保险公司把存货的保额定为 65000 欧元。", (3,)),
        SummarySentence("王小明送来了一条红色的鱼。", (3,)),
    ]
    checked = check_draft(draft, NOTES, nearness=lambda _s, n: 0.95 if n == 3 else 0.0)
    assert [item.text for item in checked.sentences] == ["保险公司把存货的保额定为 65000 欧元。"]


def test_each_sentence_once() -> None:
    """What a model repeats is kept once."""
    draft = [SummarySentence("Rent is 640 euros.", (2,))] * 3
    assert len(check_draft(draft, NOTES, nearness=far).sentences) == 1
