"""Say the past through our own instrumentation and a real SDK, and hand over the bytes that would have been sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_clinical.instrument import (
    QualityResult,
    Receipt,
    Telemetry,
    declare_segments,
    record_inference,
    record_outcome,
    record_review,
)
from otel_clinical.semconv.enums import InputQualityAction, OutcomeResult

if TYPE_CHECKING:
    from otel_clinical.backtest._encounters import Encounter
    from otel_clinical.policy import ModelPolicy
    from otel_clinical.semconv.enums import OutcomeSource


@dataclass(frozen=True)
class Sent:
    """Serialised OTLP requests; None where nothing of the kind happened."""

    traces: bytes | None
    logs: bytes | None


class Wire:
    """Record encounters as the decorators would, at their own times.

    `activations` numbers the versions in order of their first appearance.
    """

    def __init__(self, name: str, model: ModelPolicy, source: OutcomeSource) -> None:
        self.name = name
        self.model = model
        self.source = source
        self.activations: dict[str, int] = {}
        self.spans = InMemorySpanExporter()
        self.events = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        tracers, loggers = TracerProvider(), LoggerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        loggers.add_log_record_processor(SimpleLogRecordProcessor(self.events))
        self.providers = (tracers, loggers)
        self.telemetry = Telemetry(
            tracer_provider=tracers,
            meter_provider=NoOpMeterProvider(),
            logger_provider=loggers,
            synchronous=True,
        )
        segments = {segment.value: values for segment, values in model.segments.items()}
        declare_segments(segments, telemetry=self.telemetry)
        self.telemetry.features.declare(name, model.feature_set)

    def inference(self, encounter: Encounter) -> Receipt:
        """Record the inference of an encounter."""
        activation = self.activations.setdefault(encounter.version, len(self.activations) + 1)
        return record_inference(
            model=self.name,
            version=encounter.version,
            use_case=self.model.use_case,
            segments=encounter.segments,
            confidence=encounter.confidence,
            quality=self._quality(encounter),
            features=encounter.features or None,
            started_at=encounter.time,
            duration=0.0,
            activation=activation,
            telemetry=self.telemetry,
        )

    def outcome(self, encounter: Encounter, receipt: Receipt) -> None:
        """Record how right the answer of an encounter was, or what a reviewer did with it."""
        # Equal times are decided by the event id, which must not change from one replay to the next.
        if encounter.review is not None:
            record_review(
                receipt, action=encounter.review, at=encounter.known, event_id=encounter.key, telemetry=self.telemetry
            )
            return
        score = encounter.score
        result = {1.0: OutcomeResult.CORRECT, 0.0: OutcomeResult.INCORRECT}.get(
            -1.0 if score is None else score, OutcomeResult.PARTIAL
        )
        record_outcome(
            receipt,
            result=result,
            source=self.source,
            score=score,
            outcome_class=encounter.cell,
            at=encounter.known,
            event_id=encounter.key,
            telemetry=self.telemetry,
        )

    def take(self) -> Sent:
        """Return what was recorded since the last call, as OTLP bytes."""
        spans, events = self.spans.get_finished_spans(), self.events.get_finished_logs()
        sent = Sent(
            encode_spans(spans).SerializeToString() if spans else None,
            encode_logs(events).SerializeToString() if events else None,
        )
        self.spans.clear()
        self.events.clear()
        return sent

    def close(self) -> None:
        """Stop the SDK."""
        self.telemetry.shutdown()
        for provider in self.providers:
            provider.shutdown()

    def _quality(self, encounter: Encounter) -> QualityResult | None:
        if encounter.quality is None:
            return None
        low = encounter.quality < self.model.input_quality.minimum
        return QualityResult(encounter.quality, InputQualityAction.FLAG if low else InputQualityAction.PASS)
