"""A sentence-transformers folder turned once into what onnxruntime or OpenVINO run, checked against torch.

A conversion lies in a folder of its own with a manifest that says which files it was made from. Where one of those
changed, or a file of the conversion is damaged, it is made anew; it is put in its place by one rename, under a lock.
A conversion whose vectors are not torch's is never used: it is written down why, and not tried again until the model
or the library changes.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import shutil
import struct
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from memory.digest import sha256_of
from memory.embedding import load_sentence_transformer
from memory.embedding_converted import (
    ONNX,
    OPENVINO,
    ConvertedEncoder,
    FileStamp,
    Manifest,
    Wanted,
    WordTable,
    import_openvino,
    read_manifest,
)
from memory.errors import FamiliarError, first_line

_FORMAT = 2
"""Of conversions; another number makes them anew."""
_PACKAGES = {"onnx": ("onnxruntime", "onnx"), "openvino": ("openvino",)}
_AGREEMENT = {"float32": 0.999, "int8": 0.95}
"""Least cosine with torch's vectors. int8 gives .99 and more; `familiar eval retrieval` says what becomes of recall."""
_SOURCES = (".json", ".safetensors", ".txt", ".model")
_PROBES = (
    "The wifi password at the cabin is blueberry42.",
    "外婆的红烧肉要先用冰糖炒糖色，再小火炖一个小时。",
    "Der Mietvertrag endet am 30. September; die KÜNDIGUNGSFRIST beträgt drei Monate.",
    "¿Cuándo llega el tren de las 18:45? Еще не знаю. 明日の朝です。",
    "  def main():\n\treturn 'x'  ",
    "x",
    "",
    "A passage that is longer than what the model reads, and is cut where torch cuts it. " * 80,
)
Tell = Callable[[str], None]


def is_installed(backend: str) -> bool:
    """Whether the packages are there that convert for this backend and run it; imports none of them."""
    return all(importlib.util.find_spec(name) for name in _PACKAGES[backend])


def conversion(wanted: Wanted, tokenizer: Any, *, tell: Tell) -> Manifest:
    """The conversion of a model, made now where there is none that is whole and current.

    :returns: its manifest; ``refused`` says why there is none
    :raises FamiliarError: the model can't be loaded, or nothing can be written
    """
    found = current_conversion(wanted)
    if found is not None:
        return found
    from filelock import FileLock

    target = wanted.target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f".{target.name}.lock"):
            found = current_conversion(wanted)
            if found is None:
                what = f"{wanted.source.name} for {wanted.backend} {wanted.precision}"
                tell(f"Converting the embedder {what} (once, about half a minute)")
                found = _convert(wanted, tokenizer)
            return found
    except OSError as exc:
        raise FamiliarError(
            f"the conversion of {wanted.source} can't be stored in {target}: {exc.strerror or exc}. Make room, or set"
            ' [embedder] backend to "torch"'
        ) from exc


def discard(target: Path) -> None:
    """Throw away a conversion that turned out to be damaged."""
    shutil.rmtree(target, ignore_errors=True)


# ---- what is on the disk ---------------------------------------------------------------------------------------------


def current_conversion(wanted: Wanted) -> Manifest | None:
    """The manifest of a conversion, if its files and those that it was made from are the same; makes nothing."""
    found, source, target = read_manifest(wanted.target), wanted.source, wanted.target
    if found is None or found.format != _FORMAT or (found.refused and found.runtime != _runtime(wanted.backend)):
        return None
    sources = _seen_again(source, _source_files(source), found.sources)
    files = _seen_again(target, [target / item.name for item in found.files], found.files)
    if sources is None or files is None:
        return None
    again = replace(found, sources=sources, files=files)
    if again != found:  # copied or touched: the same bytes under another time, hashed this once
        with contextlib.suppress(OSError):
            again.write(target)
    return again


