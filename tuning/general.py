"""General examples against forgetting: prompts of our own, answered once by the base model itself.

What a model says by itself costs nothing to learn, so such examples hold it where it was on everything that the user's
replies are not about (self-distillation). The prompts are the project's, under its licence. The answers depend on
nothing but base model, template and prompts; they are derived and lie beside the model's folder: one that is missing or
was made from others is made again, in a process of its own. Run as ``python -m tuning.general FOLDER FILE SHA256``.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from memory.errors import FamiliarError
from memory.records import Message
from tuning.dataset import Example
from tuning.job import BaseModel, template_of

SYSTEM = "You are a helpful assistant."
"""Not the user's persona: the answers are made once for all users of a model."""
_LIMIT = 96
"""Tokens of an answer; one that has not ended by then is left out, as it would teach not to end."""
_PRIVATE = ("FAMILIAR_", "TELEGRAM_")
"""Beginnings of environment variables that may hold secrets, which answering has no use for."""
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class GeneralPrompt:
    """One prompt."""

    kind: str
    language: str
    prompt: str


@dataclass(frozen=True)
class Replayed:
    """A prompt and what the base model says to it."""

    prompt: str
    reply: str


def read_prompts() -> list[GeneralPrompt]:
    """The project's prompts."""
    text = resources.files("tuning").joinpath("general.jsonl").read_text(encoding="utf-8")
    return [GeneralPrompt(**json.loads(line)) for line in text.splitlines()]


def general_examples(replayed: Sequence[Replayed], *, share: float, beside: int, seed: int) -> tuple[Example, ...]:
    """So many that they make up ``share`` of the training examples, or all there are.

    :param beside: the user's own training examples
    """
    if not 0.0 <= share < 1.0:
        raise FamiliarError(f"[tuning] general_share is {share}; it must be at least 0 and below 1")
    wanted = min(len(replayed), round(share / (1.0 - share) * beside))
    chosen = random.Random(seed).sample(list(enumerate(replayed)), wanted)
    return tuple(
        Example(
            id=f"general:{number}",
            prompt=(Message("system", SYSTEM), Message("user", item.prompt)),
            reply=item.reply,
            at=None,
            learned_at="",
            conversation=f"general:{number}",
            source="general",
        )
        for number, item in sorted(chosen)
    )


def ensure_replay(base: BaseModel) -> list[Replayed]:
    """The base model's own answers, made now where they are missing or from another model, template or prompts.

    :raises FamiliarError: they can't be made or written
    """
    path = replay_file(base.folder)
    if (known := _read(path, _made_from(base.folder, base.sha256))) is not None:
        return known
    command = [sys.executable, "-P", "-m", "tuning.general", str(base.folder), str(path), base.sha256]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_PRIVATE)}
    environment |= {"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    made = _read(path, _made_from(base.folder, base.sha256))
    if done.returncode or made is None:
        said = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
        raise FamiliarError(f"general examples of {base.name} can't be made ({(said or ['?'])[-1][:200]}); see {path}")
    return made


def replay_file(folder: Path) -> Path:
    """Where the answers of the model in a folder lie: beside it, as a file in it would change its hash."""
    return folder.with_name(f"{folder.name}.general.json")


def make_replay(folder: Path) -> list[Replayed]:
    """Have the model in a folder answer all prompts, greedily."""
    from tuning.chat_format import stop_ids
    from tuning.measure import generate
    from tuning.train import load

    loaded = load(folder, dtype="auto")
    ends = stop_ids(loaded.tokenizer, loaded.model.generation_config)
    prompts = [item.prompt for item in read_prompts()]
    messages = [(Message("system", SYSTEM), Message("user", prompt)) for prompt in prompts]
    replies = generate(loaded.model, loaded.tokenizer, messages, limit=_LIMIT, ends=ends)
    pairs = zip(prompts, replies, strict=True)
    return [Replayed(prompt, text) for prompt, (text, ended) in pairs if ended and text]


def main(arguments: Sequence[str]) -> int:
    """Make the file of one model, at low priority; it is whole or not there."""
    from tuning.worker import lower_priority

    lower_priority()
    folder, path, sha256 = Path(arguments[0]), Path(arguments[1]), arguments[2]
    replayed = [asdict(item) for item in make_replay(folder)]
    values = {"made_from": _made_from(folder, sha256), "replies": replayed}
    draft = path.with_name(f".{path.name}")
    draft.write_text(json.dumps(values, ensure_ascii=False, indent=1), encoding="utf-8")
    draft.replace(path)
    return 0


def _made_from(folder: Path, sha256: str) -> str:
    """What the answers depend on, as one hash."""
    prompts = json.dumps([asdict(item) for item in read_prompts()], ensure_ascii=False)
    parts = (sha256, template_of(folder), SYSTEM, str(_LIMIT), prompts)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _read(path: Path, made_from: str) -> list[Replayed] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return [Replayed(**row) for row in values["replies"]] if values["made_from"] == made_from else None
    except (OSError, ValueError, KeyError, TypeError):  # a derived file: whatever is wrong with it, it is made again
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
