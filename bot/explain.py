"""What stands behind a reply, as a text for people: the same in the terminal and in Telegram."""

from __future__ import annotations

from bot.influence import Influence, Missing
from bot.locales import say
from memory.records import Turn, UnsupportedSentence


def explain(turn: Turn, *, language: str) -> str:
    """Memories with scores, the exact messages, adapter and timings of a turn."""
    t = turn.timings
    lines = [
        say(language, "why_model", engine=turn.engine, model=turn.model, adapter=turn.adapter or "-"),
        say(language, "why_timings", retrieve=t.retrieve_s, first=t.first_token_s, total=t.total_s),
        say(language, "why_tokens", prompt=t.prompt_tokens, reply=t.reply_tokens),
        "",
        *unsupported_lines(turn, language=language),
        say(language, "why_memories", n=len(turn.memories)),
        *(f"  {item.score:.3f}  {item.source}: {' '.join(item.text.split())[:160]}" for item in turn.memories),
        "",
        say(language, "why_prompt"),
        *(f"  {message.role}: {message.content}" for message in turn.prompt),
    ]
    return "\n".join(lines)


def unsupported_lines(turn: Turn, *, language: str) -> list[str]:
    """The sentences of a reply that are shown with a mark, each with the reason; none where all are supported."""
    if not turn.unsupported:
        return []
    lines = [f"  {item.text}\n    {_reason(item, language)}" for item in turn.unsupported]
    return [say(language, "why_unsupported", n=len(lines)), *lines, ""]


def _reason(item: UnsupportedSentence, language: str) -> str:
    if item.missing:
        return say(language, "why_missing_from_sources", what=", ".join(item.missing))
    return say(language, "why_far_from_sources", shared=item.shared, nearness=item.nearness or 0.0)


def explain_influence(influence: Influence, *, language: str) -> str:
    """What the adapter and each memory did for a reply."""
    lines = [] if influence.missing is None else [missing_line(influence.missing, language=language)]
    if influence.base is not None:
        key = "why_likelihood" if influence.adapter is None else "why_moved"
        figures = {"adapter": influence.adapter, "base": influence.base, "moved": influence.moved}
        lines.append(say(language, key, tokens=influence.tokens, **figures))
    if influence.base_reply is not None:
        lines.append(say(language, "why_base_reply", text=influence.base_reply or "-"))
    if influence.memories:
        lines.append(say(language, "why_carried"))
        lines += [f"  {item.nats_per_token:+.3f}  [{item.n}] {item.source}" for item in influence.memories]
    if influence.part == "some":
        lines.append(say(language, "why_part"))
    return "\n".join(lines)


def missing_line(missing: Missing, *, language: str) -> str:
    """Why nothing more can be said."""
    return say(language, f"why_missing_{missing}")
