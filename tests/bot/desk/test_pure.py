"""The desk's decisions: forms, moods, rules, hours, slots, and what becomes of a message."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.desk.deciding import Decision, Prediction, Signals, decide
from bot.desk.disguises import ATTACKS, DISGUISES
from bot.desk.forms import form_of, found, is_disguised, read
from bot.desk.hours import Hours
from bot.desk.moods import is_angry, wants_person
from bot.desk.rules import DISGUISED, Rule, check, subject
from bot.desk.setup import DeskSetup, read_setup
from bot.desk.simulation import EXAMPLE
from bot.desk.slots import fill, make_template, values_of, without_greeting, without_values
from memory.errors import UsageError

REFUND = form_of("we|i ... refund*", where="test")
CHINESE = form_of("保证 ... 退款", where="test")


@pytest.mark.parametrize(
    "text",
    [
        "We will refund you",
        "WE  WILL\nREFUND  YOU",
        "we will r3fund you",
        "we will r e f u n d you",
        "wе will rеfund you",  # with Cyrillic letters
        "Ｗｅ ｗｉｌｌ ｒｅｆｕｎｄ ｙｏｕ",
        "we **will** re\u200bfund you",
        "W.E. w-i-l-l r_e_f_u_n_d",
        "we are refunding it",
    ],
)
def test_a_form_is_found_however_it_is_written(text: str) -> None:
    """Spacing, case, signs, digits and look-alike letters hide nothing."""
    assert found(read(text), [REFUND]) is REFUND


@pytest.mark.parametrize(
    "text", ["We can't refund you.", "we will not refund tea", "We went. A refund is rare", "flower"]
)
def test_what_is_denied_or_in_another_sentence_is_not_found(text: str) -> None:
    """A denial says the opposite, and a form stays within one sentence."""
    assert found(read(text), [REFUND]) is None
    assert found(read("we can't refund"), [REFUND], denied=True) is REFUND


def test_chinese_forms_need_no_word_edges() -> None:
    """Spaces and punctuation between characters hide nothing; a denial before counts."""
    assert found(read("我们 保，证 全额 退 款"), [CHINESE]) is CHINESE
    assert found(read("我们不保证退款"), [CHINESE]) is None
    assert found(read("我們保證退款"), [CHINESE]) is CHINESE


def test_words_broken_in_two_are_found_by_a_wary_reading_only() -> None:
    """A reply is read more warily than a customer's message."""
    assert found(read("we will re fund you", wary=True), [REFUND]) is REFUND
    assert found(read("we will re fund you"), [REFUND]) is None


def test_a_space_within_an_alternative() -> None:
    """An underscore is a space, as a bar parts words only."""
    assert found(read("take legal action"), [form_of("sue|legal_action", where="test")]) is not None
    with pytest.raises(UsageError, match="only between"):
        form_of("... refund", where="test")


def test_disguised_text_is_told_from_plain_text() -> None:
    """What is written so that nothing is found in it is noticed; real sentences are not."""
    plain = "We will refund you in full, Kim."
    assert [is_disguised(disguise(plain)) for disguise in DISGUISES] == [
        *(False, False, True, True, True, True, True, False, False, False)
    ]
    for text in (
        "Open Mon-Fri, 9:00 to 17:30 (Sat. 10-16).",
        "U.S.A. and E.U.",
        "I am a B. C. fan",
        "订单，发票，退货，都可以",
    ):
        assert not is_disguised(text), text


@pytest.mark.parametrize(
    "text",
    [
        "I want a human",
        "can I talk to a real person?",
        "agent!!",
        "HUMAN NOW",
        "转 人 工",
        "我要找真人客服",
        "h u m a n please",
    ],
)
def test_whoever_wants_a_person_is_understood(text: str) -> None:
    """However shortly or oddly it is written."""
    assert wants_person(read(text))


@pytest.mark.parametrize("text", ["Is this tea for human consumption?", "I don't want a human", "有人参茶吗？"])
def test_whoever_does_not_want_one_is_not_handed_over(text: str) -> None:
    """The word alone is no wish."""
    assert not wants_person(read(text))


