"""Backends of the embedder: one suite over all, held against torch on the same weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memory.config import EmbedderConfig
from memory.embedding import SentenceEmbedder, TorchEncoder, check_backend, load_tokenizer, open_embedder
from memory.embedding_choice import conversion_folder
from memory.embedding_converted import (
    ONNX,
    ConvertedEncoder,
    FileStamp,
    length_batches,
    pooled,
    read_manifest,
    worker_count,
)
from memory.errors import FamiliarError, UsageError
from tests.memory.tiny_model import MAX_TOKENS, tiny_model

FLOAT32 = [EmbedderConfig(backend="torch"), EmbedderConfig(backend="onnx"), EmbedderConfig(backend="openvino")]
CONVERTED = [EmbedderConfig(backend="onnx"), EmbedderConfig(backend="openvino")]
TEXTS = ["the wifi password at the cabin", "a boat", "", "key under the stone " * 9, "Dentist TUESDAY"]


def names(config: EmbedderConfig) -> str:
    return f"{config.backend}-{config.precision}"


@pytest.fixture(scope="session")
def e5_folder(model_folder: Path) -> Path:
    """The real multilingual embedder, fetched if it is not there."""
    from bot.models import ensure

    return ensure("e5-small", folder=model_folder).path


@pytest.fixture(scope="session")
def e5_torch(e5_folder: Path) -> SentenceEmbedder:
    """What the others are held against."""
    return open_embedder(e5_folder)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that nobody changes."""
    return tiny_model(tmp_path_factory.mktemp("tiny") / "model")


def opened(folder: Path, kept: Path, config: EmbedderConfig) -> SentenceEmbedder:
    """The embedder after the long job that converts it."""
    embedder = open_embedder(folder, config=config, converted=kept)
    embedder.convert()
    return embedder


def near(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return bool(np.allclose(one, other, atol=1e-5))


# ---- the real model --------------------------------------------------------------------------------------------------


@pytest.mark.model
@pytest.mark.parametrize("config", FLOAT32, ids=names)
def test_every_backend_gives_the_same_vectors(
    config: EmbedderConfig, e5_folder: Path, e5_torch: SentenceEmbedder, model_folder: Path
) -> None:
    """In several languages, of any length, cut where torch cuts; so that a change of backend embeds nothing again."""
    texts = [
        "The wifi password is blueberry42.",
        "外婆的红烧肉要先炒糖色。",
        "x",
        "",
        "  Größe\t18:45\n",
        "long " * 2000,
    ]
    embedder = opened(e5_folder, model_folder / "converted", config)
    assert embedder.encoder.backend == config.backend
    assert (embedder.dimensions, embedder.max_tokens) == (384, 512)
    assert embedder.key == e5_torch.key
    vectors = embedder.embed_passages(texts)
    assert near(vectors, e5_torch.embed_passages(texts))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert near(embedder.embed_query("what is the code"), e5_torch.embed_query("what is the code"))
    alone = np.stack([embedder.embed_passages([text])[0] for text in texts[:3]])
    assert near(vectors[:3], alone)
    assert embedder.count_tokens("Hello world") == 6


@pytest.mark.model
def test_int8_is_near_and_has_its_own_key(e5_folder: Path, e5_torch: SentenceEmbedder, model_folder: Path) -> None:
    """Near enough to search by, but never compared with float32 vectors."""
    embedder = opened(e5_folder, model_folder / "converted", EmbedderConfig(precision="int8"))
    texts = ["The wifi password is blueberry42.", "外婆的红烧肉要先炒糖色。", "Der Mietvertrag endet am 30. September."]
    vectors, exact = embedder.embed_passages(texts), e5_torch.embed_passages(texts)
    cosines = (vectors * exact).sum(axis=1)
    assert (cosines > 0.99).all(), cosines
    assert not near(vectors, exact)
    assert embedder.key != e5_torch.key


@pytest.mark.model
def test_a_search_from_the_terminal_imports_no_torch(e5_folder: Path, model_folder: Path, tmp_path: Path) -> None:
    """Once the model is converted: importing torch takes longer than everything else in a search."""
    opened(e5_folder, model_folder / "converted", EmbedderConfig()).embed_query("converted by now")
    note = tmp_path / "note.md"
    note.write_text("The key to the shed is under the third flower pot.", encoding="utf-8")
    code = (
        "import sys\nfrom bot.cli import main\nhome = ['--home', sys.argv[1], '--json']\n"
        "assert main([*home, 'import', sys.argv[2]]) == 0\n"
        "assert main([*home, 'search', 'where is the shed key']) == 0\n"
        "print([name for name in ('torch', 'transformers', 'sentence_transformers') if name in sys.modules])\n"
    )
    environment = {**os.environ, "FAMILIAR_MODEL_FOLDER": str(model_folder)}
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "home"), str(note)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[-1] == "[]"
    assert "third flower pot" in json.loads(lines[-2])["text"]


