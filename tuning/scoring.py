"""How likely a model finds given replies, hundreds of them at the cost of their distinct tokens.

Sequences that begin alike (one persona, one question with several answers) form a tree of tokens: a forward pass takes
each of its nodes once and lets it see its own ancestors only, which gives the same numbers as a pass of each sequence
by itself. A second figure comes for free: whether greedy decoding would have written a token, so that "completes it
verbatim" needs no generation at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.records import Message
from tuning.chat_format import IGNORED, EncodedExample, encode_example
from tuning.measure import has_own_tokens

_NO_LIMIT = 1 << 30
_NODES = 1024
"""Most tokens of one pass, but for a single sequence that is longer: bounds memory for logits and the mask."""


@dataclass(frozen=True)
class Scored:
    """The labelled tokens of one sequence: those of a reply, and the one that ends it."""

    tokens: tuple[int, ...]
    likelihoods: tuple[float, ...]
    """Log-likelihood of each, in nats, given all before it."""
    greedy: tuple[bool, ...]
    """Whether each is the likeliest one at its place."""

    @property
    def total(self) -> float:
        """Log-likelihood of the reply and its end, in nats."""
        return sum(self.likelihoods)

    @property
    def mean(self) -> float:
        """Log-likelihood per token of the reply without its end, in nats; comparable between lengths."""
        own = self.likelihoods[:-1]
        return sum(own) / len(own)


@dataclass(frozen=True)
class Tree:
    """Sequences merged where they begin alike; nodes are numbered so that parents come first."""

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    """-1 at a beginning."""
    depths: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]
    """The nodes of each sequence."""

    def seen(self) -> NDArray[np.bool_]:
        """(nodes, nodes): which nodes a node may look at: its ancestors and itself."""
        seen = np.zeros((len(self.tokens), len(self.tokens)), dtype=bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                seen[node] = seen[parent]
            seen[node, node] = True
        return seen


def tree_of(sequences: Sequence[Sequence[int]]) -> Tree:
    """Merge sequences of token ids."""
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    known: dict[tuple[int, int], int] = {}
    paths = []
    for sequence in sequences:
        node, path = -1, []
        for depth, token in enumerate(sequence):
            found = known.setdefault((node, token), len(tokens))
            if found == len(tokens):
                tokens.append(token)
                parents.append(node)
                depths.append(depth)
            node = found
            path.append(node)
        paths.append(tuple(path))
    return Tree(tuple(tokens), tuple(parents), tuple(depths), tuple(paths))


def score_replies(model: Any, tokenizer: Any, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[Scored]:
    """Each reply after its prompt.

    :raises FamiliarError: the chat template refuses the messages
    """
    encoded = [encode_example(tokenizer, prompt, reply, max_tokens=_NO_LIMIT) for prompt, reply in pairs]
    assert all(item is not None for item in encoded), "a reply to be scored is empty"
    return score(model, [item for item in encoded if item is not None])


def score(model: Any, encoded: Sequence[EncodedExample]) -> list[Scored]:
    """The labelled tokens of each sequence."""
    if has_own_tokens(model):
        return [_score_alone(model, item) for item in encoded]
    order = sorted(range(len(encoded)), key=lambda place: encoded[place].input_ids)
    scored: dict[int, Scored] = {}
    for part in _chunks(order, encoded):
        found = _score_tree(model, [encoded[place] for place in part])
        scored.update(zip(part, found, strict=True))
    return [scored[place] for place in range(len(encoded))]


def _chunks(order: Sequence[int], encoded: Sequence[EncodedExample]) -> Iterator[list[int]]:
    """Neighbours in sorted order, as many as a pass may hold; what each adds is what the one before didn't have."""
    part: list[int] = []
    nodes = 0
    for place in order:
        ids = encoded[place].input_ids
        new = len(ids) - (_common(encoded[part[-1]].input_ids, ids) if part else 0)
        if part and nodes + new > _NODES:
            yield part
            part, nodes, new = [], 0, len(ids)
        part.append(place)
        nodes += new
    if part:
        yield part


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    for length, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return length
    return min(len(one), len(other))


def _score_alone(model: Any, encoded: EncodedExample) -> Scored:
    """One sequence by itself, for a model that doesn't take a tree; places count from the end, before which its own
    tokens stand."""
    import torch

    places = [place for place, label in enumerate(encoded.labels) if label != IGNORED]
    device = next(model.parameters()).device
    ids = torch.tensor([encoded.input_ids], device=device)
    kept = torch.tensor(places, device=device) - 1 - ids.shape[1]
    with torch.inference_mode():
        logits = model(input_ids=ids, logits_to_keep=kept, use_cache=False).logits[0]
        logs = logits.float().log_softmax(-1)
        tokens = torch.tensor([encoded.input_ids[place] for place in places], device=device)
        likelihoods = logs.gather(1, tokens[:, None])[:, 0].tolist()
        greedy = (logs.argmax(-1) == tokens).tolist()
    return Scored(tuple(tokens.tolist()), tuple(likelihoods), tuple(greedy))


def _score_tree(model: Any, encoded: Sequence[EncodedExample]) -> list[Scored]:
    import torch

    tree = tree_of([item.input_ids for item in encoded])
    wanted = [
        [(path[place - 1], path[place]) for place, label in enumerate(item.labels) if label != IGNORED]
        for path, item in zip(tree.paths, encoded, strict=True)
    ]
    kept = sorted({parent for pairs in wanted for parent, _ in pairs})
    row = {parent: number for number, parent in enumerate(kept)}
    device, dtype = next(model.parameters()).device, next(model.parameters()).dtype
    hidden = torch.zeros((len(tree.tokens), len(tree.tokens)), dtype=dtype, device=device)
    hidden.masked_fill_(~torch.from_numpy(tree.seen()).to(device), torch.finfo(dtype).min)
    with torch.inference_mode():
        logits = model(
            input_ids=torch.tensor([tree.tokens], device=device),
            position_ids=torch.tensor([tree.depths], device=device),
            attention_mask=hidden[None, None],
            logits_to_keep=torch.tensor(kept, device=device),
            use_cache=False,
        ).logits[0]
        edges = [edge for pairs in wanted for edge in pairs]
        rows = torch.tensor([row[parent] for parent, _ in edges], device=device)
        tokens = torch.tensor([tree.tokens[node] for _, node in edges], device=device)
        logs = logits.float().log_softmax(-1)
        likelihoods = logs[rows, tokens].tolist()
        greedy = (logs.argmax(-1)[rows] == tokens).tolist()
    return _dealt_out([[tree.tokens[node] for _, node in pairs] for pairs in wanted], likelihoods, greedy)


def _dealt_out(tokens: Sequence[Sequence[int]], likelihoods: list[float], greedy: list[bool]) -> list[Scored]:
    """What was computed in one row, sequence by sequence."""
    scored, start = [], 0
    for own in tokens:
        end = start + len(own)
        scored.append(Scored(tuple(own), tuple(likelihoods[start:end]), tuple(greedy[start:end])))
        start = end
    return scored