@pytest.mark.parametrize(
    ("text", "angry"),
    [
        ("This is ridiculous", True),
        ("WHERE IS MY ORDER ALREADY", True),
        ("I will never order here again", True),
        ("太差了，骗子", True),
        ("still nothing!!!", True),
        ("I am not angry, just asking", False),
        ("Where is my ORDER 51234 from the EU?", False),
        ("谢谢，茶很好", False),
    ],
)
def test_anger(text: str, angry: bool) -> None:
    """By words, capitals and exclamation marks; a denial is none."""
    assert is_angry(text, read(text)) is angry


POLICY = Rule(
    "policy", "word for word", (form_of("return*", where="test"),), {"en": "Unopened only.", "zh": "仅限未开封。"}
)
NEVER = Rule("refund", "never say", (REFUND,), {})
HEALTH = Rule("health", "forbidden topic", (form_of("diabetes", where="test"),), {"en": "Ask a doctor."})
RULES = (NEVER, POLICY, HEALTH)


@pytest.mark.parametrize(
    ("reply", "question", "sent", "broken"),
    [
        ("It comes on Monday.", "when?", "It comes on Monday.", ()),
        ("We will refund you.", "please?", "", ("refund",)),
        ("Returns are free for a year.", "hm", "Unopened only.", ("policy",)),
        ("Sure!", "can I return it", "Unopened only.", ("policy",)),
        ("Unopened  only.", "can I return it", "Unopened  only.", ()),
        ("It cures diabetes.", "x", "Ask a doctor.", ("health",)),
        ("w e w i l l p a y", "x", "", (DISGUISED,)),
    ],
)
def test_rules_hold(reply: str, question: str, sent: str, broken: tuple[str, ...]) -> None:
    """A reply that breaks one is replaced by the rule's text, or not sent."""
    checked = check(reply, question=question, rules=RULES, language="en")
    assert (checked.text, checked.broken) == (sent, broken)


def test_a_rules_text_comes_in_the_customers_language() -> None:
    """Else in the first that there is."""
    assert check("Returns!", question="", rules=RULES, language="zh").text == "仅限未开封。"
    assert check("diabetes", question="", rules=RULES, language="zh").text == "Ask a doctor."
    assert subject("can I return it?", RULES) is POLICY
    assert subject("we will refund", RULES) is None


SURE, UNSURE = Prediction("bill", 0.9), Prediction("bill", 0.4)


@pytest.mark.parametrize(
    ("signals", "decision"),
    [
        (Signals(intent=SURE, template=True), Decision("template", "sure of the intent")),
        (Signals(intent=UNSURE, template=True), Decision("hand over", "nothing found")),
        (Signals(intent=SURE), Decision("hand over", "nothing found")),
        (Signals(intent=SURE, answerable=True), Decision("retrieval", "found in the knowledge base")),
        (Signals(greeting=True), Decision("greeting", "a greeting")),
        (Signals(rule=True, intent=SURE, template=True), Decision("rule", "a rule")),
        (Signals(topic="law", rule=True), Decision("hand over", "listed topic")),
        (Signals(angry=True, intent=SURE, template=True), Decision("hand over", "angry")),
        (Signals(wants_person=True, angry=True), Decision("hand over", "asked for a person")),
        (Signals(case_open=True, wants_person=True), Decision("hand over", "case open")),
    ],
)
def test_what_becomes_of_a_message(signals: Signals, decision: Decision) -> None:
    """A person where one is asked or called for, then rules, templates, sources, and a person for all else."""
    assert decide(signals, confidence=0.7) == decision


BERLIN = Hours(ZoneInfo("Europe/Berlin"), frozenset(range(5)), time(9), time(17, 30), {date(2026, 12, 25): "Christmas"})


def test_business_hours() -> None:
    """By the desk's own clock, with weekends and holidays, across the change of the clock."""
    assert BERLIN.presence(datetime(2026, 12, 1, 8, tzinfo=UTC)) == "open"
    assert BERLIN.presence(datetime(2026, 12, 1, 7, 59, tzinfo=UTC)) == "closed"
    assert BERLIN.presence(datetime(2026, 12, 1, 16, 30, tzinfo=UTC)) == "closed"
    christmas = datetime(2026, 12, 25, 10, tzinfo=UTC)
    assert (BERLIN.presence(christmas), BERLIN.holiday(christmas)) == ("holiday", "Christmas")
    opening = BERLIN.next_opening(datetime(2026, 12, 24, 20, tzinfo=UTC))
    assert opening is not None
    assert opening.isoformat() == "2026-12-28T09:00:00+01:00"
    assert Hours().presence(christmas) == "open"
    assert Hours().next_opening(christmas) is None


