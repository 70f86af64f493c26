"""A server that speaks OpenAI's HTTP API, asked one thing at a time: its answer, or one line that says what to mend.

Nothing of what is sent or answered is logged, and the key is shown to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.config import Secret
from memory.errors import FamiliarError

_REASON_CHARACTERS = 200


@dataclass(frozen=True)
class ModelServer:
    """Where a server is and how it is asked."""

    section: str
    """The section of config.toml that names it."""
    url: str
    key: Secret
    timeout_seconds: float

    def address(self, path: str) -> str:
        """The whole address of a path below /v1, which the url may or may not end with."""
        return f"{self.url.rstrip('/').removesuffix('/v1')}/v1/{path}"

    def post(
        self,
        path: str,
        *,
        json: object = None,
        data: dict[str, str] | None = None,
        files: dict[str, tuple[str, bytes]] | None = None,
    ) -> dict[str, Any]:
        """Ask, and give the JSON object of the answer.

        :raises FamiliarError: the server can't be reached, refuses, or answers something else
        """
        import httpx

        headers = {"Authorization": f"Bearer {self.key.reveal()}"} if self.key else {}
        try:
            answer = httpx.post(
                self.address(path),
                json=json,
                data=data,
                files=files,
                headers=headers,
                timeout=self.timeout_seconds,
                trust_env=False,  # what is meant for a server of the house goes through no proxy
            )
        except httpx.TimeoutException as exc:
            raise self._error(
                f"did not answer within {self.timeout_seconds:g} s ([{self.section}] timeout_seconds)"
            ) from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise self._error(f"can't be reached ({type(exc).__name__})") from exc
        if answer.status_code in (401, 403):
            raise self._error(f"refuses the key ([{self.section}] key, status {answer.status_code})")
        value = _object(answer)
        if answer.is_error:
            raise self._error(f"answered with status {answer.status_code}{_reason(value)}")
        return value

    def unexpected(self, wanted: str) -> FamiliarError:
        """The error for an answer that lacks what was asked for."""
        return self._error(f"answered without {wanted}; it is no server of that kind")

    def _error(self, what: str) -> FamiliarError:
        return FamiliarError(f"the server that [{self.section}] url names {what}")


def _object(answer: Any) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _reason(value: dict[str, Any]) -> str:
    error = value.get("error", value.get("detail"))
    text = error.get("message") if isinstance(error, dict) else error
    return f": {' '.join(text.split())[:_REASON_CHARACTERS]}" if isinstance(text, str) else ""
