"""An outcome that another process reports weeks later leads back to the trace of its inference, on the wire."""

from __future__ import annotations

import time

from otel_clinical.semconv import events, metrics

SERVE = """
import sys, time
from otel_clinical import record_inference
from otel_clinical.sdk import configure
key = {"k1": bytes.fromhex("11" * 32)}
with configure("coding-service", endpoint=sys.argv[1], receipt_keys=key):
    receipt = record_inference(model="coding", version="7", confidence=0.9, started_at=time.time() - 21 * 86400)
    print(receipt.dumps())
"""

REPORT = """
import sys
from otel_clinical import record_outcome
from otel_clinical.sdk import configure
key = {"k2": bytes.fromhex("22" * 32), "k1": bytes.fromhex("11" * 32)}
with configure("audit-service", endpoint=sys.argv[1], receipt_keys=key):
    assert record_outcome(sys.argv[2], result="correct", source="coding_audit")
"""


def test_event_and_exemplars_of_a_late_outcome_point_at_the_original_trace(run, receiver):
    stored = run(SERVE, receiver.url).stdout.strip()
    ((serving, span, _),) = receiver.spans()
    receiver.requests.clear()
    run(REPORT, receiver.url, stored)
    ((reporting, record, _),) = [found for found in receiver.events() if found[1].event_name == events.OUTCOME]
    assert reporting != serving
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
    assert record.time_unix_nano - span.start_time_unix_nano > 20 * 86400 * 10**9
    assert record.time_unix_nano <= time.time_ns()
    for metric in (metrics.OUTCOMES, metrics.OUTCOME_DELAY):
        found = [exemplar for _, point, _ in receiver.points(metric.name) for exemplar in point.exemplars]
        assert {(exemplar.trace_id, exemplar.span_id) for exemplar in found} == {(span.trace_id, span.span_id)}
    assert receiver.spans() == []