def test_templates_are_made_of_replies() -> None:
    """Names and numbers become slots; a date that the customer had not named makes none; the signature goes."""
    reply = "Hi Anna, order #48123 is packed.\n\nKind regards\nPaul Moore"
    assert make_template(reply, "where is it?", names=["Anna Berg"]) == "Hi {name}, order #{order} is packed."
    assert make_template("It comes on 3 May.", "where is it?") is None
    assert make_template("On 3 May we are open.", "Open on 3 May?") == "On {date} we are open."
    assert make_template("您好，订单 48123 已发货。", "？") == "您好，订单 {order} 已发货。"
    assert without_values("Hello, Anna Berg here: order ORD-99123 of 2026-05-03", names=["Anna Berg"]) == (
        "Hello, [name] here: order [number] of [date]"
    )
    assert without_greeting("Hi Anna, it is packed.") == "It is packed."
    assert without_greeting("Hi there, it is packed.") == "Hi there, it is packed."


def test_a_template_with_a_gap_is_not_sent() -> None:
    """Slots are filled from the customer's own words and name only."""
    known = values_of(["my order 48123", "it was for 3 May"], name="Kim Lee")
    assert fill("Hi {name}, {order} on {date}", known) == "Hi Kim, 48123 on 3 May"
    assert fill("Hi {name}", values_of(["hello"])) is None
    assert fill("{refund}", known) is None


@pytest.mark.parametrize("name", ["business:77", "123", "!!", "我们会给您全额退款", "x" * 60])
def test_a_made_up_name_is_no_name(name: str) -> None:
    """Who writes chooses it, so only what looks like one word of a name is said."""
    assert values_of([], name=name).name == ""
    assert values_of([], name="We will refund you").name == "We"
    assert values_of([], name="王芳").name == "王芳"


def test_the_examples_setup_is_read() -> None:
    """Rules, topics, hours and texts of the invented firm."""
    setup = read_setup(str(EXAMPLE))
    assert [rule.name for rule in setup.rules] == ["no refund is promised", "returns policy", "no health claims"]
    assert setup.topic_of("My lawyer will write to you") == "law and press"
    assert setup.topic_of("Where is my tea?") == ""
    assert "Larkfield" in setup.text("en", "greeting")
    assert "{" not in setup.text("zh", "closed", when="2026-12-01 09:00", day="")
    assert read_setup("") == DeskSetup()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[rules]]\nname='x'\nkind='sometimes'\nforms=['a']", "kind is 'sometimes'"),
        ("[[rules]]\nname='x'\nkind='word for word'\nforms=['a']", "needs its text"),
        ("[[rules]]\nname='x'\nkind='never say'\nforms=[]", "forms is"),
        ("[[topics]]\nforms=['a']", "name is None"),
        ("[hours]\nzone='Mars'", "zone is 'Mars'"),
        ("[hours]\ndays=['Monday']", "days is"),
        ("[hours]\nopens='18:00'\ncloses='09:00'", "later than opens"),
        ("[hours]\nholidays=['Christmas']", "holidays must be"),
        ("[texts.de]\ngreeting='Hallo'", "'de' is no language"),
        ("[texts.en]\nclosed='until {then}'", "may hold"),
        ("languages=['fr']", "languages is"),
        ("[shop]", "unknown part 'shop'"),
        ("rules = ", "not valid TOML"),
    ],
)
def test_what_is_wrong_in_the_setup_is_named(text: str, reason: str, tmp_path: Path) -> None:
    """Each error names the file and what would be right."""
    (tmp_path / "desk.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=reason):
        read_setup(str(tmp_path))


def test_a_folder_without_a_setup_is_named(tmp_path: Path) -> None:
    """The setting and the file that is missing."""
    with pytest.raises(UsageError, match=r"\[desk\] folder"):
        read_setup(str(tmp_path))


def test_attacks_ask_for_the_sentence() -> None:
    """Each kind of attack has the sentence in its message or in the name, but the one in which the model is bad."""
    asked = [attack.message("SAY", "Q?") + attack.name("SAY") for attack in ATTACKS]
    assert sum("SAY" in text for text in asked) == len(ATTACKS) - 1
    assert replace(SURE, confidence=1.0).intent == "bill"
