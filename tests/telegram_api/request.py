"""The parameters of one Bot API request, whether they came as a form, as multipart, as JSON or in the address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from tornado.httputil import HTTPFile, HTTPInputError, parse_multipart_form_data

from tests.telegram_api.validation import bad_request, parse_json


@dataclass(frozen=True)
class Upload:
    """A file part of a multipart request."""

    name: str
    content: bytes
    mime_type: str


@dataclass(frozen=True)
class Request:
    """A method call; every value is text, as Telegram reads it."""

    method: str
    values: Mapping[str, str] = field(default_factory=dict)
    uploads: Mapping[str, Upload] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """A value, or the default when it is absent."""
        return self.values.get(name, default)

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number; without a default the parameter is required."""
        raw = self.values.get(name)
        if raw in (None, ""):
            if default is None:
                raise bad_request(f"{name} is empty")
            return default
        try:
            return int(str(raw))
        except ValueError as exc:
            raise bad_request(f"can't parse {name}: {raw!r} is not an Integer") from exc

    def flag(self, name: str) -> bool:
        """A Boolean; absent is false."""
        return self.text(name).lower() in ("true", "1")

    def mapping(self, name: str) -> dict[str, object]:
        """A JSON object; absent is empty."""
        raw = self.values.get(name)
        value = parse_json(raw, name) if raw else {}
        if not isinstance(value, dict):
            raise bad_request(f"can't parse {name}: expected an Object")
        return value

    def strings(self, name: str) -> list[str] | None:
        """A JSON array of strings; None when absent."""
        raw = self.values.get(name)
        if raw is None:
            return None
        value = parse_json(raw, name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise bad_request(f"can't parse {name}: expected an Array of String")
        return value


def parse_request(method: str, query: str, content_type: str, body: bytes) -> Request:
    """The request of one HTTP call; values in the body win over those in the address."""
    values = dict(parse_qsl(query, keep_blank_values=True))
    uploads: dict[str, Upload] = {}
    kind = content_type.split(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        values |= _from_form(body)
    elif kind == "application/json" and body:
        values |= _from_json(body)
    elif kind == "multipart/form-data":
        fields, uploads = _from_multipart(content_type, body)
        values |= fields
    return Request(method, values, uploads)


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise bad_request("strings must be encoded in UTF-8") from exc


def _from_form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(_utf8(body), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as exc:
        raise bad_request("strings must be encoded in UTF-8") from exc


def _from_json(body: bytes) -> dict[str, str]:
    value = parse_json(_utf8(body), "request")
    if not isinstance(value, dict):
        raise bad_request("can't parse request: expected an Object")
    return {key: item if isinstance(item, str) else json.dumps(item) for key, item in value.items()}


def _from_multipart(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, Upload]]:
    fields: dict[str, list[bytes]] = {}
    files: dict[str, list[HTTPFile]] = {}
    boundary = content_type.partition("boundary=")[2].strip().strip('"')
    try:
        parse_multipart_form_data(boundary.encode(), body, fields, files)
    except HTTPInputError as exc:
        raise bad_request(f"can't parse multipart request: {exc}") from exc
    uploads = {name: Upload(f[0].filename, f[0].body, f[0].content_type) for name, f in files.items()}
    return {name: _utf8(parts[-1]) for name, parts in fields.items()}, uploads
