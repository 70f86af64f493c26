"""The transcribing process: decodes recordings and runs Whisper, with nothing of the rest in reach.

Requests and replies are frames as in `memory.importers.child`. The model is loaded with the first recording and
stays. Run as ``python -m bot.hearing_child MODEL_FOLDER DEVICE COMPUTE_TYPE``.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from typing import Any

from bot.hearing import AUTO
from memory.errors import first_line
from memory.importers.child import read_frame, write_frame

RATE = 16_000
"""Samples a second, as Whisper takes them."""
_CONTAINERS = "ogg,matroska,webm,mov,mp4,m4a,mp3,wav,flac,aac,amr,avi,asf,caf,aiff,mpegts,mpeg"
"""What may be opened, by the names of FFmpeg's demuxers; of the others some read files and addresses that they name."""


class _Overlong(Exception):
    """The recording is over the limit."""


class _Soundless(Exception):
    """There is nothing to hear in it."""


def main(arguments: list[str]) -> int:
    """Transcribe until standard input ends."""
    folder, device, compute_type = arguments
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the frames
    _limit_process()
    model = None
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        request, data = frame
        try:
            samples = decoded(data, most_seconds=request["most_seconds"])
            model = model or _load(folder, device, compute_type)
            reply, text = {"status": "heard"}, _heard(model, samples, request["language"])
        except _Overlong:
            reply, text = {"status": "too long"}, ""
        except _Soundless:
            reply, text = {"status": "failed", "reason": "there is no sound in it that can be read"}, ""
        except Exception as exc:  # noqa: BLE001 - the edge of a job: a decoder may raise anything on a damaged file
            reply, text = {"status": "failed", "reason": f"{type(exc).__name__}: {first_line(exc)}"[:500]}, ""
        write_frame(replies, reply, text.encode())
    return 0


def decoded(data: bytes, *, most_seconds: float) -> Any:
    """The sound of a recording or film: one channel of float32 samples (-1..1), `RATE` a second.

    A few bytes can claim hours, so decoding ends at the limit.

    :raises _Overlong: it is longer
    :raises _Soundless: it holds no sound, or none that can be decoded
    """
    import av
    import numpy as np

    pieces: list[Any] = []
    left = int(most_seconds * RATE)
    try:
        with av.open(io.BytesIO(data), options={"format_whitelist": _CONTAINERS}) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in _frames(container):
                for piece in resampler.resample(frame):
                    pieces.append(piece.to_ndarray().reshape(-1))
                    left -= len(pieces[-1])
                if left < 0:
                    raise _Overlong
    except av.error.FFmpegError as exc:
        raise _Soundless from exc
    if not pieces:
        raise _Soundless
    return np.concatenate(pieces).astype(np.float32) / 32768.0


def _frames(container: Any) -> Iterator[Any]:
    """The frames of the first sound track, then None, which has the resampler give its rest; damaged ones left out."""
    import av

    if not container.streams.audio:
        raise _Soundless
    for packet in container.demux(container.streams.audio[0]):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        yield from frames
    yield None


def _load(folder: str, device: str, compute_type: str) -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(folder, device=device, compute_type=compute_type)


def _heard(model: Any, samples: Any, language: str) -> str:
    """What is said; silence is cut out first, since Whisper hears words in it."""
    spoken = None if language == AUTO else language
    segments, _ = model.transcribe(samples, language=spoken, vad_filter=True, condition_on_previous_text=False)
    return "".join(segment.text for segment in segments).strip()


def _limit_process() -> None:
    """Low priority, no files written and no core dump, as far as the system can limit it."""
    if sys.platform == "win32":
        return  # the parent sets the priority there
    import resource

    os.nice(10)
    for what in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(what, (0, 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
