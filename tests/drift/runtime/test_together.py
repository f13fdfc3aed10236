"""Requests that are written together: one entry, nothing lost of any of them, the same evidence."""

from __future__ import annotations

import numpy as np

from otel_clinical.drift.explode import Batch
from otel_clinical.drift.explode._batch import RECORD
from otel_clinical.drift.runtime._entry import Entry, Quarantined, Signal
from otel_clinical.drift.runtime._pipeline import Work
from otel_clinical.drift.runtime._together import _RECORDS, together


def work(records: int, *, signal: Signal = Signal.TRACES, at: float = 1.0, word: str = "coding", **more) -> Work:
    rows = np.zeros(records, RECORD)
    rows["model"] = 1
    rows["event"] = np.arange(records) + int(1000 * at)
    batch = Batch(rows, ("", word), int(1e6 * at))
    return Work(Entry(signal, at, b"", **more), batch if records else None)


def names(batch: Batch) -> list[tuple[str, int]]:
    return [(batch.words[row["model"]], int(row["event"])) for row in batch.rows]


def test_neighbours_become_one_entry_with_all_records_in_order():
    made = [work(3, at=1.0), work(2, at=3.0, word="triage"), work(1, at=2.0)]
    (one,) = together(made)
    assert one.batch is not None
    assert names(one.batch) == [pair for each in made if each.batch is not None for pair in names(each.batch)]
    assert (one.entry.received, one.batch.received) == (3.0, 3_000_000)


def test_what_is_written_is_what_is_applied():
    for one in together([work(3), work(2, word="triage"), work(2, signal=Signal.LOGS)]):
        assert one.batch is not None
        again = Batch.from_bytes(one.entry.batch)
        assert again.rows.tobytes() == one.batch.rows.tobytes()
        assert (again.words, again.received) == (one.batch.words, one.batch.received)


def test_services_are_kept_apart():
    signals = [Signal.TRACES, Signal.TRACES, Signal.LOGS, Signal.TRACES]
    made = together([work(1, signal=signal) for signal in signals])
    assert [one.entry.signal for one in made] == [Signal.TRACES, Signal.LOGS, Signal.TRACES]


def test_refused_records_are_added_up_and_described():
    described = [Quarantined(Signal.TRACES, "undecodable", "no", 1, digest) for digest in "ab"]
    (one,) = together(
        [
            work(0, rejections={"undecodable": 2}, quarantined=tuple(described[:1])),
            work(0, rejections={"undecodable": 1, "undeclared": 4}, quarantined=tuple(described[1:])),
        ]
    )
    assert (one.entry.batch, one.batch) == (b"", None)
    assert one.entry.rejections == {"undecodable": 3, "undeclared": 4}
    assert one.entry.quarantined == tuple(described)


def test_an_entry_is_bounded_unless_one_request_is_larger():
    sizes = [_RECORDS // 2, _RECORDS // 2, 1, 2 * _RECORDS, 1]
    assert [one.records for one in together([work(size) for size in sizes])] == [_RECORDS, 1, 2 * _RECORDS, 1]
