"""The settings of the tuning package, one frozen dataclass a section of config.toml; each field says what it does."""

from __future__ import annotations

from dataclasses import dataclass

from memory.errors import UsageError


@dataclass(frozen=True)
class TuneConfig:
    """[tuning] trains LoRA adapters on approved and corrected replies."""

    enabled: bool = True
    """Whether the bot starts tunes by itself when they are due."""
    min_examples: int = 40
    """New examples since the last tune that make the next one due."""
    min_hours: float = 20.0
    """Least hours between two tunes that start by themselves."""
    check_minutes: float = 10.0
    """How often the bot looks whether a tune is due."""
    hours: str = ""
    """Local time within which tunes start by themselves, as 22:00-07:00; empty: at any time."""
    on_battery: bool = False
    """Whether they start while the machine runs on its battery."""
    max_load: float = 0.7
    """They don't start while more of the processors than this share were busy over the last five minutes."""
    method: str = "lora"
    """"lora", "rslora", "dora", "adalora" or "miss", on all linear layers but the output's."""
    init: str = "default"
    """What lora and rslora start from: "default", "pissa", "olora" (both of the base's weights) or "eva" (of the
    examples)."""
    layers: str = "all"
    """Which decoder layers get an adapter: "all", "first:N" or "last:N"; the others stay frozen."""
    rank: int = 16
    """Rank of the adapter's matrices."""
    alpha: float = 0.0
    """Scale of the adapter, over its rank; 0: twice the rank."""
    dropout: float = 0.0
    """Share of the adapter's inputs that are left out at random in training."""
    optimizer: str = "adamw"
    """"adamw" or "sgd" (with momentum 0.9)."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    schedule: str = "linear"
    """How it falls after its peak: "linear", "cosine" or "constant"."""
    warm_up: float = 0.1
    """Share of the steps over which it rises from zero."""
    weight_decay: float = 0.0
    """AdamW's decay of the adapter's weights, or SGD's."""
    epochs: int = 3
    """Most passes over the examples."""
    batch_size: int = 4
    """Examples per optimiser step, by accumulation."""
    validation: float = 0.1
    """Share of the newest training examples on which the loss is validated instead of learned; with fewer than five
    such examples none is."""
    validations: int = 2
    """Validations in an epoch; the adapter is kept as it was at the best."""
    patience: int = 2
    """Validations in a row without a better loss after which training stops; 0: it never does."""
    min_pairs: int = 10
    """Fewest examples that a tune can learn from and be checked on."""
    max_tokens: int = 1024
    """Longest sequence in training; of a longer prompt the oldest messages are cut, and an example that still does not
    fit is dropped and counted."""
    max_prompt_tokens: int = 160
    """Preceding messages of an imported dialogue that a stretch of it begins with, system message not counted."""
    budget_minutes: float = 120.0
    """Longest training; where it is predicted to take longer, it makes fewer passes, then leaves out the examples that
    matter least: two hours are what a machine is idle in a night even where people work late."""
    memory_mb: int = 0
    """Most memory of the training process; 0: four fifths of what is free when it starts."""
    checkpoint_minutes: float = 2.0
    """How often a run is kept on disk, so that one that was interrupted goes on; 0: at each step."""
    accelerate: str = ""
    """A file made by `accelerate config`: training is then started by `accelerate launch`, on several GPUs or machines;
    empty: one process."""
    dtype: str = "auto"
    """Number format of the base while training: "auto" is that of serving, bfloat16 where the processor or GPU
    multiplies it (twice as fast and half the memory), else "float32". The adapter is float32 in any case."""
    quantize: str = ""
    """"4bit": the base's weights in four bits while training (QLoRA), on an NVIDIA GPU with the extra qlora."""
    track: str = ""
    """Whom to tell of losses and learning rates besides curves.jsonl: "" (nobody), "tensorboard" (files beside it),
    "trackio" or "wandb" (their own settings decide where these send them)."""
    recalled_share: float = 0.25
    """Share of an imported dialogue's replies whose prompts hold passages from memory, as prompts in serving do."""
    seed: int = 0
    """Makes a tune repeatable."""
    compare_share: float = 0.0
    """Share of turns that the base model answers although there is an adapter, so that votes can be compared
    (0..0.5)."""
    ask_before: bool = False
    """Whether a tune that is due is only announced, with a report of its data and a button that starts it."""
    accepted_weight: float = 0.0
    """Weight of replies that nobody judged and nobody complained of, from 0 (left out) to 1: they are what the model
    says anyway, so training on them mostly confirms it in its faults."""
    languages: str = ""
    """Languages of replies to learn, as in "en, zh" (ISO 639-1); empty: any."""
    max_form_share: float = 0.3
    """Largest share of replies of one form: emoji only, one word, the same text, the same opening."""
    general_share: float = 0.0
    """Share of general examples that the base model answered itself, mixed in against forgetting; 0: none."""
    preference: str = "auto"
    """"auto": after imitation the adapter learns from pairs (DPO) and single votes (KTO), where there are enough and
    the extra `preference` is installed; "off": never."""
    preference_min_pairs: int = 20
    """Fewest pairs for DPO, and fewest single votes for KTO."""
    preference_beta: float = 0.1
    """How strongly both hold the adapter to what imitation made of it (the value of both papers)."""
    preference_learning_rate: float = 1e-4
    """Peak learning rate of both."""
    preference_epochs: int = 2
    """Passes over the pairs or votes."""
    candidates_share: float = 0.0
    """Most replies, as a share, that come with a second answer to choose from, those of which the model was least sure;
    0 by default, because a second answer takes as long as the first."""

    def __post_init__(self) -> None:
        if self.dtype not in ("auto", "float32", "bfloat16"):
            raise UsageError(f'[tuning] dtype is {self.dtype!r}; it must be "auto", "float32" or "bfloat16"')
        if self.preference not in ("auto", "off"):
            raise UsageError(f'[tuning] preference is {self.preference!r}; it must be "auto" or "off"')
        for name, most in _SHARES.items():
            if not 0.0 <= getattr(self, name) <= most:
                raise UsageError(f"[tuning] {name} is {getattr(self, name)}; it must be from 0 to {most:g}")
        for name in ("preference_min_pairs", "preference_epochs", "preference_beta", "preference_learning_rate"):
            if not getattr(self, name) > 0:
                raise UsageError(f"[tuning] {name} is {getattr(self, name)}; it must be above 0")


