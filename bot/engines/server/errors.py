"""What went wrong between here and a server, said without the key and without what a person wrote.

Some servers repeat the request in their refusals, and some the key: a reason is shown only where it holds neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from bot.config import Secret, ServerConfig
from memory.errors import FamiliarError

_REASON_CHARACTERS = 200
_ECHO_CHARACTERS = 16
"""So many signs in a row that a request has too were copied from it."""
_MASK = "***"
MOST_WAIT_S = 30.0
"""A server that asks for a longer pause is not waited for: a person is waiting."""


class ServerError(FamiliarError):
    """A request that came to nothing; its text is what the person is told.

    :param status: of the HTTP answer; None where there was none
    :param said: the server's own words, for the program alone: they may hold what a person wrote
    :param retry_after: seconds after which it asks to be asked again
    :param unreached: no connection came about, so it can't have begun on anything
    :param begun: a part of the reply had come
    """

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        said: str = "",
        retry_after: float | None = None,
        unreached: bool = False,
        begun: bool = False,
    ) -> None:
        super().__init__(f"the server that [server] url names {text}")
        self.status, self.said, self.retry_after = status, said, retry_after
        self.unreached, self.begun = unreached, begun


def pause_before_retry(error: ServerError, tries: int) -> float | None:
    """Seconds to wait before a request is sent again; None: it is not, as it may have been begun or can't succeed.

    :param tries: how often it was sent
    """
    if tries >= 3 or error.begun:
        return None
    backoff = (0.2, 1.0)[tries - 1]
    if error.unreached:
        return backoff
    if error.status == 503:
        return _bearable(error.retry_after if error.retry_after is not None else backoff)
    return _bearable(error.retry_after) if error.status == 429 else None


def _bearable(seconds: float | None) -> float | None:
    return seconds if seconds is not None and seconds <= MOST_WAIT_S else None


def refusal(status: int, body: object, headers: Mapping[str, str], config: ServerConfig) -> ServerError:
    """The error for an HTTP answer that is one."""
    said = _said(body)
    after = retry_after(headers, now=datetime.now(UTC))
    if status in (401, 403):
        key = "refuses the key" if config.key else "wants a key"
        return ServerError(f"{key} ([server] key, status {status})", status=status, said=said)
    if status == 429:
        wait = f"; it asks to wait {after:g} s" if after is not None else ""
        return ServerError(f"takes no more requests now (status 429){wait}", status=429, said=said, retry_after=after)
    return ServerError(f"answered with status {status}", status=status, said=said, retry_after=after)


def with_reason(error: ServerError, *, key: Secret, sent: Sequence[str]) -> ServerError:
    """The same error with the server's words, where they hold nothing of what was sent.

    :param sent: every text of the request that a person may have written
    """
    reason = shown_reason(error.said, key=key, sent=sent)
    if reason:
        error.args = (f"{error}: {reason}",)
    return error


def shown_reason(said: str, *, key: Secret, sent: Sequence[str]) -> str:
    """A server's words as they may be shown; empty where they repeat what a person wrote."""
    reason = " ".join(said.split())
    written = [" ".join(text.split()) for text in sent]
    if any(text and text in reason for text in written) or _echoes(reason, written):
        return ""
    if key:
        reason = reason.replace(key.reveal(), _MASK)
    return reason[:_REASON_CHARACTERS]


def _echoes(reason: str, written: Sequence[str]) -> bool:
    starts = range(len(reason) - _ECHO_CHARACTERS + 1)
    return any(reason[start : start + _ECHO_CHARACTERS] in text for text in written for start in starts)


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: a number or a date)."""
    value = headers.get("retry-after", "").strip()
    if value.replace(".", "", 1).isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _said(body: object) -> str:
    """The words of an error's body, in the forms of OpenAI, vLLM, llama-server and FastAPI, with its type and code."""
    value: Any = body
    if isinstance(value, dict) and isinstance(value.get("error"), (dict, str)):
        value = value["error"]
    if isinstance(value, dict):
        parts = [value.get(name) for name in ("message", "detail", "type", "code")]
        return " ".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) and not value.lstrip().startswith("<") else ""
