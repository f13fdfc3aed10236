"""Segments: the closed set of dimensions along which quality may differ."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv._generated import attributes
from otel_clinical.semconv._generated.enums import SegmentName

if TYPE_CHECKING:
    from collections.abc import Mapping

AGGREGATE: Final = "all"
"""Segment name and segment value of the aggregate over all segments."""

OTHER: Final = "_OTHER"
"""Stands for every value that is not declared."""

SEGMENT_ATTRIBUTES: Final[Mapping[SegmentName, str]] = MappingProxyType(
    {name: getattr(attributes, f"SEGMENT_{name.name}") for name in SegmentName}
)
"""Key of the span and event attribute of each segment."""


def segment_attribute(name: str) -> str:
    """Return the span and event attribute of a segment.

    Raises:
        ValueError: ``name`` is not one of ``SegmentName``.

    >>> segment_attribute("payer")
    'clinical_ai.segment.payer'
    """
    try:
        return SEGMENT_ATTRIBUTES[SegmentName(name)]
    except ValueError:
        allowed = ", ".join(SegmentName)
        raise ValueError(f"unknown segment {name!r}: use one of {allowed}") from None
