"""Replies as they are sent: one object, or chunks of one, with what only this API says in the field "familiar"."""

from __future__ import annotations

from dataclasses import dataclass

from bot.api.asked import ChatAsked
from bot.api.chatting import Answered, Usage

Object = dict[str, object]


@dataclass(frozen=True)
class ReplyForm:
    """What all objects of one reply share."""

    id: str
    created: int
    """Unix time."""
    asked: ChatAsked

    def whole(self, answered: Answered) -> Object:
        """The reply as one object."""
        message = {"role": "assistant", "content": answered.text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": answered.finish, "logprobs": None}
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": _usage(answered.usage),
            "familiar": self._extra(answered),
        }

    def first(self) -> Object:
        """The chunk that begins a stream."""
        return self._chunk({"role": "assistant", "content": ""}, None)

    def piece(self, text: str) -> Object:
        """A piece of the reply."""
        return self._chunk({"content": text}, None)

    def last(self, answered: Answered) -> Object:
        """The chunk that ends the reply."""
        return {**self._chunk({}, answered.finish), "familiar": self._extra(answered)}

    def usage(self, answered: Answered) -> Object:
        """The chunk that says what the reply took."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": _usage(answered.usage)}

    def _head(self, kind: str) -> Object:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.asked.model}

    def _chunk(self, delta: Object, finish: str | None) -> Object:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _extra(self, answered: Answered) -> Object:
        turn = answered.turn
        return {
            "memory": self.asked.memory,
            "turn": turn.id or None if turn else None,
            "conversation": turn.conversation_id or None if turn else None,
            "adapter": answered.adapter,
            "seed": answered.seed,
            "citations": [
                {"n": item.n, "title": item.title, "text": item.text, "memory": item.chunk_id}
                for item in (turn.citations if turn else ())
            ],
            "memories": [
                {"id": item.id, "score": item.score, "title": item.source} for item in (turn.memories if turn else ())
            ],
            "unsupported": [item.text for item in (turn.unsupported if turn else ())],
            "ignored": list(self.asked.ignored),
        }


def _usage(usage: Usage) -> Object:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.reply,
        "total_tokens": usage.prompt + usage.reply,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }
