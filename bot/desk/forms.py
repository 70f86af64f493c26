"""Listed phrases ("forms") found in a text however it is written: spaced out, in capitals, with look-alike letters.

A form is words in a row: ``|`` parts words of which one must stand (``_`` is a space within one of them), ``*`` at the
end of a word any ending, ``...`` up to forty characters of the same sentence (ten between Chinese ones). What is denied
is not found: "we can't refund you" does not say "we can ... refund". Paraphrases are found as far as forms are listed
for them; no model is asked, so that what is found can be foretold.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memory.errors import UsageError
from memory.normal import searchable
from memory.words import HAN

_ALIKE = str.maketrans(
    "абвгдеёзијкмнорстухѕіјԁԛԝɡαβεικνορτυχωı",
    "abbrdee3ujkmhopctyxsijdqwgabeikvoptuxwi",
)
"""Cyrillic and Greek letters as the Latin ones that they look like."""
_SIMPLIFIED = str.maketrans(
    "證賠償錢還給們會單貨費轉員務師訴訟個這說對嗎無沒話聯絡經過戶帳號",
    "证赔偿钱还给们会单货费转员务师诉讼个这说对吗无没话联络经过户账号",
)
_LEET = str.maketrans("013457@$", "oieastas")
_LEET_WORD = re.compile(r"(?=[\w@$]*[a-z])(?=[\w@$]*[0-9@$])[\w@$]+")
_SPELLED = re.compile(r"(?<![a-z0-9])(?:[a-z0-9][\W_]{1,3}){3,}[a-z0-9](?![a-z0-9])")
_BETWEEN_HAN = re.compile(r"(?<=[\u3400-\u9fff])[^\w.!?。！？\n]+(?=[\u3400-\u9fff])")
_END = re.compile(r"[.!?。！？]+(?=\s|$|[\u3400-\u9fff])|[。！？]+|\n\s*\n")
_LETTERS_APART = re.compile(
    r"(?<![^\W_])(?:[^\W\d_][^\w\n]{1,3}){4,}[^\W\d_](?![^\W_])|(?:[\u3400-\u9fff][^\w\n，。！？、；：]{1,3}){4,}"
)
_INVISIBLE = re.compile("[\u00ad\u180e\u200b\u200c\u2060-\u2064\ufeff]")
_MIXED = re.compile(r"[a-z][\u0370-\u03ff\u0400-\u04ff]|[\u0370-\u03ff\u0400-\u04ff][a-z]", re.IGNORECASE)
_STYLED = re.compile("[\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff]{3}")
_DENIED = re.compile(
    r"\b(?:not|never|no|cannot|cant|wont|dont|doesnt|isnt|arent|unable|nobody|without|neither)\b"
    r"|不(?!但|仅|仅仅|过)|无法|没有|并非|未能|别"
)
_DENIED_SPELLED = re.compile(r"not|never|cant|wont|dont|unable")
_BEFORE = 12
"""Characters before what was found in which a denial counts."""


@dataclass(frozen=True)
class Form:
    """One listed phrase."""

    written: str
    plain: re.Pattern[str]
    spelled: re.Pattern[str] | None
    """The same without anything between the letters; None for a Chinese one, which has nothing there anyway."""
    denies: bool = False
    """It is itself a denial ("never again"), so that one in the text does not undo it."""


@dataclass(frozen=True)
class Reading:
    """A text as it is looked through."""

    plain: str
    unmasked: str
    """Digits and signs within words read as the letters that they stand for."""
    spelled: str
    """Letters alone, sentence by sentence, where some stand apart; else empty."""


def form_of(written: str, *, where: str) -> Form:
    """A form as a person writes it.

    :param where: names the setting in the error
    :raises UsageError: it holds no word, or a gap at one of its ends
    """
    tokens = _folded(written).split()
    if not tokens or tokens[0] == "..." or tokens[-1] == "...":
        raise UsageError(f'{where} has the form {written!r}; write words, with "..." only between them')
    spelled = None if HAN.search(written) else re.compile(_spelled(tokens))
    denies = _DENIED.search(re.sub(r"[|*]", " ", _folded(written))) is not None
    return Form(written, re.compile(_plain(tokens)), spelled, denies)


def read(text: str, *, wary: bool = False) -> Reading:
    """A text, ready to be looked through for any number of forms.

    :param wary: look for words broken anywhere ("re fund"), which finds now and then what was not meant
    """
    folded = _folded(text)
    unmasked = _LEET_WORD.sub(lambda found: found.group().translate(_LEET), folded)
    flat = _flat(unmasked)
    apart = wary or _SPELLED.search(folded)
    return Reading(_flat(folded), flat, re.sub(r"[^\w.]+", "", flat) if apart else "")


def is_disguised(text: str) -> bool:
    """Whether a text is written so that what it says is not found: a reply that nobody wrote in earnest."""
    return any(sign.search(text) for sign in (_LETTERS_APART, _INVISIBLE, _MIXED, _STYLED))


def found(reading: Reading, forms: Iterable[Form], *, denied: bool = False) -> Form | None:
    """The first of these forms that the text holds and does not deny.

    :param denied: what is denied counts too: the text speaks of it
    """
    return next((form for form in forms if _holds(reading, form, denied or form.denies)), None)


def _holds(reading: Reading, form: Form, denied: bool) -> bool:
    for text in dict.fromkeys((reading.plain, reading.unmasked)):
        for match in form.plain.finditer(text):
            sentence = text[: match.start()].rpartition(".")[2]
            if denied or not _DENIED.search(sentence[-_BEFORE:] + match.group()):
                return True
    if not reading.spelled or form.spelled is None:
        return False
    matches = form.spelled.finditer(reading.spelled)
    return any(denied or not _DENIED_SPELLED.search(match.group()) for match in matches)


def _folded(text: str) -> str:
    """Wide, styled, accented and look-alike letters as plain ones, in small letters; apostrophes gone."""
    plain = unicodedata.normalize("NFKD", searchable(text).casefold())
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return re.sub(r"['’‘`´]", "", plain).translate(_ALIKE).translate(_SIMPLIFIED)


def _flat(folded: str) -> str:
    """Words a space apart, sentences a full stop, Chinese without anything between its characters."""
    text = _END.sub(" . ", _BETWEEN_HAN.sub("", folded))
    text = re.sub(r"(?<=[\u3400-\u9fff]) +(?=[\u3400-\u9fff])", "", text)
    return re.sub(r"\s+", " ", re.sub(r"[^\w.]|(?<=\w)\.(?=\w)|_", " ", text)).strip()


def _plain(tokens: Sequence[str]) -> str:
    parts: list[str] = []
    for place, token in enumerate(tokens):
        if token == "...":
            continue
        if place:
            gap = tokens[place - 1] == "..."
            han = bool(HAN.search(token)) and bool(HAN.search(tokens[place - 2 if gap else place - 1]))
            between = ("[^.]{0,10}?" if gap else "") if han else (r"\b[^.]{0,40}?" if gap else "[ .]{1,3}")
            parts.append(between)
        parts.append(_token(token))
    return "".join(parts)


def _token(token: str) -> str:
    words = [word for word in token.split("|") if word]
    if HAN.search(token):
        return f"(?:{'|'.join(map(re.escape, words))})"
    written = [
        re.escape(word.rstrip("*")).replace("_", "[ .]{1,3}") + (r"\w*" if word.endswith("*") else "") for word in words
    ]
    return rf"\b(?:{'|'.join(written)})\b"


def _spelled(tokens: Sequence[str]) -> str:
    parts = []
    for token in tokens:
        words = [re.escape(re.sub(r"[\W_]+", "", word)) for word in token.split("|") if word]
        parts.append("[a-z0-9]{0,24}?" if token == "..." else f"(?:{'|'.join(words)})")
    return "".join(parts)
