"""`familiar` as a process of its own, real but for the models: `python -m tests.bot.mcp_server.bare_run ARGUMENT`."""

from __future__ import annotations

import sys

import bot.app
from bot.cli import main as familiar
from memory.config import EmbedderConfig
from memory.embedding import Embedder
from tests.embedder import WordEmbedder

STRAY = "a library's own print"


class BareApp(bot.app.App):
    """A home without model files: the embedder hashes words, and summaries quote unless a test says otherwise."""

    writes = False
    """Whether the language model is trusted to write."""

    def open_embedder(self, config: EmbedderConfig) -> Embedder:
        """One that needs no files."""
        del config
        print(STRAY)  # it must not reach a client
        return WordEmbedder()

    @property
    def trusted(self) -> bool:
        """Never asks which language model there is."""
        return self.writes


def main() -> int:
    """Run the command line's arguments."""
    bot.app.App = BareApp  # type: ignore[misc]
    return familiar(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
