"""A declared text is found among thousands, and nothing else is taken for it."""

from __future__ import annotations

import numpy as np
import pytest

from otel_clinical.drift.explode._wire_bytes import Bytes
from otel_clinical.drift.explode._wire_texts import Texts


@pytest.mark.parametrize("count", [1, 2, 40, 300, 5000])
def test_every_known_text_is_found_and_no_other(count: int):
    known = [f"site-{number}" * (1 + number % 5) for number in range(count)]
    table, declared = Texts.of(known), set(known)
    texts = [*known, *(text[:-1] for text in known), *(f"{text}\0" for text in known), "", "x" * 65, "é"]
    data = [text.encode() for text in texts]
    ends = np.cumsum([len(one) for one in data])
    sizes = np.array([len(one) for one in data], np.intp)
    body = Bytes(b"".join(data))
    narrow = body.words(ends - sizes, sizes, 1)
    for words in (None, narrow, body.words(ends - sizes, sizes, 8)):
        found, same = table.find(body, ends - sizes, sizes, words)
        assert [table.known[place] if sure else None for place, sure in zip(found, same, strict=True)] == [
            text if text in declared else None for text in texts
        ]
