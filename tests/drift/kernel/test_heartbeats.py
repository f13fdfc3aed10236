"""Volume and safety events in the kernel: by event time, each once, in any order."""

from __future__ import annotations

import numpy as np
import pytest

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.explode import Batch, Kind
from otel_clinical.drift.kernel import Kernel
from otel_clinical.policy import parse_policy
from tests.drift.kernel import _world
from tests.drift.kernel._world import START, batch, inference, make_baseline

HOUR, DAY = 3600.0, 86_400.0
MORE = """
    input_quality: {by: payer}
    volume: {false_alarms: 12 per 1y}
    safety: {tolerated_gap: 30d, false_alarms: 1 per 10y}
"""


def kernel():
    text = _world._TEXT.format(**(_world._DEFAULTS | {"slot": "30m"})) + MORE
    return Kernel(parse_policy(text, baselines=False), {"coding": make_baseline()})


def weeks(n, *, silent=None, per_hour=6):
    """Return inferences of two payers by the hour; `silent` stops after the hours it is given."""
    rows = []
    for hour in range(n * 168):
        for place in range(per_hour):
            for number, payer in enumerate(("medicaid", "medicare")):
                if payer == silent and hour >= (n - 1) * 168:
                    continue
                at = START + hour * HOUR + place * 300.0 + number
                rows.append(inference(len(rows), at, payer=payer))
    return batch(rows)


def event(number, at, name=None):
    row = inference(number, at, event=900_000 + number if name is None else name)
    return (Kind.SAFETY, 0, *row[2:])


def volume(found, value):
    (row,) = (row for row in found.volumes() if row.value == value)
    return row


def fed(records, size=None, to=None):
    found = kernel()
    for start in range(0, len(records), size or len(records)):
        found.apply(records.take(range(start, min(start + (size or len(records)), len(records)))))
        found.advance()
    found.advance(to)
    return found


def test_a_source_that_falls_silent_is_proved_and_the_other_is_not():
    found = fed(weeks(4, silent="medicare"))
    assert volume(found, "medicare").silence >= 1.0
    assert volume(found, "medicare").count == 0
    assert volume(found, "medicaid").silence < 1.0
    assert volume(found, "medicaid").expected == pytest.approx(6.0)
    assert max(volume(found, "medicaid").surge, volume(found, "medicare").surge) < 1.0


def test_an_ordinary_week_proves_nothing():
    found = fed(weeks(4))
    assert max(max(row.silence, row.surge) for row in found.volumes()) < 1.0


def test_batches_order_and_restarts_leave_no_trace():
    records = weeks(3, silent="medicare")
    straight = fed(records)
    rng = np.random.default_rng(1)
    order = np.argsort(records.rows["time"] + rng.uniform(0, 100e6, len(records)), kind="stable")
    order = np.sort(np.concatenate([order, rng.choice(order, 200)]))
    shuffled, found, saved = Batch(records.rows[order], records.words), kernel(), {}
    for start in range(0, len(shuffled), 777):
        found.apply(shuffled.take(range(start, min(start + 777, len(shuffled)))))
        found.advance()
        saved |= found.dump_dirty()
        found = kernel()
        assert found.load({key: data for key, data in saved.items() if data}) == []
    assert found.volumes() == straight.volumes()


def halves(count, *, every=1):
    """Feed a record every half hour; return the kernel, all that it saved and what it saved each time."""
    found, kept, each, begin = kernel(), {}, [], START // HOUR * HOUR + HOUR
    for half in range(count):
        found.apply(batch([inference(half, begin + half * 1800.0 + 1.0, payer="medicaid")]))
        found.advance(begin + half * 1800.0 + 1800.0)
        if half % every == every - 1:
            saved = {key: data for key, data in found.dump_dirty().items() if key.startswith(("volume", "clock"))}
            each.append(set(saved) - {"clock"})
            kept |= saved
    return found, kept, each


def test_between_two_hours_only_the_one_that_runs_is_saved():
    _, kept, each = halves(9)
    whole = {"volume/coding", "volume_hour/coding"}
    assert each == [whole, whole, *([{"volume_hour/coding"}, whole] * 4)][:9]
    assert len(kept["volume_hour/coding"]) < len(kept["volume/coding"]) / 100


def test_what_is_saved_of_an_hour_does_not_depend_on_when():
    assert halves(9, every=1)[1] == halves(9, every=3)[1] == halves(9, every=9)[1]


def test_a_state_that_held_the_running_hour_itself_goes_on():
    straight, kept, _ = halves(9)
    meta, arrays = unpack(kept["volume/coding"], "volume", 1)
    _, running = unpack(kept.pop("volume_hour/coding"), "volume_hour", 1)
    assert running["counts"].sum() == 2
    again = kernel()
    assert again.load(kept | {"volume/coding": pack("volume", 1, meta, arrays | running)}) == []
    for found in (straight, again):
        found.advance(START + 30 * HOUR)
    assert again.volumes() == straight.volumes()


def test_what_was_counted_in_another_hour_is_not_taken_over():
    _, kept, _ = halves(9)
    _, running = unpack(kept["volume_hour/coding"], "volume_hour", 1)
    another = pack("volume_hour", 1, {"hour": 5}, running)
    again = kernel()
    assert again.load(kept | {"volume_hour/coding": another}) == []
    again.advance(START + 2 * HOUR + 9 * 1800.0)
    assert volume(again, "medicaid").count == 0


def test_safety_events_that_come_fast_are_proved_and_slow_ones_are_not():
    slow = fed(
        batch([inference(1, START), *(event(n, START + 40 * DAY * n) for n in range(1, 8))]), to=START + 281 * DAY
    )
    assert slow.safety()[0].evidence < 1.0
    assert slow.safety()[0].events == 7
    fast = fed(
        batch([inference(1, START), *(event(n, START + 2 * DAY * n) for n in range(1, 12))]), to=START + 22 * DAY + HOUR
    )
    assert fast.safety()[0].evidence >= 1.0
    assert fast.safety()[0].recent == pytest.approx(2 * DAY, rel=0.05)


def test_a_late_report_counts_once_however_often_it_comes():
    found = fed(batch([inference(1, START), inference(2, START + 10 * DAY)]), to=START + 11 * DAY)
    for _ in range(3):
        found.apply(batch([event(5, START + DAY, name=77)]))
        found.advance(START + 12 * DAY)
    assert found.safety()[0].events == 1


def test_safety_states_go_on_and_another_gap_begins_anew():
    found = fed(batch([inference(1, START), *(event(n, START + 2 * DAY * n) for n in range(1, 12))]))
    saved = found.dump_dirty()
    again = kernel()
    assert again.load(saved) == []
    assert again.safety() == found.safety()
    text = _world._TEXT.format(**(_world._DEFAULTS | {"slot": "30m"})) + MORE.replace("gap: 30d", "gap: 60d")
    other = Kernel(parse_policy(text, baselines=False), {"coding": make_baseline()})
    (sentence,) = other.load(saved)
    assert "safety coding begins anew" in sentence
    assert other.safety()[0].events == 0
