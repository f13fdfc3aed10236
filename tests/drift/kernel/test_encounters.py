"""Outcomes of one encounter are one piece of news: the first counts, against a model of a few lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift.explode import explode_logs
from otel_clinical.drift.kernel import TierChange
from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import EscalationLevel
from tests.drift import _wire as wire
from tests.drift.kernel._world import (
    DEPARTMENTS,
    START,
    batch,
    inference,
    make_kernel,
    make_policy,
    outcome,
    row_of,
    run,
)

SLOT = 300.0
POLICY = make_policy(maturity="0s", lateness="1h")
END = START + 20 * 3600.0
KEY = "9c56cc51b374c3ba189210d5b6d4bf57"

reports = st.lists(
    st.tuples(
        st.integers(0, 25),  # inference
        st.integers(0, 6),  # encounter, 0 is not known
        st.integers(0, 59),  # minute
        st.booleans(),  # right
        st.sampled_from(["7", "8"]),  # version
    ),
    max_size=60,
)


def by_hand(found):
    """Return (version, right) of the outcomes that count: a model that knows the whole history at once.

    What is said later of the same inference, and under the same version, is what counts in the end.
    """
    slots = {}
    for event, (number, encounter, minute, right, version) in enumerate(found):
        slots.setdefault(int(START + 60 * minute) // int(SLOT), []).append(
            (minute, event, number, encounter, right, version)
        )
    counted, told, met, by_inference = [], {}, set(), {}
    for _, records in sorted(slots.items()):
        last = {number: (minute, event) for minute, event, number, *_ in sorted(records)}
        for minute, event, number, encounter, right, version in sorted(records):
            if last[number] != (minute, event):
                continue
            if number in told:
                if told[number] == version and number in by_inference:
                    counted[by_inference[number]] = (version, right)
                continue
            if encounter and (encounter, version) in met:
                continue
            met.add((encounter, version))
            by_inference[number] = len(counted)
            counted.append((version, right))
        for minute, event, number, *_, version in records:
            if last[number] == (minute, event):
                told.setdefault(number, version)
    return sorted(counted)


def record(event, found):
    number, encounter, minute, right, version = found
    at = START + 60.0 * minute
    about = {"inferred": at, "inference": number + 1, "encounter": encounter, "version": version}
    return outcome(event, at, score=float(right), event=event + 1, **about)


@settings(max_examples=150, deadline=None)
@given(reports, st.randoms(use_true_random=False), st.integers(1, 20), st.booleans())
def test_the_kernel_counts_what_a_model_that_knows_everything_counts(found, random, size, restart):
    rows = [record(event, one) for event, one in enumerate(found)]
    shuffled = [*rows, *rows[::3]]
    random.shuffle(shuffled)
    kernel, saved = make_kernel(POLICY), {}
    for start in range(0, len(shuffled), size):
        kernel.apply(batch(shuffled[start : start + size]))
        kernel.advance()
        if restart:
            saved = {key: data for key, data in (saved | kernel.dump_dirty()).items() if data}
            kernel = make_kernel(POLICY)
            assert kernel.load(saved) == []
    kernel.advance(to=END)
    expected = by_hand(found)
    for version in {version for _, version in kernel.activations}:
        mine = [right for one, right in expected if one == version]
        row = row_of(kernel, version=version)
        assert row.labels == len(mine)
        assert row.performance == (pytest.approx(sum(mine) / len(mine)) if mine else None)


def clustered(per_patient, encounters, n=4000, *, seed):
    """Return outcomes of patients seen several times in a row, whose answers are all right or all wrong."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        if number % per_patient == 0:
            right = rng.random() < DEPARTMENTS["emergency"]
        at = START + 20.0 * number
        about = {"inferred": at, "score": float(right), "department": "emergency"}
        about["encounter"] = 1 + number // per_patient if encounters else 0
        rows.append(outcome(number, at, **about))
    return batch(rows)


def fired(records):
    found = run(make_kernel(POLICY), records, size=1000, to=END + 86_400.0)
    return {change.level for change in found if isinstance(change, TierChange)} - {EscalationLevel.NONE}


def test_errors_that_come_in_clusters_fake_a_drop_unless_their_encounter_is_known():
    with_keys = [fired(clustered(10, encounters=True, seed=seed)) for seed in range(12)]
    without = [fired(clustered(10, encounters=False, seed=seed)) for seed in range(12)]
    assert not any(with_keys)
    assert any(without)


def test_every_outcome_of_an_encounter_is_a_label_of_its_inference():
    rows = [outcome(n, START + n, inferred=START + n, score=1.0, encounter=5) for n in range(20)]
    rows += [inference(n, START + n) for n in range(20)]
    kernel = make_kernel(POLICY)
    run(kernel, batch(rows), to=END)
    assert row_of(kernel).labels == 1
    assert sum(row.labelled for row in kernel.coverage()) == 20


def test_encounters_are_forgotten_with_everything_else_of_their_time():
    policy = make_policy(maturity="0s", slot="1h")
    kernel, saved, sizes = make_kernel(policy), {}, []
    for day in range(0, 300, 10):
        at = START + 86_400.0 * day
        rows = [outcome(n, at + n, inferred=at + n, score=1.0, encounter=n + 1, inference=n + 1) for n in range(50)]
        rows = [(*row[:11], row[11] + 1000 * day, row[12] + 1000 * day, row[13], row[14] + 1000 * day) for row in rows]
        run(kernel, batch(rows), to=at + 7200.0)
        saved = {key: data for key, data in (saved | kernel.dump_dirty()).items() if data}
        sizes.append(sum(len(data) for key, data in saved.items() if key.startswith("encounter/")))
    assert sizes[-1] == sizes[len(sizes) // 2] > 0


def sent(key, **extra):
    event = wire.outcome(1, START, inferred=START, extra={attributes.ENCOUNTER_KEY: key} | extra)
    return explode_logs(wire.logs([event]), START + 10.0, make_kernel(POLICY).index)


def test_a_keyed_hash_goes_into_the_record():
    found = sent(KEY)
    assert found.batch.rows["encounter"].tolist() == [int(KEY[:16], 16)]
    assert sent(None).batch.rows["encounter"].tolist() == [0]


@pytest.mark.parametrize("key", ["MRN-00123456", "1234567890", KEY.upper(), KEY[:-1], KEY + "0", 123456, ""])
def test_what_is_no_keyed_hash_is_set_aside_unread_and_said(key):
    found = sent(key)
    assert found.batch.rows["encounter"].tolist() == [0]
    (rejection,) = (one for one in found.rejections if attributes.ENCOUNTER_KEY in one.detail)
    assert rejection.kept
    assert str(key) not in rejection.detail or not key
