"""What a tune would learn from, in figures: to be read before training and kept in the adapter's manifest.

It holds counts, dates and names of packages, and no text of the user.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuning.dataset import Dataset, Example
from tuning.filters import Choices, Screened
from tuning.form import forms_of
from tuning.wording import script_language

_SHOWN_FORMS = ("emoji only", "one word")


@dataclass(frozen=True)
class DataReport:
    """Figures of one set of examples."""

    found: int
    """Pairs of a message and a reply, before any filter."""
    kept: int
    by_source: tuple[tuple[str, int], ...]
    """Kept ones: corrected, approved, imported, accepted."""
    left_out: tuple[tuple[str, int], ...]
    """By reason, most first; a kind in brackets counts within its reason: "secret or personal data (phone)"."""
    approved: int
    """Kept ones that the user approved one by one."""
    conversations: int
    scripts: tuple[tuple[str, int], ...]
    """Kept replies by script: zh, ja, ko or other."""
    forms: tuple[tuple[str, float], ...]
    """Share of kept replies that are emoji only, one word, or begin as the most common one does."""
    mean_characters: float
    oldest: str | None
    newest: str | None
    notes: tuple[str, ...]
    filters: tuple[tuple[str, str], ...]
    """The packages that judged, with their versions."""

    def record(self) -> dict[str, object]:
        """As scripts and manifests read it."""
        values = dataclasses.asdict(self)
        return {key: dict(value) if key in _PAIRS else value for key, value in values.items()}

    def lines(self) -> list[str]:
        """As people read it."""
        sources = ", ".join(f"{count} {source}" for source, count in self.by_source)
        lines = [f"{self.kept} of {self.found} pairs to learn from" + (f": {sources}" if sources else "")]
        lines += [f"  left out  {count:5}  {reason}" for reason, count in self.left_out]
        if self.kept:
            forms = ", ".join(f"{share:.0%} {form}" for form, share in self.forms)
            scripts = ", ".join(f"{count} {script}" for script, count in self.scripts)
            lines.append(
                f"  {self.conversations} conversations, {(self.oldest or '?')[:10]} to {(self.newest or '?')[:10]}"
            )
            lines.append(f"  {self.mean_characters:.0f} characters a reply; {scripts}; {forms}")
            lines.append(f"  {self.approved} approved one by one")
        return [*lines, *(f"  note: {note}" for note in self.notes)]


_PAIRS = ("by_source", "left_out", "scripts", "forms", "filters")


def report_on(
    dataset: Dataset, screened: Screened, *, choices: Choices, filters: Sequence[tuple[str, str]]
) -> DataReport:
    """The figures of what the filters left and took."""
    kept = screened.examples
    dropped: Counter[str] = Counter(dict(dataset.dropped))
    for item in screened.left_out:
        dropped[f"{item.reason} ({item.detail})" if item.detail else item.reason] += 1
    dates = sorted(example.at for example in kept if example.at)
    return DataReport(
        found=len(dataset.examples) + sum(count for _, count in dataset.dropped),
        kept=len(kept),
        by_source=_counted(example.source for example in kept),
        left_out=tuple(dropped.most_common()),
        approved=sum(example.id in choices.approved for example in kept),
        conversations=len({example.conversation for example in kept}),
        scripts=_counted(script_language(example.reply) or "other" for example in kept),
        forms=_forms(kept),
        mean_characters=round(sum(len(example.reply) for example in kept) / max(1, len(kept)), 1),
        oldest=dates[0] if dates else None,
        newest=dates[-1] if dates else None,
        notes=screened.notes,
        filters=tuple(filters),
    )


def _counted(values: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(values).most_common())


def _forms(kept: Sequence[Example]) -> tuple[tuple[str, float], ...]:
    """Shares; of openings only the most common one's, without its words."""
    if not kept:
        return ()
    counts = Counter(kind for example in kept for kind in forms_of(example.reply).items())
    shares = [(form, counts[(form, "")]) for form in _SHOWN_FORMS]  # type: ignore[index]
    most = max((count for (form, _), count in counts.items() if form == "same opening"), default=0)
    return tuple((name, round(count / len(kept), 3)) for name, count in (*shares, ("same opening", most)))
