"""Watch the parts that are about no single model: instrumentation, controller, audit, and the watchdog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_model import Group
from otel_clinical.generate._rules_promql import (
    Keys,
    any_of,
    happened,
    number,
    select,
)
from otel_clinical.generate._rules_text import Author, Message, label
from otel_clinical.policy import duration_text
from otel_clinical.semconv import attributes, metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.policy import Policy
    from otel_clinical.semconv import MetricDef

CONTROLLER_DOWN: Final = "ClinicalAIControllerDown"
WATCHDOG: Final = "ClinicalAIWatchdog"


def machine(policy: Policy, pace: Pace) -> Iterator[Group]:
    """Yield the groups of instrumentation, of the controller, and of the watchdog."""
    author = Author(policy)
    yield Group("clinical-ai-telemetry", tuple(_telemetry(author, pace)))
    yield Group("clinical-ai-controller", tuple(_of_controller(author, pace)))
    yield Group("clinical-ai-watchdog", (_watchdog(author),))


def _telemetry(author: Author, pace: Pace) -> Iterator[Alert]:
    component, reason = attributes.TELEMETRY_COMPONENT, attributes.TELEMETRY_REDACTION_REASON
    yield _rare(
        author,
        pace,
        "ClinicalAITelemetryDropped",
        metrics.TELEMETRY_DROPPED,
        keys=(component,),
        message=Message(
            "Instrumentation drops events: its queue is full",
            f"What: {{{{ $value | humanize }}}} events were dropped in the last {duration_text(pace.recent)} by "
            f"{label(component)}. Inferences were not delayed; every count is now too low.",
            "Is the Collector slow or away? Look at the exporter and at processor time of the service. The "
            "machine does nothing.",
        ),
    )
    yield _rare(
        author,
        pace,
        "ClinicalAITelemetryErrors",
        metrics.TELEMETRY_ERRORS,
        keys=(component, attributes.ERROR_TYPE),
        message=Message(
            f"Instrumentation fails in {label(component)}: {label(attributes.ERROR_TYPE)}",
            f"What: {{{{ $value | humanize }}}} errors {label(attributes.ERROR_TYPE)} in {label(component)} in the "
            f"last {duration_text(pace.recent)}. Inferences went on; what could not be made safe was not sent.",
            "receipt: the application hands back broken receipts. redactor: telemetry fails closed and is lost. "
            "extractor: a segment or confidence function raises. Fix it in the service.",
        ),
    )
    yield _rare(
        author,
        pace,
        "ClinicalAITelemetryRedacted",
        metrics.TELEMETRY_REDACTIONS,
        keys=(reason,),
        message=Message(
            f"Values were withheld before export: {label(reason)}",
            f"What: {{{{ $value | humanize }}}} values were withheld in the last {duration_text(pace.recent)}, reason "
            f"{label(reason)}. None left the process. Somebody tries to export what is not declared.",
            "pattern: a value looked like patient data; find the code today and tell privacy. Other reasons: "
            "declare the attribute or remove it.",
        ),
    )


def _rare(author: Author, pace: Pace, name: str, metric: MetricDef, *, keys: Keys, message: Message) -> Alert:
    expr = happened(metric, keys, pace.recent)
    return author.alert(name, expr, message, severity="warning", category="telemetry")


def _of_controller(author: Author, pace: Pace) -> Iterator[Alert]:
    yield author.alert(
        CONTROLLER_DOWN,
        f"absent({metrics.ROLLBACK_MODE.prometheus})",
        Message(
            "The rollback controller is down",
            "What: Prometheus has no metrics of the rollback controller. Tier 3 alerts reach people, and no "
            "machine acts on them.",
            "Restart the controller with its old state directory; it goes on where it was. Until then you are the "
            "rollback: touch the FORCE_MANUAL file beside the release pointer to stop a model.",
        ),
        severity="critical",
        category="rollback",
        pending=pace.settle,
    )
    yield _heartbeat(author, pace)
    yield _confirmation(author, pace)
    yield _store(author, pace)
    yield _audit(author, pace)
    yield author.alert(
        "ClinicalAIWebhookRefused",
        happened(
            metrics.ROLLBACK_WEBHOOKS,
            (attributes.HTTP_RESPONSE_STATUS_CODE,),
            pace.recent,
            {attributes.HTTP_RESPONSE_STATUS_CODE: any_of("4..", "5..")},
        ),
        Message(
            f"The controller refuses webhooks with {label(attributes.HTTP_RESPONSE_STATUS_CODE)}",
            f"What: {{{{ $value | humanize }}}} requests of the last {duration_text(pace.recent)} were answered "
            f"{label(attributes.HTTP_RESPONSE_STATUS_CODE)}. 401: wrong token. 400: not an Alertmanager. 503: the "
            "controller cannot write its state.",
            "401 or 403 from a known Alertmanager: compare the token files. From anywhere else: call security. "
            "503: look at the controller's disk.",
        ),
        severity="warning",
        category="rollback",
    )


def _heartbeat(author: Author, pace: Pace) -> Alert:
    beat, mode = metrics.ROLLBACK_HEARTBEAT_TIME.prometheus, metrics.ROLLBACK_MODE.prometheus
    never = f"max({mode}) unless on () {beat}"
    return author.alert(
        "ClinicalAIHeartbeatStale",
        f"time() - max({beat}) > {number(pace.recent)}\nor\n{never}",
        Message(
            "The controller hears no heartbeat from Alertmanager",
            "What: the watchdog travels from Prometheus through Alertmanager to the controller, and does not arrive "
            f"any more (nothing for {duration_text(pace.recent)}). Tier 3 alerts take the same road.",
            "Check Alertmanager, its route to the controller, and the token file. Until it is back you are the "
            "rollback.",
        ),
        severity="critical",
        category="rollback",
        pending=pace.settle,
    )


def _confirmation(author: Author, pace: Pace) -> Alert:
    read, mode = metrics.ROLLBACK_CONFIRMATION_TIME.prometheus, metrics.ROLLBACK_MODE.prometheus
    never = f"max({mode}) unless on () {read}"
    return author.alert(
        "ClinicalAIControllerCannotConfirm",
        f"time() - max({read}) > {number(pace.recent)}\nor\n{never}",
        Message(
            "The controller cannot read Prometheus",
            "What: the controller runs and hears alerts, and Prometheus answers none of its queries (nothing for "
            f"{duration_text(pace.recent)}, or never). Nothing can be confirmed, so nothing is done.",
            "Compare --prometheus of the controller with the address of this Prometheus; /readyz and the log of the "
            "controller say what fails. Until it is back you are the rollback.",
        ),
        severity="critical",
        category="rollback",
        pending=pace.settle,
    )


def _store(author: Author, pace: Pace) -> Alert:
    return author.alert(
        "ClinicalAIControllerCannotStore",
        f"min({metrics.ROLLBACK_STORE_STATUS.prometheus}) == 0",
        Message(
            "The controller cannot write its state",
            "What: the disk of the controller's state directory is full, or it became read-only. Webhooks are answered "
            "503 and come again; nothing is decided or changed, because nothing is done that is not on disk first.",
            "Look at the disk of --state and make room, or make it writable again: the controller goes on by itself. "
            "/readyz and its log say what fails. Until then you are the rollback.",
        ),
        severity="critical",
        category="rollback",
        pending=pace.settle,
    )


def _audit(author: Author, pace: Pace) -> Alert:
    sequence = metrics.ROLLBACK_AUDIT_SEQUENCE
    window = pace.window(author.policy.drift.window)
    before = f"max_over_time({select(sequence, window=window)})"
    return author.alert(
        "ClinicalAIAuditBroken",
        f"max({before}) > max({sequence.prometheus})",
        Message(
            "The audit of the controller lost events",
            "What: the audit once held event {{ $value }}, and now ends before it. A restored backup, another state "
            f"directory, or a deletion, within the last {duration_text(window)}.",
            "Stop the controller, keep its state directory as it is, run otel-clinical audit verify, and call the "
            "owner of the audit.",
        ),
        severity="critical",
        category="rollback",
    )


def _watchdog(author: Author) -> Alert:
    return author.alert(
        WATCHDOG,
        "vector(1)",
        Message(
            "The alerting chain works",
            "What: this alert always fires. It travels to the controller as a heartbeat; its absence is the news.",
            "Nothing. If it is missing, see ClinicalAIHeartbeatStale.",
        ),
        severity="info",
        category="telemetry",
    )
