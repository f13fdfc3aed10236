"""What the instrumentation records passes the redaction whole: every name and value is one of the registry."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

import otel_clinical as oc
from otel_clinical.sdk import Exporters, configure
from otel_clinical.semconv import attributes, events, metrics, prometheus_label, spans

POLICY = Path(__file__).parents[2] / "examples" / "policy.yaml"
CANARY = "canary-7f3a"


@pytest.fixture
def handle():
    exporters = Exporters(spans=InMemorySpanExporter(), events=InMemoryLogRecordExporter())
    with configure(
        "coding-service", policy=POLICY, metrics="prometheus:0", exporters=exporters, set_global=False
    ) as found:
        found.memory = exporters
        yield found


def live(telemetry):
    """Record one of everything that a service can record."""
    oc.declare_values(attributes.TASK_NAME, ["chart_coding"], telemetry=telemetry)
    oc.declare_values(attributes.BUSINESS_CATEGORY, ["denial"], telemetry=telemetry)

    @oc.inference(
        model="coding", version="7", use_case=oc.UseCase.REVENUE_CYCLE, operation=oc.OperationName.CLASSIFY,
        segments={"payer": "payer", "site": "site"}, confidence="probability",
        quality=oc.QualityProfile(required=("age",)), telemetry=telemetry,
    )  # fmt: skip
    def predict(encounter):
        if encounter["age"] < 0:
            raise ValueError(CANARY)
        receipts.append(oc.current_inference().receipt)
        return {"code": encounter["note"], "probability": 0.9}

    receipts = []
    sound = {"payer": "medicaid", "site": "h01", "age": 52, "note": CANARY, "mrn": CANARY}
    predict(sound)
    predict({**sound, "payer": CANARY})
    with pytest.raises(ValueError, match=CANARY):
        predict({**sound, "age": -1})
    receipt = receipts[0]
    oc.record_review(
        receipt, action=oc.ReviewAction.EDITED, edit_ratio=0.2, reason=oc.OverrideReason.INCORRECT,
        role=oc.ReviewerRole.CODER, telemetry=telemetry,
    )  # fmt: skip
    oc.record_outcome(
        receipt, result=oc.OutcomeResult.CORRECT, source=oc.OutcomeSource.CODING_AUDIT, telemetry=telemetry
    )
    oc.record_deployment_change("coding", from_version="7", to_version="8", telemetry=telemetry)
    case = oc.UseCase.REVENUE_CYCLE
    oc.record_revenue(100, use_case=case, telemetry=telemetry)
    oc.record_cost(5, use_case=case, category="denial", telemetry=telemetry)
    oc.record_encounter(use_case=case, telemetry=telemetry)
    oc.record_risk_event(use_case=case, category="denial", telemetry=telemetry)
    oc.record_task("chart_coding", 30, telemetry=telemetry)


def samples(handle):
    host, port = handle.metrics_address
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    assert CANARY not in text
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


@pytest.fixture
def lived(handle):
    live(handle.telemetry)
    assert handle.flush()
    return handle


def test_every_span_is_whole_and_registered(lived):
    found = lived.memory.spans.get_finished_spans()
    definition = spans.DEFINITIONS[spans.INFERENCE]
    assert [span.name for span in found] == ["classify coding"] * 3
    for span in found:
        assert set(span.attributes) <= set(definition.attributes)
        assert definition.required <= set(span.attributes)
        assert CANARY not in span.to_json()


def test_every_event_is_whole_and_registered(lived):
    found = [record.log_record for record in lived.memory.events.get_finished_logs()]
    assert {record.event_name for record in found} == {events.REVIEW, events.OUTCOME, events.DEPLOYMENT_CHANGE}
    for record in found:
        definition = events.DEFINITIONS[record.event_name]
        assert set(record.attributes) <= set(definition.attributes)
        assert definition.required <= set(record.attributes)
        assert CANARY not in str(dict(record.attributes))


def test_every_series_has_the_labels_of_its_definition(lived):
    known = {}
    for metric in metrics.ALL:
        labels = {prometheus_label(key) for key in metric.attributes}
        for suffix in ("", "_bucket", "_sum", "_count"):
            known[metric.prometheus + suffix] = labels | {"le"}
    for sample in samples(lived):
        if sample.name != "target_info":
            assert set(sample.labels) <= known[sample.name], sample.name


def test_nothing_that_the_instrumentation_recorded_is_withheld_by_the_redaction(lived):
    """The one undeclared payer is withheld at the source; the redaction finds nothing more to withhold."""
    lived.tracer_provider.force_flush()
    lived.logger_provider.force_flush()
    samples(lived)
    before = withheld(lived)
    samples(lived)
    lived.flush()
    assert withheld(lived) == before == {"not_declared": 1.0}


def withheld(handle):
    handle.flush()
    found = [s for s in samples(handle) if s.name == metrics.TELEMETRY_REDACTIONS.prometheus]
    return {s.labels[prometheus_label(attributes.TELEMETRY_REDACTION_REASON)]: s.value for s in found}