def _seen_again(folder: Path, paths: Sequence[Path], stamps: Sequence[FileStamp]) -> tuple[FileStamp, ...] | None:
    """The stamps as they are now; None where a file changed, came or went. Only what has another time is hashed."""
    known = {item.name: item for item in stamps}
    if {path.relative_to(folder).as_posix() for path in paths} != known.keys():
        return None
    now = []
    for path in paths:
        item = known[path.relative_to(folder).as_posix()]
        try:
            stat = path.stat()
            if stat.st_size != item.size:
                return None
            if stat.st_mtime_ns != item.mtime_ns:
                if sha256_of(path) != item.sha256:
                    return None
                item = replace(item, mtime_ns=stat.st_mtime_ns)
        except OSError:
            return None
        now.append(item)
    return tuple(now)


def _source_files(folder: Path) -> list[Path]:
    """Files that make the model what it is; what others converted (onnx/, openvino/) is left out."""
    own = [path for path in folder.iterdir() if path.is_file()]
    parts = [path for part in folder.glob("[0-9]*_*") for path in part.iterdir() if path.is_file()]
    return sorted(path for path in own + parts if path.suffix in _SOURCES)


def _stamps(folder: Path, paths: Sequence[Path]) -> tuple[FileStamp, ...]:
    return tuple(
        FileStamp(path.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns, sha256_of(path))
        for path in paths
        for stat in (path.stat(),)
    )


def _runtime(backend: str) -> str:
    return " ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES[backend])


# ---- making it -------------------------------------------------------------------------------------------------------


def _convert(wanted: Wanted, tokenizer: Any) -> Manifest:
    """Build beside the place, compare, then rename; called under the lock."""
    source, target, precision = wanted.source, wanted.target, wanted.precision
    stamps = _stamps(source, _source_files(source))
    manifest = Manifest(_FORMAT, wanted.backend, precision, _runtime(wanted.backend), stamps)
    model = load_sentence_transformer(source)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as work:
        built = Path(work) / "built"
        built.mkdir()
        try:
            manifest = _build(model, source, built, manifest)
            agreement = _agreement(model, ConvertedEncoder(source, built, manifest, tokenizer=tokenizer, workers=1))
            manifest = replace(manifest, agreement=agreement)
            if not agreement >= _AGREEMENT[precision]:
                raise ValueError(f"its vectors have a cosine of {agreement:.4f} with torch's")
        except Exception as exc:  # noqa: BLE001 - exporters fail in many ways on models they don't know; torch runs all
            for path in built.iterdir():
                path.unlink()
            manifest = replace(manifest, files=(), words=None, refused=first_line(exc))
        manifest.write(built)
        if target.exists():
            target.rename(Path(work) / "replaced")
        built.rename(target)
    return manifest


def _build(model: Any, source: Path, built: Path, manifest: Manifest) -> Manifest:
    transformer, pooling = _parts(model)
    layers = transformer.auto_model.eval().float()
    table = layers.get_input_embeddings().weight.detach().numpy()
    with _quiet():
        if manifest.backend == "onnx":
            _export_onnx(layers, table.shape[1], built / ONNX, int8=manifest.precision == "int8")
        else:
            _export_openvino(layers, table.shape[1], built / OPENVINO)
    words = _find_words(source, table) or _write_words(built, table)
    return replace(
        manifest,
        files=_stamps(built, sorted(built.iterdir())),
        pooling=pooling,
        max_tokens=int(model.max_seq_length),
        dimensions=int(model.get_embedding_dimension()),
        lower_case=bool(getattr(transformer, "do_lower_case", False)),
        words=words,
    )


def _parts(model: Any) -> tuple[Any, str]:
    """The transformer and the pooling of a model that has nothing else but a normalisation.

    :raises ValueError: it has
    """
    names = [type(module).__name__ for module in model]
    if names[:2] != ["Transformer", "Pooling"] or set(names[2:]) - {"Normalize"}:
        raise ValueError(f"it is made of {', '.join(names)}; only Transformer, Pooling and Normalize can be converted")
    mode = model[1].pooling_mode
    if mode not in ("mean", "cls") or not model[1].include_prompt:
        raise ValueError(f"its pooling is {mode!r}; only mean and cls over the whole text can be converted")
    return model[0], str(mode)


def _agreement(model: Any, encoder: ConvertedEncoder) -> float:
    """Lowest cosine of the encoder's vectors with torch's."""
    theirs = model.encode(list(_PROBES), normalize_embeddings=True, show_progress_bar=False)
    return float((encoder.encode(_PROBES) * np.asarray(theirs, np.float32)).sum(axis=1).min())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Exporters warn of what the comparison with torch decides."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)


