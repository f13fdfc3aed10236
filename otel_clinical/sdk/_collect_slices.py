"""Collect metrics instrument by instrument, with pauses in which an inference gets the interpreter."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from otel_clinical.instrument._slices import SLICE_SECONDS, pause

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader


class _Pausing(dict[Any, Any]):
    """What a reader prefers for each kind of instrument; the SDK looks it up before it collects an instrument.

    It has no other place at which somebody else's code runs between two instruments.
    """

    _until = 0.0

    def __getitem__(self, kind: Any) -> Any:
        if time.perf_counter() >= self._until:
            pause()
            self._until = time.perf_counter() + SLICE_SECONDS
        return super().__getitem__(kind)


def collect_in_slices(reader: MetricReader) -> None:
    """Let a reader pause while it collects; before it is given to a provider.

    A release of the SDK that keeps this elsewhere collects in one go, as ever.
    """
    found = getattr(reader, "_instrument_class_temporality", None)
    if type(found) is dict:
        reader._instrument_class_temporality = _Pausing(found)  # noqa: SLF001 -- there is no public way in
