"""Of what a model claims only that is believed which stands in the sentence."""

from __future__ import annotations

from datetime import date

import pytest

from memory.facts.extract import Told
from memory.facts.reading import Believed, Reading, Wording, believed, says_again
from memory.facts.records import USER, Claim
from memory.facts.shapes import KNOWN
from memory.facts.vocabulary import ATTRIBUTE_NAMES, SYNONYMS

DAY = date(2026, 3, 11)
ORBIS = "Since May I've been with Orbis as a welder, and my cousin Rosa joined me there."


def read(sentence: str, *claims: tuple[str, str, str], me: str = USER) -> Believed:
    """What is believed of these claims about a sentence."""
    return believed(Reading(tuple(Wording(*claim) for claim in claims)), [sentence], Told(sentence, DAY, me))


def test_what_stands_in_the_sentence_is_kept_with_its_date() -> None:
    """Subject, attribute by the vocabulary, value as written, the date from the sentence."""
    found = read(ORBIS, ("I", "company", "orbis"), ("I", "occupation", "a welder"), ("I", "cousin", "Rosa"))
    assert found.claims == (
        Claim(USER, "employer", "Orbis", "2025-05"),
        Claim(USER, "job", "welder", "2025-05"),
        Claim(USER, "cousin", "Rosa"),
    )
    assert found.dropped == 0


@pytest.mark.parametrize(
    ("sentence", "claim"),
    [
        (ORBIS, ("I", "employer", "Orbis Ltd")),  # a word that is not there
        (ORBIS, ("Tom", "employer", "Orbis")),  # nobody of that name
        (ORBIS, ("She", "employer", "Orbis")),
        (ORBIS, ("I", "sister", "Rosa")),  # a relation that is not named
        (ORBIS, ("I", "mood", "welder")),  # no attribute
        (ORBIS, ("I", "home", "Orbis")),  # no word of living there
        (ORBIS, ("Rosa", "job", "there")),
        (ORBIS, ("I", "name", "cousin")),  # no name
        ("I have been at my job for 12 years.", ("I", "age", "34")),
        ("I have never worked at Orbis.", ("I", "employer", "Orbis")),
        ("I love it when that happens.", ("I", "likes", "it when that happens")),
        ("We had a lovely walk with the children.", ("I", "event", "lovely walk")),  # no day
        ("I will be flying home tomorrow.", ("I", "event", "flying home")),  # ahead
        ("Tom works at Orbis.", ("I", "employer", "Orbis")),  # nobody says "I"
        ("The party was on 3 May.", ("party", "birthday", "3 May")),
        ("My number one rule is fun.", ("I", "phone number", "number one")),
        ("我昨天和小满吃饭。", ("小满", "job", "吃饭")),
    ],
)
def test_everything_else_is_dropped_and_counted(sentence: str, claim: tuple[str, str, str]) -> None:
    """Not in the sentence, of the wrong kind, denied, or not said of that subject."""
    assert read(sentence, claim) == Believed((), 1)


@pytest.mark.parametrize(
    ("sentence", "claim", "expected"),
    [
        ("My brother turned forty-one.", ("My brother", "age", "forty-one"), Claim("user's brother", "age", "41")),
        ("Our Ida was born on 3 May 2019.", ("Ida", "birthday", "3 May 2019"), Claim("Ida", "birthday", "2019-05-03")),
        ("The code of the shed is 4471.", ("shed", "code", "4471"), Claim("shed", "code", "4471")),
        ("I am a big soccer fan!", ("I", "hobby", "soccer"), Claim(USER, "likes", "soccer")),
        ("Peanuts give me hives.", ("I", "allergy", "Peanuts"), Claim(USER, "allergy", "Peanuts")),
        (
            "We will be flying home tomorrow.",
            ("I", "plan", "flying home"),
            Claim(USER, "plan", "flying home", "2026-03-12"),
        ),
        ("我从小在兰州长大。", ("我", "老家", "兰州"), Claim(USER, "hometown", "兰州")),
        ("女儿小满在学钢琴，我也学。", ("我", "女儿", "小满"), Claim(USER, "女儿", "小满")),
        ("My favourite tea is oolong.", ("I", "favourite tea", "oolong"), Claim(USER, "favourite tea", "oolong")),
    ],
)
def test_values_take_the_form_of_the_rules(sentence: str, claim: tuple[str, str, str], expected: Claim) -> None:
    """Numbers, dates, attributes and subjects as the rules write them, in either language."""
    assert read(sentence, claim).claims == (expected,)


def test_another_speaker_is_the_subject() -> None:
    """ "I" in somebody else's line is that person."""
    assert read("I am a big soccer fan!", ("I", "likes", "soccer"), me="Emi").claims == (
        Claim("Emi", "likes", "soccer"),
    )


def test_the_same_twice_is_one_and_unreadable_lines_count() -> None:
    """A model repeats itself."""
    wording = Wording("I", "likes", "soccer")
    told = Told("I am a big soccer fan!", DAY)
    found = believed(Reading((wording, Wording("I", "hobby", "Soccer")), unreadable=2), [told.text], told)
    assert (len(found.claims), found.dropped) == (1, 2)


def test_every_attribute_of_the_vocabulary_can_be_checked() -> None:
    """None is known to questions and unknown here; other names lead to known ones."""
    assert set(SYNONYMS) <= KNOWN
    assert set(ATTRIBUTE_NAMES.values()) <= KNOWN


def test_more_or_fewer_words_say_the_same_again() -> None:
    """The very same is no repetition: it is one fact with one more source."""
    assert says_again("hiking", ["hiking in the hills"])
    assert says_again("hiking in the hills", ["hiking"])
    assert not says_again("hiking", ["hiking", "chess"])
