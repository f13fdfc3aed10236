"""Where a call holds the input features that the policy declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.quality import MISSING, read_field
from otel_clinical.semconv.enums import TelemetryComponent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_clinical.features import FeatureSet

    from ._arguments import Arguments
    from ._telemetry import Telemetry

FeatureReaders = dict[str, "Callable[[Arguments], object]"]
"""Reader of each feature that is not simply the parameter or field of its own name."""


def read_feature(values: Mapping[str, object], name: str) -> object:
    """Return a value by name; None for one that is not there."""
    found = values.get(name)
    return None if found is MISSING else found


def features_of_call(known: FeatureSet, readers: FeatureReaders, arguments: Arguments, telemetry: Telemetry) -> str:
    """Return the places of a call's features: each from its reader, or from the parameter or field of its name.

    What cannot be read is unreadable, and counted.
    """

    def read(name: str) -> object:
        try:
            found = readers[name](arguments) if name in readers else _find(arguments, name)
        except Exception as error:
            telemetry.failed(TelemetryComponent.EXTRACTOR, error)
            raise
        return None if found is MISSING else found

    return known.write(read)


def _find(arguments: Arguments, name: str) -> object:
    found = arguments.named(name)
    if found is not MISSING:
        return found
    record = arguments.record
    return record.get(name) if type(record) is dict else read_field(record, name)
