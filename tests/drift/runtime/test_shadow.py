"""A router, its shadow and their outcomes over OTLP to a processor process, and what the controller makes of it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_clinical.drift.runtime._cells import stepped
from otel_clinical.instrument import (
    ModelRouter,
    Telemetry,
    _receipt_keys,
    current_inference,
    declare_segments,
    inference,
    record_inference,
    record_outcome,
)
from otel_clinical.policy import load_policy
from otel_clinical.release import ReleasePointer, Segment, create_pointer, swap_pointer
from otel_clinical.rollback import read_terms
from otel_clinical.rollback._evidence_guards import case_mix, counterfactual
from otel_clinical.rollback.confirm import MODEL, STATE, VERSION, look
from otel_clinical.rollback.prometheus import Prometheus
from otel_clinical.rollback.state import Incident, Key
from otel_clinical.semconv import metrics
from otel_clinical.simulate._waiting import wait_until
from tests.drift.runtime._harness import running
from tests.drift.runtime.conftest import write_policy
from tests.rollback._prometheus import FakePrometheus
from tests.rollback._situations import ALL, Play, alert, confirmed, terms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from otel_clinical.instrument import Receipt
    from otel_clinical.rollback.state import Sample
    from tests.drift.runtime._harness import Processor

CASES = 180
WITHIN = 60.0
CAUSE = metrics.ATTRIBUTION_STATUS.prometheus
PLACES = {"department": "medicine", "payer": "medicaid", "source_system": "ehr-a", "site": "h01"}


@contextmanager
def reporting(processor: Processor) -> Iterator[Telemetry]:
    """Report to a processor as a service does, through the SDK and its exporters."""
    tracers, loggers = TracerProvider(shutdown_on_exit=False), LoggerProvider(shutdown_on_exit=False)
    base = f"http://{processor.where['http']}"
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces")))
    loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{base}/v1/logs")))
    none = NoOpMeterProvider()
    telemetry = Telemetry(tracer_provider=tracers, meter_provider=none, logger_provider=loggers, synchronous=True)
    declare_segments({name: [value] for name, value in PLACES.items()}, telemetry=telemetry)
    yield telemetry
    tracers.shutdown()
    loggers.shutdown()


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_receipt_keys.ENVIRONMENT, "k1:" + "ab" * 32)
    monkeypatch.setattr(_receipt_keys, "_current", None)  # an earlier test of this process may have read them


@pytest.fixture
def pointer(tmp_path: Path) -> Path:
    """Version 8 serves since a moment ago, and version 7 before it."""
    target = tmp_path / "coding.json"
    create_pointer(target, ReleasePointer(model="coding", version="7", activation=1, epoch=1))
    swap_pointer(target, 1, lambda p: p.activate("8", at=time.time(), by="test"))
    return target


def answered(pointer: Path, processor: Processor) -> list[tuple[Receipt, Receipt]]:
    """Let the service answer every case; return the receipts of what was served and of what the shadow said."""
    kept: list[tuple[object, Receipt, str]] = []
    served: list[Receipt] = []
    with reporting(processor) as telemetry:
        router = ModelRouter(
            "coding",
            pointer=pointer,
            telemetry=telemetry,
            versions={"7": lambda _: {"code": "seven"}, "8": lambda _: {"code": "eight"}},
            shadow=True,
            keep_shadow=lambda *found: kept.append(found),
        )

        @inference(model="coding", router=router, segments={name: name for name in PLACES}, telemetry=telemetry)
        def predict(record: dict[str, str]) -> dict[str, str]:
            served.append(current_inference().receipt)
            return router(record)

        for number in range(CASES):
            assert predict(dict(PLACES))["code"] == "eight"
            wait_until(lambda upto=number: len(kept) > upto, within=WITHIN, what="the shadow", every=0.001)
    pairs = [(one, shadow) for one, (_, shadow, _) in zip(served, kept, strict=True)]
    assert {(one.version, shadow.version) for one, shadow in pairs} == {("8", "7")}
    return pairs


def tell(telemetry: Telemetry, receipts: list[Receipt], right: float, *, paired: bool) -> None:
    for number, receipt in enumerate(receipts):
        result = "correct" if number % 20 < right * 20 else "incorrect"
        encounter = f"visit {number}" if paired else None
        assert record_outcome(receipt, result=result, encounter=encounter, telemetry=telemetry)


def causes(processor: Processor) -> dict[str, float]:
    """Return by cause whether the drop of version 8 as a whole is put down to it."""
    found = {}
    for (name, labels), value in processor.metrics().items():
        named = dict(labels)
        if name == CAUSE and (named[VERSION], named["clinical_ai_segment_name"]) == ("8", "all"):
            found[named["clinical_ai_attribution_cause"]] = value
    return found


def verdict(processor: Processor, telemetry: Telemetry) -> str:
    """Let event time go on until the shadow's outcomes are counted; return the cause of the drop."""

    def counted() -> bool:
        record_inference(model="coding", version="8", activation=2, telemetry=telemetry)
        found = processor.metrics()
        labels = (dict(labels) for name, labels in found if name == metrics.EVIDENCE_LABELS.prometheus)
        wholes = [one for one in labels if (one[VERSION], one["clinical_ai_segment_name"]) == ("7", "all")]
        key = metrics.EVIDENCE_LABELS.prometheus
        return any(found[key, tuple(sorted(one.items()))] == stepped(CASES) for one in wholes)

    wait_until(counted, within=WITHIN, what="the shadow's outcomes", every=0.3)
    (cause,) = [cause for cause, value in causes(processor).items() if value == 1.0]
    return cause


