"""What goes wrong with a request, as OpenAI's clients read it: a status, and {"error": {...}}."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class ApiError(Exception):
    """A request that can't be answered; what it says holds nothing that its sender wrote."""

    message: str
    status: int = 400
    kind: str = "invalid_request_error"
    param: str | None = None
    """The field that is wrong."""
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """The object that is sent."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def unsupported(param: str, what: str) -> ApiError:
    """A part of OpenAI's API that is not offered."""
    return ApiError(what, param=param, code="unsupported_parameter")


def wrong_value(param: str, what: str) -> ApiError:
    """A field with a value that it can't have."""
    return ApiError(f"{param}: {what}", param=param, code="invalid_value")


def unknown_model(known: str) -> ApiError:
    """A model that there is not."""
    return ApiError(f"there is no such model here; there are {known}", 404, param="model", code="model_not_found")


def unauthorised() -> ApiError:
    """No token, or one that is nobody's."""
    text = "send a token of this home as `Authorization: Bearer TOKEN` (docs/api.md)"
    return ApiError(text, 401, "authentication_error", code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})


def not_allowed(text: str) -> ApiError:
    """Something that this user may not do."""
    return ApiError(text, 403, "permission_error", code="not_allowed")


def too_many(text: str, *, wait: int) -> ApiError:
    """A limit is reached; there is room again after so many seconds."""
    return ApiError(
        text, 429, "rate_limit_error", code="rate_limit_exceeded", headers={"Retry-After": str(max(1, wait))}
    )


def too_large(most: int) -> ApiError:
    """A body of more than so many bytes."""
    return ApiError(f"the body has more than {most} bytes", 413, code="request_too_large")


def too_long(text: str) -> ApiError:
    """The messages don't fit the model."""
    return ApiError(text, param="messages", code="context_length_exceeded")


def forgotten(text: str) -> ApiError:
    """What was asked was forgotten before the reply was there; asked again it is something new."""
    return ApiError(text, 409, "conflict_error", code="forgotten")


def failed(text: str) -> ApiError:
    """Something here does not work."""
    return ApiError(text, 500, "server_error", code="server_error")
