"""A base model of a few thousand weights with a real tokenizer and template, so that real training takes seconds."""

from __future__ import annotations

from pathlib import Path

from memory.importers.dialogue import read_dialogue
from memory.records import Document, NewDocument, Passage
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.tuning.tokenizers import TWO_ENDS, tokenizer
from tuning.config import GateConfig, TuneConfig
from tuning.job import BaseModel

PERSONA = "You are Familiar."
CONFIG = TuneConfig(
    rank=4, epochs=1, learning_rate=0.02, batch_size=4, max_tokens=256, max_prompt_tokens=80, min_pairs=6
)


class Harmless:
    """Detectors that find nothing, so that a test that is not about them loads no library."""

    def personal(self, text: str) -> tuple[str, ...]:
        """No kind."""
        del text
        return ()

    def toxic(self, text: str) -> bool:
        """Never."""
        del text
        return False

    def language(self, text: str) -> str | None:
        """Unknown."""
        del text
        return None


HARMLESS = Harmless()
EASY = GateConfig(
    max_live_ratio=9.0,
    max_general_drop=1.0,
    max_knowledge_drop=99.0,
    min_exact=0.0,
    min_copied=0.0,
    max_missing_drop=99.0,
    max_citing_drop=99.0,
    min_rules=-99.0,
    min_stopped=0.0,
    max_length_ratio=1e9,
    min_variety=0.0,
    min_related=-99.0,
    min_refused=0.0,
    max_refusing_drop=99.0,
    max_over_refusal=99.0,
    memorisation=False,
)
"""An untrained model answers, stops, refuses and repeats itself by chance only."""


def tiny_base(folder: Path, *, seed: int = 0, context: int = 4096) -> BaseModel:
    """A random Llama (two layers, 32 wide) saved where training can read it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    chosen = tokenizer(TWO_ENDS)
    config = LlamaConfig(
        vocab_size=len(chosen),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=context,
        bos_token_id=chosen.bos_token_id,
        eos_token_id=chosen.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    chosen.save_pretrained(folder)
    return BaseModel("tiny", folder, f"sha-{seed}")


def dialogue_rows(count: int, *, first: int = 0) -> str:
    """A dialogue of ``count`` exchanges as JSONL: Bo asks, Ann answers in her own short way."""
    lines = []
    for number in range(first, first + count):
        day = f"2026-01-{1 + number % 28:02d}T10:00:{number % 60:02d}"
        lines.append(f'{{"id": "a{number}", "speaker": "Bo", "text": "how is day {number}?", "at": "{day}"}}')
        lines.append(f'{{"id": "b{number}", "speaker": "Ann", "text": "day {number} ok!", "at": "{day}"}}')
    return "\n".join(lines)


def add_dialogue(
    store: Store, *, user_id: int, count: int = 20, first: int = 0, learn_from: str | None = "Ann"
) -> Document:
    """Store such a dialogue as an import does, one chunk a row."""
    rows = read_dialogue(dialogue_rows(count, first=first), name="talk.jsonl", title="talk").utterances
    text, passages = "", []
    for row in rows:
        start = len(text) + len(row.speaker) + 2
        text += f"{row.speaker}: {row.text}\n"
        passages.append(
            Passage(row.text, start, start + len(row.text), speaker=row.speaker, at=row.at, external_ids=(row.id,))
        )
    new = NewDocument(
        f"/talks/{first}-{count}.jsonl", "talk", "dialogue", f"sha-{first}-{count}", text, learn_from=learn_from
    )
    embedder = WordEmbedder()
    vectors = embedder.embed_passages([passage.text for passage in passages])
    return store.add_document(new, passages, vectors, user_id=user_id, embedder=embedder.key)
