"""Drift signals that need no labels."""

from __future__ import annotations

import numpy as np
import pytest

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.explode import ABSENT, Batch
from otel_clinical.drift.kernel import DriftDetected
from tests.drift.kernel._world import PAYERS, START, WORDS, World, make_kernel, run

HOUR = 3600.0


def altered(records: Batch, column: str, change, *, after: int, payer: str | None = None) -> Batch:
    """Return the records with `change` applied to a column of the inferences after the first `after` records."""
    rows = records.rows.copy()
    chosen = (rows[column] != ABSENT) & (np.arange(len(rows)) >= after)
    if payer is not None:
        chosen &= (rows["segments"] == WORDS.index(payer)).any(axis=1)
    rows[column][chosen] = np.clip(change(rows[column][chosen]), 0, 1_000_000)
    return Batch(rows, records.words)


def detections(found, signal):
    return [f for f in found if isinstance(f, DriftDetected) and f.row.signal == signal]


def test_the_saved_form_is_what_the_codec_makes_of_its_fields():
    kernel = make_kernel()
    run(kernel, altered(World(1).records(4000), "confidence", lambda x: x - 80_000, after=4000), to=START + 41_000.0)
    saved = [data for key, data in kernel.dump_dirty().items() if "/signal/" in key]
    found = [unpack(data, "signal", 1) for data in saved]
    assert [pack("signal", 1, *parts) for parts in found] == saved
    assert {meta["detections"] > 0 for meta, _ in found} == {False, True}


@pytest.mark.parametrize("seed", range(3))
def test_steady_signals_raise_nothing(seed):
    assert not [f for f in run(make_kernel(), World(seed).records(4000)) if isinstance(f, DriftDetected)]


def test_a_fall_of_confidence_in_one_payer_is_seen_there():
    records = altered(World(1).records(4000), "confidence", lambda x: x - 80_000, after=4000, payer="self")
    kernel = make_kernel()
    found = detections(run(kernel, records), "confidence")
    assert ("payer", "self") in {(f.row.segment, f.row.value) for f in found}
    assert not {f.row.value for f in found} & (set(PAYERS) - {"self"})
    assert all(f.row.score < 0 for f in found)


def test_poor_input_is_seen_and_better_input_is_no_alarm():
    worse = altered(World(2).records(3000), "quality", lambda x: x - 40_000, after=3000)
    assert detections(run(make_kernel(), worse), "input_quality")
    better = altered(World(2).records(3000), "quality", lambda x: x + 40_000, after=3000)
    assert not detections(run(make_kernel(), better), "input_quality")


def test_a_detection_is_active_for_as_long_as_the_policy_says():
    worse = altered(World(2).records(3000), "quality", lambda x: x - 40_000, after=3000)
    kernel = make_kernel()
    found = detections(run(kernel, worse, to=START + 30_500.0), "input_quality")
    (row,) = (r for r in kernel.drift() if (r.signal, r.segment) == ("input_quality", "all"))
    newest = max(f.at for f in found if f.row.segment == "all")
    assert row.detected == newest
    kernel.advance(to=newest + 0.9 * HOUR)
    assert active(kernel) is (kernel.watermark - newest < HOUR)
    kernel.advance(to=newest + 1.1 * HOUR + 30_000.0)
    assert active(kernel) is False


def active(kernel) -> bool:
    (row,) = (r for r in kernel.drift() if (r.signal, r.segment) == ("input_quality", "all"))
    return row.active


def test_inferences_without_a_confidence_are_no_signal():
    records = World(3).records(500)
    rows = records.rows.copy()
    rows["confidence"] = ABSENT
    kernel = make_kernel()
    run(kernel, Batch(rows, records.words), to=START + 9000.0)
    (row,) = (r for r in kernel.drift() if (r.signal, r.segment) == ("confidence", "all"))
    assert (row.score, row.detections, row.active) == (0.0, 0, False)


def test_the_mix_flag_ends_soon_after_the_mix_is_back():
    surge = World(4, mix={"cardiology": 0.05, "emergency": 0.15, "oncology": 0.8})
    kernel = make_kernel()
    run(kernel, surge.records(3000))
    run(kernel, World(4).records(1500, first=3000), to=START + 45_000.0)
    rows = [r for r in kernel.drift() if r.signal == "segment_mix" and r.segment == "department"]
    assert sum(row.detections for row in rows) >= 2
    assert not any(row.active for row in rows)
