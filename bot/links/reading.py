"""From a link to passages: fetched, and converted by the importers in their limited process. Nothing is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.config import LinksConfig, Settings
from bot.context import Given, in_passages
from bot.links.addresses import Allowed, is_public
from bot.links.errors import PageError
from bot.links.fetching import Download, Limits, Resolve, fetch, resolve
from memory.errors import UsageError

if TYPE_CHECKING:
    from memory.config import ImportConfig

_LONGEST_TITLE = 120


class Pages:
    """Reads pages within the owner's limits.

    :param allowed: whether an address may be connected to
    :param resolve: gives the addresses of a host
    """

    def __init__(
        self, config: LinksConfig, importing: ImportConfig, *, allowed: Allowed = is_public, resolve: Resolve = resolve
    ) -> None:
        self._limits = Limits(config.max_bytes, config.seconds, ports_of(config))
        self._importing = importing
        self._allowed = allowed
        self._resolve = resolve

    def read(self, url: str) -> Given:
        """The text of a page, to be cited by its title and address.

        :raises PageError: it can't be read, or must not be
        """
        return self._given(fetch(url, self._limits, allowed=self._allowed, resolve=self._resolve))

    def _given(self, page: Download) -> Given:
        from memory.importers.converter import Converter
        from memory.importers.records import ConversionError, UnsupportedFormat

        try:
            with Converter(self._importing) as converter:
                converted = converter.convert(page.data, f"page.{page.kind}")
        except (ConversionError, UnsupportedFormat) as exc:
            raise PageError("text") from exc
        first = converted.documents[0]
        passages = tuple(part for block in first.blocks for part in in_passages(block.text))
        if not passages:
            raise PageError("text")
        title = first.title if first.title != "page" else ""
        named = f"{title[:_LONGEST_TITLE]} ({page.url})" if title else page.url
        return Given(named, passages, at=first.at, cited=True)


def page_reader(settings: Settings) -> Callable[[str], Given] | None:
    """What reads links; None where the owner has not switched it on.

    :raises UsageError: a limit is none
    """
    if not settings.links.fetch:
        return None
    return Pages(settings.links, settings.import_).read


def ports_of(config: LinksConfig) -> tuple[int, ...]:
    """The ports that the owner allows besides those of http and https.

    :raises UsageError: they are no ports
    """
    words = config.ports.replace(",", " ").split()
    if not all(word.isascii() and word.isdecimal() and 0 < int(word) < 65536 for word in words):
        raise UsageError(f'[links] ports is {config.ports!r}; it must be numbers from 1 to 65535, as in "8080, 8443"')
    return tuple(int(word) for word in words)