def seen_by_controller(processor: Processor, policy: Path, segment: Segment = ALL) -> Sample:
    """Return what the controller reads of a segment from a Prometheus that has scraped the processor's page."""
    prometheus = FakePrometheus()
    client = Prometheus(prometheus.url)
    try:
        for (name, labels), value in processor.metrics().items():
            prometheus.put(name, value, **dict(labels))
        shadow = {MODEL: "coding", VERSION: "7", STATE: "shadow"}
        prometheus.put(metrics.DEPLOYMENT_STATUS.prometheus, 1, job="service", instance="a:1", **shadow)
        now = time.time()
        incident = Incident(Key("coding", alert().cause, segment, 2), "8", alert().name, now, now, now)
        return look(client, read_terms(load_policy(policy))["coding"], incident, now, "7")
    finally:
        client.close()
        prometheus.close()


def write_quick_policy(folder: Path) -> Path:
    path = write_policy(folder)
    path.write_text(path.read_text().replace("lateness: 5s", "lateness: 1s"))
    return path


@pytest.mark.parametrize(
    ("world", "expected", "served"),
    [
        ((0.95, True), "version", ("7", "standard")),
        ((0.2, True), "environment", ("8", "assisted")),
        ((0.2, False), "version", ("8", "manual")),
    ],
    ids=["the shadow is better", "the shadow is no better", "nobody says which cases are the same"],
)
def test_outcomes_of_shadow_and_service_are_paired_and_decide_what_is_done(
    tmp_path: Path,
    pointer: Path,
    world: tuple[float, bool],
    expected: str,
    served: tuple[str, str],
) -> None:
    right, paired = world
    policy = write_quick_policy(tmp_path)
    with running(tmp_path / "processor", policy) as processor:
        pairs = answered(pointer, processor)
        with reporting(processor) as telemetry:
            tell(telemetry, [served for served, _ in pairs], 0.2, paired=paired)
        processor.settle()
        processor.kill()  # scores that wait for those of the other version survive
        processor.start()
        with reporting(processor) as telemetry:
            tell(telemetry, [shadow for _, shadow in pairs], right, paired=paired)
            assert verdict(processor, telemetry) == expected
        seen = seen_by_controller(processor, policy)
        part = seen_by_controller(processor, policy, Segment("payer", "medicaid"))
    assert seen.cause == expected
    compared = {"previous_better", "previous_no_better"} & set(seen.reasons)
    assert compared == ({f"previous_{'better' if right > 0.5 else 'no_better'}"} if paired else set())
    assert (part.arm.pairs, part.arm.verdict) == (seen.arm.pairs, seen.arm.verdict)  # every case is of this payer
    assert (seen.arm.version, seen.current.version) == ("7", "8")
    guard = counterfactual(terms(), seen)
    assert (guard.result.value == "pass") is (right > 0.5)
    facts = {"cause": seen.cause, "arm": seen.arm, "current": seen.current, "strata": seen.strata}
    play = confirmed(Play(), **facts, evidence=seen.evidence, samples=seen.samples, drop=seen.drop)
    assert case_mix(play.terms, play.only, seen).result.value == "pass"
    play.make()
    assert (play.pointer.version, play.pointer.route) == served