def _module(layers: Any, width: int) -> tuple[Any, tuple[Any, Any]]:
    """The layers as a function of token vectors and mask, and an example of both."""
    import torch

    class Layers(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, embeddings: Any, mask: Any) -> Any:
            return self.layers(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state

    mask = torch.tensor([[1] * 9, [1] * 6 + [0] * 3])
    return Layers(), (torch.zeros(2, 9, width), mask)


def _export_onnx(layers: Any, width: int, path: Path, *, int8: bool) -> None:
    import torch

    # torch's fused attention is exported with a search for NaN in all weights, which takes a tenth of the time
    layers.set_attn_implementation("eager")
    module, example = _module(layers, width)
    names = ["embeddings", "mask"]
    axes = {name: {0: "texts", 1: "tokens"} for name in (*names, "hidden")}
    with torch.no_grad():
        # not dynamo: it needs two more packages, and gives the same graph
        torch.onnx.export(
            module,
            example,
            str(path),
            dynamo=False,
            input_names=names,
            output_names=["hidden"],
            dynamic_axes=axes,
            opset_version=17,
        )
    if int8:
        _quantise(path)


def _quantise(path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = path.with_suffix(".prepared")
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    # Seven bits: CPUs without VNNI add pairs of products in 16 bits, which eight would overflow.
    quantize_dynamic(
        str(prepared),
        str(path),
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=_narrowing(prepared),
    )
    prepared.unlink()


def _narrowing(path: Path) -> list[str]:
    """Names of the multiplications that make vectors shorter: the second half of each feed-forward layer.

    What they are given has a few values much greater than the rest, beside which eight bits leave little of the others.
    They stay float32, which quarters the distance to torch's vectors and costs a third of the speed.
    """
    import onnx

    graph = onnx.load(str(path)).graph
    shapes = {weights.name: list(weights.dims) for weights in graph.initializer}
    products = [node for node in graph.node if node.op_type == "MatMul" and len(shapes.get(node.input[1], ())) == 2]
    return [node.name for node in products if shapes[node.input[1]][0] > shapes[node.input[1]][1]]


def _export_openvino(layers: Any, width: int, path: Path) -> None:
    import torch

    openvino = import_openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    module, example = _module(layers, width)
    with torch.no_grad():
        traced = torch.jit.trace(module, example, strict=False)
    frontend = FrontEndManager().load_by_framework("pytorch")
    # Not openvino.convert_model, which reports its use. Decoder and input must outlive the conversion: the library
    # calls back into them without keeping them.
    decoder = TorchScriptPythonDecoder(traced, example_input=example)
    decoded = frontend.load(decoder)
    graph = frontend.convert(decoded)
    for given, shape in zip(graph.inputs, ([-1, -1, width], [-1, -1]), strict=True):
        given.get_node().set_partial_shape(openvino.PartialShape(shape))
    graph.inputs[0].get_node().set_element_type(openvino.Type.f32)
    graph.inputs[1].get_node().set_element_type(openvino.Type.i64)
    graph.validate_nodes_and_infer_types()
    openvino.save_model(graph, str(path), compress_to_fp16=False)


# ---- token vectors ---------------------------------------------------------------------------------------------------


def _find_words(source: Path, table: Any) -> WordTable | None:
    """Where the table lies in the model's own safetensors, if it does so as float32 (the format: a length, a JSON
    header with the place of each tensor, the tensors)."""
    for path in sorted(source.glob("*.safetensors")):
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(length))
        for name, tensor in header.items():
            if name == "__metadata__" or tensor["dtype"] != "F32" or tensor["shape"] != list(table.shape):
                continue
            offset = 8 + length + tensor["data_offsets"][0]
            if np.array_equal(np.memmap(path, np.float32, mode="r", offset=offset, shape=table.shape), table):
                return WordTable(path.name, offset, *table.shape)
    return None


def _write_words(built: Path, table: Any) -> WordTable:
    np.ascontiguousarray(table, np.float32).tofile(built / "words.f32")
    return WordTable("words.f32", 0, *table.shape)
