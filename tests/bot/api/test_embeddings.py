"""Vectors by the home's embedder, as numbers and as base64."""

from __future__ import annotations

from typing import Any

import numpy as np
import openai
import pytest

from tests.bot.api.conftest import Home
from tests.embedder import WordEmbedder


def test_both_encodings_are_the_embedders_vectors(home: Home) -> None:
    """In the order of the texts; the official client asks for base64 unless told otherwise."""
    client, texts = home.client(), ["the red bike", "a boat", "你好"]
    wanted = WordEmbedder().embed_passages(texts)
    coded = client.embeddings.create(model="familiar-embedding", input=texts)
    plain = client.embeddings.create(model="familiar-embedding", input=texts, encoding_format="float")
    for found in (coded, plain):
        assert [item.index for item in found.data] == [0, 1, 2]
        np.testing.assert_array_equal(np.array([item.embedding for item in found.data], np.float32), wanted)
    assert coded.usage.prompt_tokens == coded.usage.total_tokens > 5
    one = client.embeddings.create(model="familiar-embedding", input="a boat", extra_body={"input_type": "query"})
    np.testing.assert_array_equal(np.array(one.data[0].embedding, np.float32), WordEmbedder().embed_query("a boat"))
    assert client.embeddings.create(model="familiar-embedding", input="x", dimensions=64).data


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [[1, 2]]}, "input"),
        ({"input": [1, 2]}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": "word " * 600}, "input"),
        ({"dimensions": 8}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"model": "familiar"}, "model"),
    ],
)
def test_what_cannot_be_embedded_is_named(home: Home, fields: dict[str, Any], param: str) -> None:
    """Token ids, empty and too long texts, other dimensions, a model that embeds nothing."""
    with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as caught:
        home.client().post("/embeddings", body={"model": "familiar-embedding", "input": "x"} | fields, cast_to=object)
    assert caught.value.param is not None
    assert caught.value.param.startswith(param)
