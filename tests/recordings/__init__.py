"""Recordings for tests: a sentence that espeak-ng spoke, and what is made of it."""

from __future__ import annotations

import io
from pathlib import Path

DOOR = (Path(__file__).parent / "door.ogg").read_bytes()
"""3.6 s of Opus: "The code of the garden door is four four seven one.\""""
DOOR_WORDS = "garden door"


def film(sound: bytes = b"", *, seconds: int = 1) -> bytes:
    """An MP4 of a grey picture, with the sound of a recording where one is given."""
    import av
    import numpy as np

    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as film:
        pictures = film.add_stream("mpeg4", rate=5)
        pictures.width = pictures.height = 64
        voice = film.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for _ in range(5 * seconds):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
            film.mux(pictures.encode(frame))
        film.mux(pictures.encode(None))
        if voice is not None:
            with av.open(io.BytesIO(sound)) as source:
                resampler = av.AudioResampler(format="fltp", layout="mono", rate=16_000)
                for heard in [*source.decode(audio=0), None]:
                    for piece in resampler.resample(heard):
                        film.mux(voice.encode(piece))
            film.mux(voice.encode(None))
    return made.getvalue()


def silence(seconds: float) -> bytes:
    """A WAV in which nothing is said."""
    import wave

    made = io.BytesIO()
    with wave.open(made, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        sound.writeframes(bytes(2 * int(8000 * seconds)))
    return made.getvalue()
