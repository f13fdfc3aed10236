"""Measure from telemetry how long a bad version served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.semconv import attributes, metrics, prometheus_label

if TYPE_CHECKING:
    from otel_clinical.simulate._observer import Observer
    from otel_clinical.simulate._story import Story

_VERSION: Final = prometheus_label(attributes.MODEL_VERSION)


def seconds_to_previous_version(story: Story, observer: Observer) -> float | None:
    """Return the seconds from the first inference of a released version to the first after it was taken back.

    The beginning is the activation in the release pointer, which no inference of the version can precede. The end
    is the first scrape that shows the previous version counting again in every service. Both make the time longer
    than it was, by up to one scrape each.

    Returns:
        None when the version was not released, or not taken back.
    """
    bad = next((v.pointer for v in story.views if v.pointer.activation > story.first.pointer.activation), None)
    if bad is None or story.last.pointer.version == bad.version:
        return None
    back = next(v.pointer for v in story.views if v.pointer.activation > bad.activation)
    counter = f'sum by (instance) ({metrics.INFERENCES.prometheus}{{{_VERSION}="{back.version}"}})'
    rows = observer.query_range(counter, back.activated_at - 2.0, story.last.at)
    ends = [_first_growth(points, back.activated_at) for _, points in rows]
    if not ends or None in ends:
        return None
    return round(max(end for end in ends if end is not None) - bad.activated_at, 1)


def _first_growth(points: list[tuple[float, float]], since: float) -> float | None:
    """Return when a counter was first seen to have grown after ``since``."""
    before = max((value for at, value in points if at <= since), default=0.0)
    return next((at for at, value in points if at > since and value > before), None)
