"""What voice messages and photos need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.app import App
from bot.doctor.memory import model
from bot.doctor.records import Finding
from memory.errors import UsageError


def sense_findings(app: App) -> Iterator[Finding]:
    """Everything about hearing and seeing."""
    yield speech_finding(app)
    yield photo_finding(app)


def speech_finding(app: App) -> Finding:
    """What would transcribe a voice message."""
    from bot.hearing import MISSING, own_folder, speech_entry
    from bot.hearing_here import installed

    speech = app.settings.speech
    if speech.url:
        return Finding("voice messages", True, f"{speech.model} at {speech.url}")
    if not installed():
        return Finding("voice messages", True, "off", f"{MISSING}, or name a server in [speech] url")
    try:
        if own_folder(speech.model) is not None:
            return Finding("voice messages", True, f"the model in {speech.model}")
        return replace(model(speech_entry(speech.model).name, app), check="voice messages")
    except UsageError as exc:
        return Finding("voice messages", False, str(exc), "mend config.toml")


def photo_finding(app: App) -> Finding:
    """What reads and describes a photo."""
    from bot.seeing import MISSING, can_read

    vision = app.settings.vision
    described = f"described by {vision.model} at {vision.url}" if vision.url else "not described ([vision] url)"
    read = can_read()
    value = f"text is {'read' if read else 'not read'}, {described}"
    return Finding("photos", True, value, None if read else MISSING)
