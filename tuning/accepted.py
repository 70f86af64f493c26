"""Replies that nobody judged: which of them the user seems to have been content with. Pure.

Silence is weak evidence. So the user must have gone on in the same conversation without a complaint and without
asking the same again, and a day must have passed in which they could have judged. Such replies are the base model's or
an adapter's own, and to train on them mostly teaches what it does already, faults included: they are off by default.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from memory.records import Turn
from memory.words import content_words

WAIT = timedelta(days=1)
"""Time in which the user could have judged."""
SAME_QUESTION = 0.6
"""Share of content words in common (Jaccard) from which on the next message asks the same again."""
_COMPLAINT = re.compile(
    r"^\W*(?:no|nope|nah|wrong|incorrect|false|huh|what\?|wtf|ugh|stop)\b(?! (?:problem|worries))"
    r"|\b(?:not what i|that(?:'s| is|s)? (?:not|wrong|incorrect|false|nonsense|rubbish|untrue)"
    r"|isn'?t (?:right|true|what)"
    r"|i (?:meant|said|asked|did(?:n'?t| not) (?:ask|mean|say))|you(?:'re| are) wrong|try again|again, please|once more"
    r"|makes no sense|you (?:misunderstood|forgot|missed)|doesn'?t (?:help|answer)|useless|too (?:long|short|vague))\b"
    r"|不对|不是(?:这|那|吧|的|我)|错了|说错|搞错|答非所问|没听懂|听不懂|我(?:是说|的意思|问的是|没问)|重新|再说一[遍次]|再试|没用|太长|太短|胡说|瞎说",
    re.IGNORECASE,
)


def accepted_turns(turns: Iterable[Turn], *, judged: Collection[int], now: datetime) -> list[Turn]:
    """Turns that were answered by the model, not judged, and followed by something that is no complaint about them.

    :param turns: of one user
    :param judged: ids of the turns with feedback
    """
    following: dict[int, Turn] = {}
    found = []
    for turn in sorted(turns, key=lambda item: item.id, reverse=True):
        after = following.get(turn.conversation_id)
        following[turn.conversation_id] = turn
        if after is None or turn.id in judged or not turn.prompt or now - _moment(turn.asked_at) < WAIT:
            continue
        if not complains(after.user_text) and not repeats(after.user_text, turn.user_text):
            found.append(turn)
    return found[::-1]


def complains(text: str) -> bool:
    """Whether a message finds fault with the reply before it; in doubt it does."""
    return _COMPLAINT.search(text.replace("’", "'")) is not None


def repeats(text: str, before: str) -> bool:
    """Whether a message asks what the one before asked, so that its reply was none."""
    ours, theirs = set(content_words(text)), set(content_words(before))
    return bool(ours and theirs) and len(ours & theirs) / len(ours | theirs) >= SAME_QUESTION


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
