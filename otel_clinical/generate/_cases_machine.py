"""Situations of controller, instrumentation, and the programs around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._cases_model import (
    LOOKS,
    Labels,
    Scenario,
    Series,
    born,
    foreign,
    gone,
    growing,
    late,
    level,
)
from otel_clinical.generate._rules_machine import CONTROLLER_DOWN, WATCHDOG
from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import (
    RollbackMode,
    TelemetryComponent,
    TelemetryRedactionReason,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def controller_cases(model: str, interval: float) -> Iterator[Scenario]:
    """Yield the scenarios of the controller and of the watchdog; `model` is any model of the policy."""
    mode = {attributes.MODEL_NAME: model, attributes.ROLLBACK_MODE: RollbackMode.ENFORCE.value}
    running = level(metrics.ROLLBACK_MODE, mode, 1)
    beat, sequence = metrics.ROLLBACK_HEARTBEAT_TIME, metrics.ROLLBACK_AUDIT_SEQUENCE
    yield Scenario(
        CONTROLLER_DOWN,
        fires={"its target fails": (gone(metrics.ROLLBACK_MODE, mode, 1),)},
        quiet={"it runs": (running,)},
        without_data=({},),
    )
    yield Scenario(
        "ClinicalAIHeartbeatStale",
        fires={
            "the heartbeat stopped": (running, level(beat, {}, 0)),
            "there never was one": (running,),
        },
        quiet={"it beats": (running, growing(beat, {}, interval))},
    )
    read = metrics.ROLLBACK_CONFIRMATION_TIME
    yield Scenario(
        "ClinicalAIControllerCannotConfirm",
        fires={
            "Prometheus answers no longer": (running, level(read, {}, 0)),
            "Prometheus never answered": (running,),
        },
        quiet={"Prometheus answers": (running, growing(read, {}, interval))},
    )
    store = metrics.ROLLBACK_STORE_STATUS
    yield Scenario(
        "ClinicalAIControllerCannotStore",
        fires={"nothing can be written": (running, level(store, {}, 0))},
        quiet={"every write succeeds": (running, level(store, {}, 1))},
    )
    yield Scenario(
        "ClinicalAIAuditBroken",
        fires={"the newest number went back": (Series(sequence.prometheus, f"90x{LOOKS - 10} 40x9"),)},
        quiet={"the audit grows": (growing(sequence, {}, 1),)},
    )
    refused = {attributes.HTTP_RESPONSE_STATUS_CODE: "401"}
    accepted = {attributes.HTTP_RESPONSE_STATUS_CODE: "202"}
    yield Scenario(
        "ClinicalAIWebhookRefused",
        fires={
            "a request is refused": (late(metrics.ROLLBACK_WEBHOOKS, refused),),
            "the first request is refused": (born(metrics.ROLLBACK_WEBHOOKS, refused),),
        },
        quiet={"requests are accepted": (growing(metrics.ROLLBACK_WEBHOOKS, accepted, 1),)},
        about=(refused,),
    )
    yield Scenario(WATCHDOG, fires={"always": ()}, quiet={}, without_data=({},))


def telemetry_cases() -> Iterator[Scenario]:
    """Yield the scenarios of what instrumentation says of itself."""
    component = {attributes.TELEMETRY_COMPONENT: TelemetryComponent.QUEUE.value}
    failed = {attributes.TELEMETRY_COMPONENT: TelemetryComponent.RECEIPT.value, attributes.ERROR_TYPE: "Expired"}
    reason = {attributes.TELEMETRY_REDACTION_REASON: TelemetryRedactionReason.PATTERN.value}
    for alert, metric, labels in (
        ("ClinicalAITelemetryDropped", metrics.TELEMETRY_DROPPED, component),
        ("ClinicalAITelemetryErrors", metrics.TELEMETRY_ERRORS, failed),
        ("ClinicalAITelemetryRedacted", metrics.TELEMETRY_REDACTIONS, reason),
    ):
        yield Scenario(
            alert,
            fires={"it happens": (late(metric, labels),), "it happens first": (born(metric, labels),)},
            quiet={"it is long past": (level(metric, labels, 9),), "it never happened": (level(metric, labels, 0),)},
            about=(labels,),
        )


def plumbing_cases() -> Iterator[Scenario]:
    """Yield the scenarios of Collector, Prometheus and Alertmanager, under both names of a counter."""
    exporter, receiver = {"exporter": "otlp_http/processor"}, {"receiver": "otlp"}
    for alert, stem, labels in (
        ("ClinicalAICollectorSendFailing", "otelcol_exporter_send_failed", exporter),
        ("ClinicalAICollectorDropping", "otelcol_exporter_enqueue_failed", exporter),
        ("ClinicalAICollectorRefusing", "otelcol_receiver_refused", receiver),
    ):
        yield _counted_by_collector(alert, stem, labels)
    size, capacity = "otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity"
    room = foreign(capacity, exporter, f"1000x{LOOKS}")
    yield Scenario(
        "ClinicalAICollectorQueueFilling",
        fires={"it is nearly full": (foreign(size, exporter, f"900x{LOOKS}"), room)},
        quiet={"it is nearly empty": (foreign(size, exporter, f"10x{LOOKS}"), room)},
        about=(exporter,),
    )
    webhook, mail = {"integration": "webhook"}, {"integration": "email"}
    failed = "alertmanager_notifications_failed_total"
    yield Scenario(
        "ClinicalAIWebhookFailing",
        fires={"webhooks fail": (foreign(failed, webhook, f"0+1x{LOOKS}"),)},
        quiet={
            "webhooks work": (foreign(failed, webhook, f"3x{LOOKS}"),),
            "mail fails": (foreign(failed, mail, f"0+1x{LOOKS}"),),
        },
        about=(webhook,),
    )
    ours = {"rule_group": "/etc/prometheus/clinical-ai-tiers.yaml;clinical-ai-constants"}
    theirs = {"rule_group": "/etc/prometheus/node.yaml;node"}
    evaluations = "prometheus_rule_evaluation_failures_total"
    yield Scenario(
        "ClinicalAIRulesFailing",
        fires={"one of our groups fails": (foreign(evaluations, ours, f"0+1x{LOOKS}"),)},
        quiet={
            "our groups work": (foreign(evaluations, ours, f"0x{LOOKS}"),),
            "another group fails": (foreign(evaluations, theirs, f"0+1x{LOOKS}"),),
        },
        about=(ours,),
    )


def _counted_by_collector(alert: str, stem: str, labels: Labels) -> Scenario:
    def counts(suffix: str, values: str) -> tuple[Series, ...]:
        return (foreign(f"{stem}_spans{suffix}", labels, values),)

    return Scenario(
        alert,
        fires={
            "a counter without suffix grows": counts("", f"0+1x{LOOKS}"),
            "a counter with suffix grows": counts("_total", f"0+1x{LOOKS}"),
        },
        quiet={"the counter stands still": counts("", f"5x{LOOKS}")},
        about=({**labels, "signal": "spans"},),
    )
