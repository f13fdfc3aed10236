"""Take OTLP requests apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_clinical.drift.kernel._exploded import Exploded
    from otel_clinical.drift.kernel._index import PolicyIndex


def explode_traces(body: bytes, received: float, scope: PolicyIndex) -> Exploded:
    """Return the inferences in a serialised `ExportTraceServiceRequest`.

    Args:
        body: Protobuf bytes, already decompressed.
        received: Unix seconds at which it arrived; times more than 5 minutes later are refused.
        scope: The declared words.
    """
    raise NotImplementedError


def explode_logs(body: bytes, received: float, scope: PolicyIndex) -> Exploded:
    """Return the outcomes, reviews and deployment changes in a serialised `ExportLogsServiceRequest`.

    Args:
        body: Protobuf bytes, already decompressed.
        received: Unix seconds at which it arrived; times more than 5 minutes later are refused.
        scope: The declared words.
    """
    raise NotImplementedError
