"""Requests that wait at the same time become one entry: each entry costs something of its own."""

from collections import Counter
from collections.abc import Sequence

from otel_clinical.drift.explode import Batch
from otel_clinical.drift.runtime._entry import Entry
from otel_clinical.drift.runtime._pipeline import Work

_RECORDS = 4096
"""Of an entry made of several: what one entry brings is applied in one go, and set aside as a whole if it cannot be."""


def together(works: Sequence[Work]) -> list[Work]:
    """Return `works` as the journal takes them, in their order: neighbours of one service joined, batches encoded.

    What is journaled is what is applied: after a crash the journal brings the same batches again.
    """
    groups: list[list[Work]] = []
    records = 0
    for work in works:
        records += work.records
        if groups and groups[-1][0].entry.signal == work.entry.signal and records <= _RECORDS:
            groups[-1].append(work)
        else:
            groups.append([work])
            records = work.records
    return [_one(group) for group in groups]


def _one(group: Sequence[Work]) -> Work:
    batches = [work.batch for work in group if work.batch is not None]
    batch = Batch.concat(batches) if len(batches) > 1 else next(iter(batches), None)
    rejections: Counter[str] = Counter()
    for work in group:
        rejections.update(work.entry.rejections)
    entry = Entry(
        signal=group[0].entry.signal,
        received=max(work.entry.received for work in group),
        batch=b"" if batch is None else batch.to_bytes(),
        rejections=dict(rejections),
        quarantined=tuple(one for work in group for one in work.entry.quarantined),
    )
    return Work(entry, batch)
