"""What stands behind a reply, as a text for people: the same in the terminal and in Telegram."""

from __future__ import annotations

from bot.locales import say
from memory.records import Turn


def explain(turn: Turn, *, language: str) -> str:
    """Memories with scores, the exact messages, adapter and timings of a turn."""
    t = turn.timings
    lines = [
        say(language, "why_model", engine=turn.engine, model=turn.model, adapter=turn.adapter or "-"),
        say(language, "why_timings", retrieve=t.retrieve_s, first=t.first_token_s, total=t.total_s),
        say(language, "why_tokens", prompt=t.prompt_tokens, reply=t.reply_tokens),
        "",
        say(language, "why_memories", n=len(turn.memories)),
        *(f"  {item.score:.3f}  {item.source}: {' '.join(item.text.split())[:160]}" for item in turn.memories),
        "",
        say(language, "why_prompt"),
        *(f"  {message.role}: {message.content}" for message in turn.prompt),
    ]
    return "\n".join(lines)