# ---- conversions, on a tiny model ------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", CONVERTED, ids=names)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_pooling_is_the_folders_own(config: EmbedderConfig, pooling: str, tmp_path: Path) -> None:
    """Mean or first token, cut at the folder's length."""
    folder = tiny_model(tmp_path / "model", pooling=pooling)
    embedder = opened(folder, tmp_path / "kept", config)
    assert near(embedder.embed_passages(TEXTS), open_embedder(folder).embed_passages(TEXTS))
    assert embedder.max_tokens == MAX_TOKENS
    assert embedder.encoder.backend == config.backend


def test_weights_in_half_precision_are_converted(tmp_path: Path) -> None:
    """Their token vectors are kept as float32 beside the layers."""
    folder = tiny_model(tmp_path / "model", dtype="float16")
    embedder = opened(folder, tmp_path / "kept", EmbedderConfig(backend="onnx"))
    cosines = (embedder.embed_passages(TEXTS) * open_embedder(folder).embed_passages(TEXTS)).sum(axis=1)
    assert (cosines > 0.999).all()
    assert (conversion_folder(folder, tmp_path / "kept", "onnx", "float32") / "words.f32").is_file()


def test_a_conversion_is_made_once(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The next process finds it; a copy's new time stamp changes nothing."""
    config = EmbedderConfig(backend="onnx")
    first = opened(tiny, tmp_path, config).embed_query("a boat")
    assert capsys.readouterr().err.count("Converting") == 1
    for path in tiny.glob("*"):
        os.utime(path)
    assert near(opened(tiny, tmp_path, config).embed_query("a boat"), first)
    assert capsys.readouterr().err == ""


def test_the_graph_is_free_of_what_costs_time_or_precision(tiny: Path, tmp_path: Path) -> None:
    """No search for NaN in the attention; of int8 the products that make vectors shorter stay float32."""
    import onnx

    graphs = {}
    for precision in ("float32", "int8"):
        config = EmbedderConfig(backend="onnx", precision=precision)
        opened(tiny, tmp_path / precision, config).convert()
        (path,) = (tmp_path / precision).glob("*/layers.onnx")
        graphs[precision] = onnx.load(str(path)).graph
    assert "IsNaN" not in {node.op_type for node in graphs["float32"].node}
    shapes = {weights.name: list(weights.dims) for weights in graphs["int8"].initializer}
    exact = [
        shapes[node.input[1]] for node in graphs["int8"].node if node.op_type == "MatMul" and node.input[1] in shapes
    ]
    assert exact
    assert all(rows > columns for rows, columns in exact)
    assert "DynamicQuantizeLinear" in {node.op_type for node in graphs["int8"].node}


def test_a_changed_model_is_converted_anew(tmp_path: Path) -> None:
    """Also where its files have the size that they had."""
    config = EmbedderConfig(backend="onnx")
    folder = tiny_model(tmp_path / "model", seed=1)
    before = opened(folder, tmp_path / "kept", config).embed_query("a boat")
    tiny_model(folder, seed=2)
    after = opened(folder, tmp_path / "kept", config).embed_query("a boat")
    assert not near(before, after)
    assert near(after, open_embedder(folder).embed_query("a boat"))


def test_a_question_converts_nothing(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor do the few passages of a chat turn, whatever their number in the end; torch computes the same vectors."""
    embedder = open_embedder(tiny, config=EmbedderConfig(backend="onnx"), converted=tmp_path)
    vector = embedder.embed_query("a boat")
    for _ in range(40):
        embedder.embed_passages(["the boat key"] * 8)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == ""
    assert isinstance(embedder.encoder, TorchEncoder)
    assert near(vector, opened(tiny, tmp_path, EmbedderConfig(backend="onnx")).embed_query("a boat"))


def test_a_long_import_converts_once(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When enough was embedded for that to pay; the same texts have the same vectors before and after."""
    embedder = open_embedder(tiny, config=EmbedderConfig(backend="onnx"), converted=tmp_path)
    texts = TEXTS * 40
    before = embedder.embed_passages(texts)
    assert embedder.encoder.backend == "torch"
    for _ in range(3):
        assert near(embedder.embed_passages(texts), before)
    assert embedder.encoder.backend == "onnx"
    assert capsys.readouterr().err.count("Converting the embedder model for onnx float32 (once") == 1


@pytest.mark.parametrize("config", FLOAT32, ids=names)
def test_threads_share_an_embedder(config: EmbedderConfig, tiny: Path, tmp_path: Path) -> None:
    """A question beside an import's passages; each gets its own vectors."""
    embedder = opened(tiny, tmp_path, config)
    expected, question = embedder.embed_passages(TEXTS * 30), embedder.embed_query("a boat")
    with ThreadPoolExecutor(4) as pool:
        passages = [pool.submit(embedder.embed_passages, TEXTS * 30) for _ in range(2)]
        questions = [pool.submit(embedder.embed_query, "a boat") for _ in range(40)]
    assert all(near(item.result(), question) for item in questions)
    assert all(near(item.result(), expected) for item in passages)


@pytest.mark.parametrize("harm", ["cut", "flipped", "missing", "manifest", "unreadable"])
def test_a_damaged_conversion_is_made_again(tiny: Path, tmp_path: Path, harm: str) -> None:
    """Whatever happened to its files."""
    config = EmbedderConfig(backend="onnx")
    expected = opened(tiny, tmp_path, config).embed_query("a boat")
    place = conversion_folder(tiny, tmp_path, "onnx", "float32")
    layers = place / ONNX
    data = layers.read_bytes()
    if harm == "cut":
        layers.write_bytes(data[: len(data) // 2])
    elif harm == "flipped":
        layers.write_bytes(data[:-300] + bytes(255 - byte for byte in data[-300:]))
    elif harm == "missing":
        layers.unlink()
    elif harm == "manifest":
        (place / "manifest.json").write_text("{")
    else:  # a file that was damaged before it was hashed
        layers.write_bytes(b"not a model")
        stat = layers.stat()
        manifest = json.loads((place / "manifest.json").read_text())
        stamp = FileStamp(ONNX, stat.st_size, stat.st_mtime_ns, "")
        manifest["files"] = [stamp.__dict__]
        (place / "manifest.json").write_text(json.dumps(manifest))
    again = opened(tiny, tmp_path, config)
    assert near(again.embed_query("a boat"), expected)
    assert again.encoder.backend == "onnx"


def test_what_cant_be_converted_is_run_by_torch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With one warning, and without trying again at each start."""
    folder = tiny_model(tmp_path / "model", pooling="max")
    embedder = opened(folder, tmp_path / "kept", EmbedderConfig())
    assert near(embedder.embed_passages(TEXTS), open_embedder(folder).embed_passages(TEXTS))
    assert isinstance(embedder.encoder, TorchEncoder)
    warnings = [line for line in capsys.readouterr().err.splitlines() if "can't be converted" in line]
    assert len(warnings) == 1
    assert "pooling is 'max'" in warnings[0]
    opened(folder, tmp_path / "kept", EmbedderConfig()).embed_query("a boat")
    assert "Converting" not in capsys.readouterr().err
    with pytest.raises(FamiliarError, match='set \\[embedder\\] precision to "float32"'):
        opened(folder, tmp_path / "kept", EmbedderConfig(precision="int8")).embed_query("a boat")


def test_vectors_that_differ_from_torchs_are_refused(tmp_path: Path) -> None:
    """A model whose layers do more than what the conversion holds is found out by comparing."""
    folder = tiny_model(tmp_path / "model")
    # here: a tokenizer.json that is not the tokenizer which sentence-transformers is told to use
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text()) | {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
    path.write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(reversed(list(load_tokenizer(folder).get_vocab()))))
    torch_vectors = open_embedder(folder).embed_passages(TEXTS)
    embedder = opened(folder, tmp_path / "kept", EmbedderConfig(backend="onnx"))
    assert near(embedder.embed_passages(TEXTS), torch_vectors)


def test_threads_give_what_one_gives(tiny: Path, tmp_path: Path) -> None:
    """Batches that run beside each other end in the order of the texts."""
    opened(tiny, tmp_path, EmbedderConfig(backend="onnx")).embed_query("a boat")
    place = conversion_folder(tiny, tmp_path, "onnx", "float32")
    manifest = read_manifest(place)
    assert manifest is not None
    texts = [" ".join(["the boat key"] * (1 + n % 7)) for n in range(400)]
    one, three = (
        ConvertedEncoder(tiny, place, manifest, tokenizer=load_tokenizer(tiny), workers=workers).encode(texts)
        for workers in (1, 3)
    )
    assert near(one, three)


# ---- what is installed, what is asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hidden", "backend", "expected"),
    [
        ("openvino", "openvino", 'backend is "openvino".*extra openvino.*familiar-assistant\\[openvino\\]'),
        ("onnxruntime", "onnx", 'backend is "onnx".*extra fast.*familiar-assistant\\[fast\\]'),
        ("onnxruntime", "auto", "^openvino$"),
        ("onnxruntime openvino", "auto", "^torch$"),
        ("", "auto", "^onnx$"),
    ],
)
def test_auto_takes_what_is_there(tiny: Path, tmp_path: Path, hidden: str, backend: str, expected: str) -> None:
    """A missing package is an error for whom asked for it by name, and for nobody else."""
    code = (
        "import sys\nfrom pathlib import Path\nsys.modules.update(dict.fromkeys(sys.argv[4].split()))\n"
        "from memory.config import EmbedderConfig\nfrom memory.embedding import open_embedder\n"
        "from memory.errors import FamiliarError\n"
        "config = EmbedderConfig(backend=sys.argv[3])\n"
        "embedder = open_embedder(Path(sys.argv[1]), config=config, converted=Path(sys.argv[2]))\n"
        "try: embedder.convert(); print(embedder.encoder.backend)\n"
        "except FamiliarError as exc: print(exc)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tiny), str(tmp_path), backend, hidden],
        capture_output=True,
        text=True,
        check=True,
    )
    import re

    assert re.search(expected, ran.stdout.strip()), ran.stdout + ran.stderr


def test_openvino_reports_to_nobody(tiny: Path, tmp_path: Path) -> None:
    """Importing it sends an event to a server unless its telemetry package is out of reach."""
    code = (
        "import socket, sys\nfrom pathlib import Path\n"
        "def refuse(*args): raise SystemExit('it opened a socket')\nsocket.socket.connect = refuse\n"
        "from memory.config import EmbedderConfig\nfrom memory.embedding import open_embedder\n"
        "config = EmbedderConfig(backend='openvino')\n"
        "open_embedder(Path(sys.argv[1]), config=config, converted=Path(sys.argv[2])).convert()\n"
        "print([name for name, module in sys.modules.items() if 'openvino_telemetry' in name and module])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tiny), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (EmbedderConfig(backend="cuda"), "backend is 'cuda'; it must be"),
        (EmbedderConfig(precision="int4"), "precision is 'int4'; it must be"),
        (EmbedderConfig(backend="openvino", precision="int8"), "backend 'openvino' has not"),
        (EmbedderConfig(backend="torch", precision="int8"), "backend 'torch' has not"),
    ],
)
def test_settings_that_dont_exist_are_named(config: EmbedderConfig, expected: str) -> None:
    """With the value found and what would be right."""
    with pytest.raises(UsageError, match=expected):
        check_backend(config)


# ---- pure parts ------------------------------------------------------------------------------------------------------


def test_batches_hold_each_text_once_within_their_tokens() -> None:
    """Longest first; padding counts; a text over the bound is alone."""
    lengths = [3, 900, 40, 41, 5, 512, 7, 0] * 5
    batches = length_batches(lengths, 512)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[place] for place in batch) <= 512
    longest = [max(lengths[place] for place in batch) for batch in batches]
    assert longest == sorted(longest, reverse=True)
    assert length_batches([], 512) == []


def test_pooling_leaves_padding_out() -> None:
    """The mean is over the text's own tokens; the first token is the first."""
    hidden = np.array([[[3.0, 0.0], [0.0, 4.0], [9.0, 9.0]]], np.float32)
    mask = np.array([[1, 1, 0]], np.int64)
    assert pooled(hidden, mask, "mean")[0] == pytest.approx([0.6, 0.8])
    assert pooled(hidden, mask, "cls")[0] == pytest.approx([1.0, 0.0])


def test_workers_are_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """OMP_NUM_THREADS bounds them, as it bounds torch."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert worker_count() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert 1 <= worker_count() <= (os.cpu_count() or 1)