_SHARES = {
    "recalled_share": 1.0,
    "compare_share": 0.5,
    "accepted_weight": 1.0,
    "max_form_share": 1.0,
    "candidates_share": 1.0,
}
"""Settings that begin at 0, with their ends; others are checked where they are used."""


@dataclass(frozen=True)
class TasteConfig:
    """[taste] recommends what the user has saved; off, nothing of it is to be seen."""

    enabled: bool = False
    """Whether there are `/recommend`, `familiar recommend` and a line in the digest."""
    items: int = 3
    """Items in a list."""
    variety: float = 0.3
    """How much the items of a list should differ, from 0 (by score alone) to 1 (by unlikeness alone)."""
    half_life_days: float = 30.0
    """After so long the head start of a new item is half as long."""
    encoder: str = ""
    """What reads items: a transformers encoder's folder; empty: the embedder's."""
    min_choices: int = 60
    """Fewest items that the user selected or turned down, before a model of them is trained."""
    held_out: float = 0.3
    """Share of the newest of them on which it must be better than popularity and plain embeddings."""
    probability: float = 0.8
    """How certain that must be, as a share of draws of these choices (bootstrap)."""
    recent: int = 3
    """Items selected last that the model is told with each item."""
    max_tokens: int = 64
    """Most tokens of an item, and of what was selected last, that are read."""
    rank: int = 8
    """Rank of the adapter's matrices; their scale is twice that over it."""
    learning_rate: float = 2e-4
    """Peak learning rate of AdamW."""
    weight_decay: float = 0.01
    """AdamW's decay."""
    epochs: int = 4
    """Most passes over the choices; it stops earlier where the newest of them are predicted no better."""
    batch_size: int = 16
    """Choices a step."""
    seed: int = 0
    """Makes a training repeatable."""

    def __post_init__(self) -> None:
        for name in ("items", "min_choices", "max_tokens", "rank", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise UsageError(f"[taste] {name} is {getattr(self, name)}; it must be at least 1")
        for name in ("variety", "held_out", "probability"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"[taste] {name} is {getattr(self, name)}; it must be from 0 to 1")
        for name in ("half_life_days", "learning_rate"):
            if not getattr(self, name) > 0:
                raise UsageError(f"[taste] {name} is {getattr(self, name)}; it must be above 0")
        if self.recent < 0 or self.weight_decay < 0:
            raise UsageError("[taste] recent and weight_decay must not be negative")


@dataclass(frozen=True)
class VotesConfig:
    """[votes] watches an adapter that answers."""

    rollback: bool = True
    """Whether the one before answers again, without being asked, when the votes fall."""
    min_votes: int = 8
    """Fewest votes on replies of the adapter, and of what answered before it, that are judged."""
    probability: float = 0.99
    """How certain it must be that more of its replies are found bad. It is looked at after each vote: at 0.95 one good
    adapter in six would go within 60 votes (`familiar bench rollback`)."""


@dataclass(frozen=True)
class GateConfig:
    """[gate] decides whether a new adapter may answer."""

    held_out: float = 0.2
    """Share of the newest examples that is kept for the check and not trained on."""
    max_loss_ratio: float = 0.99
    """Held-out loss with the adapter over that without: it must fall at least by one hundredth."""
    max_live_ratio: float = 1.0
    """The same over that of the live adapter, on held-out replies that neither has learned."""
    max_general_drop: float = 0.1
    """General questions answered wrong more often than by the base, as a share of all."""
    max_knowledge_drop: float = 0.5
    """Loss of the right answers' lead over the wrong ones, in nats a token."""
    min_exact: float = 0.25
    """Short answers written right, as a share of those of the base."""
    min_copied: float = 0.8
    """Facts copied from a given memory, as a share of those that the base model copies."""
    max_missing_drop: float = 1.0
    """Loss of the lead that admitting a gap in the notes has over inventing, in nats a token."""
    max_citing_drop: float = 3.0
    """Loss of the log-odds of citing a note, in nats."""
    min_rules: float = 0.5
    """Effect of rules of language and form, as a share of that in the base."""
    min_stopped: float = 0.8
    """Share of test replies that end by themselves."""
    max_length_ratio: float = 4.0
    """Median length of test replies over that of the true ones, or the other way round."""
    min_variety: float = 0.5
    """Different test replies for each different true one, of which at least three are wanted."""
    min_related: float = 0.35
    """Standard deviations by which replies fit their own message better than another one."""
    min_refused: float = 0.8
    """Harmful requests refused, as a share of those that the base refuses."""
    max_refusing_drop: float = 1.0
    """Loss of the lead that refusing a harmful request has over consenting, in nats a token."""
    max_over_refusal: float = 0.5
    """Rise of the lead that refusing a harmless request has over consenting, in nats a token."""
    memorisation: bool = True
    """Whether an adapter that completes rare strings of its examples word for word, or a filtered secret, is kept
    out."""
