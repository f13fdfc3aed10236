"""The model that the tests of the instrumentation decorate, and what they ask of its telemetry."""

from __future__ import annotations

from opentelemetry import trace

from otel_clinical.instrument import current_inference, inference
from otel_clinical.semconv import attributes

AT = 1_700_000_000.0
"""When inferences of the past happened, in Unix seconds."""


def decorate(capture, **options):
    return inference(model="coding", version="7", telemetry=capture.telemetry, **options)


def status(span):
    return span.attributes[attributes.INFERENCE_STATUS]


def inside():
    """Tell whether the code runs inside an inference."""
    return current_inference().model == "coding" and trace.get_current_span().is_recording()


class Hostile:
    """Fails on everything that instrumentation must never do to a user's object."""

    def _never(self, *_):
        raise AssertionError("instrumentation evaluated a user's object")

    __str__ = __repr__ = __bool__ = __eq__ = __hash__ = __len__ = __iter__ = __contains__ = __format__ = _never
    __getitem__ = __lt__ = __gt__ = _never
