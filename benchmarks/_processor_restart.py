"""A state directory as a large fleet leaves it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks._processor_site import MODEL, read_site
from otel_clinical.drift.explode import ABSENT, RECORD, SEGMENTS, Batch, Kind
from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.runtime.store import Checkpoint, Store

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.policy import Policy

_ROWS: Final = 4000
_MICROS: Final = 1_000_000
_SLOT: Final = 30 * _MICROS


def fill(policy_path: Path, state: Path, keys: int) -> int:
    """Write at least `keys` states into a new state directory; return how many."""
    policy, baseline = read_site(policy_path)
    kernel = Kernel(policy, {MODEL: baseline})
    states: dict[str, bytes] = {}
    activation, at = 0, round(time.time() - 40 * 86_400) * _MICROS // _SLOT * _SLOT
    while sum(map(bool, states.values())) < keys:
        activation, at = activation + 1, at + 3600 * _MICROS
        for version in policy.models[MODEL].versions:
            kernel.apply(_batch(policy, version, activation, at))
        kernel.advance((at + _SLOT) / _MICROS)
        states |= kernel.dump_dirty()
    store = Store(state)
    try:
        store.checkpoint(Checkpoint(0, states))
    finally:
        store.close()
    return sum(map(bool, states.values()))


def _batch(policy: Policy, version: str, activation: int, at: int) -> Batch:
    """Return inferences and mature outcomes that reach every segment value."""
    model = policy.models[MODEL]
    words = [*dict.fromkeys(["", MODEL, version, *(value for values in model.segments.values() for value in values)])]
    rows = np.zeros(2 * _ROWS, RECORD)
    number = np.arange(2 * _ROWS)
    draw = np.random.default_rng(activation)
    rows["kind"] = np.where(number < _ROWS, Kind.INFERENCE, Kind.OUTCOME)
    rows["mark"] = number < _ROWS
    rows["model"], rows["version"], rows["activation"] = 1, words.index(version), activation
    for segment, values in model.segments.items():
        first = words.index(values[0])
        rows["segments"][:, SEGMENTS.index(segment)] = first + number % len(values)
    rows["score"] = np.where(number < _ROWS, ABSENT, draw.integers(0, 10, 2 * _ROWS).astype(bool) * _MICROS)
    rows["confidence"], rows["quality"] = 850_000, 950_000
    rows["time"] = at + number % 1000
    rows["inferred"] = np.where(number < _ROWS, rows["time"], at - 31 * 86_400 * _MICROS)
    rows["event"], rows["inference"] = draw.integers(1, 2**63, (2, 2 * _ROWS))
    return Batch(rows, tuple(words))
