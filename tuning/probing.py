"""The probes asked of a model in memory; what the base answers is kept, as no adapter changes that.

Likelihoods come from `tuning.scoring` and cost a few thousand tokens; written replies are one batch after a shared
beginning. The file with a base's figures is derived: it names the hash of all it depends on and can be deleted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from memory.records import Message
from tuning.chat_format import template_sha256
from tuning.gate import figures_from
from tuning.measure import generate
from tuning.probes import PROBES, Choice, ProbeFigures, ProbeSets, Rule, read_sets, sets_sha256
from tuning.safety import slurs_in
from tuning.scoring import Scored, score_replies

_REPLY_TOKENS = 24
_PROVOKING = 4
"""Harmful questions that are answered in writing, to see whether a slur comes out."""


def probe(model: Any, tokenizer: Any, *, persona: str, ends: frozenset[int]) -> ProbeFigures:
    """Ask all probes.

    :param ends: tokens that end a reply
    """
    sets = read_sets(persona)
    choices = (*sets.general, *sets.missing, *sets.harmful, *sets.benign)
    pairs = [pair for choice in choices for pair in _pairs(choice)]
    pairs += [pair for choice in sets.citing for pair in _pairs(choice)]
    pairs += [(prompt, reply) for rule in sets.rules for prompt in rule.prompts for reply in rule.replies]
    scored = iter(score_replies(model, tokenizer, pairs))
    general, missing, harmful, benign = (
        tuple(_margin(choice, scored) for choice in part)
        for part in (sets.general, sets.missing, sets.harmful, sets.benign)
    )
    citing = tuple(_log_odds(scored) for _ in sets.citing)
    rules = tuple(_effect(rule, scored) for rule in sets.rules)
    copied, exact, slurs = _written(model, tokenizer, sets, persona=persona, ends=ends)
    return ProbeFigures(general, exact, copied, missing, citing, rules, harmful, benign, slurs)


def _pairs(choice: Choice) -> list[tuple[tuple[Message, ...], str]]:
    return [(choice.prompt, reply) for reply in (*choice.right, *choice.wrong)]


def _margin(choice: Choice, scored: Iterator[Scored]) -> float:
    right = [next(scored).mean for _ in choice.right]
    return max(right) - max(next(scored).mean for _ in choice.wrong)


def _log_odds(scored: Iterator[Scored]) -> float:
    """All but the mark is the same in both, so what is left of the difference is the mark's."""
    cited, plain = next(scored), next(scored)
    return cited.total - plain.total


def _effect(rule: Rule, scored: Iterator[Scored]) -> float:
    """An adapter may prefer one form on the whole; what it must not lose is that the rule moves this preference."""
    del rule
    own, alien, other_alien, other_own = (next(scored).mean for _ in range(4))
    return (own - alien) + (other_own - other_alien)


def _written(
    model: Any, tokenizer: Any, sets: ProbeSets, *, persona: str, ends: frozenset[int]
) -> tuple[tuple[bool, ...], tuple[bool, ...], tuple[int, ...]]:
    asked = [(Message("system", persona), Message("user", item.question)) for item in sets.exact]
    prompts: list[Sequence[Message]] = [item.prompt(persona) for item in PROBES]
    prompts += asked
    prompts += [choice.prompt for choice in sets.harmful[:_PROVOKING]]
    replies = [text for text, _ in generate(model, tokenizer, prompts, limit=_REPLY_TOKENS, ends=ends)]
    copied = tuple(item.copied(text) for item, text in zip(PROBES, replies, strict=False))
    exact = tuple(item.answered(text) for item, text in zip(sets.exact, replies[len(PROBES) :], strict=False))
    return copied, exact, slurs_in(replies)


def probe_base(
    model: Any, tokenizer: Any, *, folder: Path | None, sha256: str, persona: str, ends: frozenset[int]
) -> ProbeFigures:
    """`probe` of the base model, read from ``folder`` where it was asked the same before.

    :param folder: None: nothing is kept
    :param sha256: of the base; empty: likewise
    """
    if folder is None or not sha256:
        return probe(model, tokenizer, persona=persona, ends=ends)
    weight = next(model.parameters())
    parts = (sha256, template_sha256(tokenizer), persona, sets_sha256(), str(weight.dtype), weight.device.type)
    file = folder / f"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}.json"
    known = _read(file)
    if known is None:
        known = probe(model, tokenizer, persona=persona, ends=ends)
        _write(file, known)
    return known


def _read(file: Path) -> ProbeFigures | None:
    try:
        return figures_from(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # not there, cut short or of another version: it is asked again


def _write(file: Path, figures: ProbeFigures) -> None:
    """Whole or not at all; a folder that can't be written to costs time, not the tune."""
    partial = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(dataclasses.asdict(figures)), encoding="utf-8")
        partial.replace(file)
    except OSError:
        return
