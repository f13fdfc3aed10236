"""A baseline says how many labels came a day and how long they took, where that is known; others keep their hash."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.policy import BaselineBuilder, BaselineError, LabelReference, load_baseline, parse_baseline

DAY = 86_400.0
DELAYS = [30.0] * 50 + [2 * 3600.0] * 30 + [4 * DAY] * 20


def built(delays, *, days=10.0):
    builder = BaselineBuilder("coding", segments={})
    for number, delay in enumerate(delays):
        at = 1000.0 + number * days * DAY / (len(delays) - 1)
        builder.add({}, 1.0, at=at, known=None if delay is None else at + delay)
    return builder.build()


def test_rate_and_curve_are_those_of_the_outcomes():
    labels = built(DELAYS).labels
    assert labels.per_day == pytest.approx(10.0)
    curve = dict(labels.curve())
    assert (curve[60], curve[3600], curve[3 * 3600], curve[3 * DAY], curve[5 * DAY]) == (0.5, 0.5, 0.8, 0.8, 1.0)
    assert (labels.within(0.5), labels.within(0.9)) == (60, 5 * DAY)


def test_outcomes_that_take_longer_than_a_year_are_in_no_curve():
    assert built([400 * DAY] * 20).labels.within(0.5) is None


@pytest.mark.parametrize(("delays", "days"), [([None] * 20, 10.0), ([60.0] * 20, 0.5)])
def test_without_times_or_a_whole_day_there_is_no_such_part(delays, days):
    baseline = built(delays, days=days)
    assert baseline.labels is None
    assert "labels" not in baseline.as_dict()


def test_a_file_of_before_keeps_its_hash():
    text = built([None] * 20).dumps()
    assert parse_baseline(text).hash == "sha256:a0d4d4f3b46dd68be27e0a36ea568bf8bbd84b1745dce4d7ff58e3d99bd2c557"


def test_saving_and_loading_keeps_it(tmp_path):
    baseline = built(DELAYS)
    baseline.save(tmp_path / "b.json")
    loaded = load_baseline(tmp_path / "b.json")
    assert loaded == baseline
    assert loaded.hash == baseline.hash != built([None] * len(DELAYS)).hash


@given(delays=st.lists(st.floats(-1e4, 5e7), min_size=2, max_size=40), seed=st.integers(0, 99))
def test_the_curve_rises_and_the_order_does_not_matter(delays, seed):
    times = [number * DAY for number in range(len(delays))]
    pairs = list(zip(times, delays, strict=True))
    whole = []
    for _ in range(2):
        builder = BaselineBuilder("coding", segments={})
        for at, delay in pairs:
            builder.add({}, 1.0, at=at, known=at + delay)
        whole.append(builder.build())
        random.Random(seed).shuffle(pairs)
    assert whole[0].hash == whole[1].hash
    shares = [share for _, share in whole[0].labels.curve()]
    assert shares == sorted(shares)
    assert sum(whole[0].labels.counts) == len(delays)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ([], "labels is no object"),
        ({"per_day": 0}, "labels.per_day is 0"),
        ({"per_day": True}, "labels.per_day is True"),
        ({"edges": [0, 60, 60]}, "labels.edges"),
        ({"edges": ["0", 1, 2]}, "labels.edges"),
        ({"edges": [1, 60, 90]}, "the first edge is 0"),
        ({"counts": [1, 2]}, "as many edges as counts"),
        ({"counts": [1, -2, 1]}, "labels.counts"),
        ({"counts": [0, 0, 0]}, "labels.counts"),
        ({"counts": [True, 1, 1]}, "labels.counts"),
        ({"more": 1}, "labels is no object"),
    ],
)
def test_what_cannot_be_true_is_refused_and_named(change, said):
    content = json.loads(built(DELAYS).dumps())
    good = LabelReference(3.0, (0, 60, 3600), (1, 2, 1)).as_dict()
    content["labels"] = good | change if isinstance(change, dict) else change
    with pytest.raises(BaselineError, match=said):
        parse_baseline(json.dumps(content))
