"""Watch the machine that acts: telemetry, router, controller, audit, Alertmanager, and what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_model import Group
from otel_clinical.generate._rules_promql import (
    MODEL,
    SEGMENT,
    STREAM,
    VERSION,
    Keys,
    active,
    any_of,
    happened,
    labels,
    matchers,
    number,
    over,
    select,
)
from otel_clinical.generate._rules_text import MODEL_NAME, MODEL_VERSION, WHERE, Author, Message, label
from otel_clinical.generate._rules_tiers import ROLLBACK_ALERT
from otel_clinical.policy import duration_text
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import DeploymentChangeType, RollbackMode, RollbackState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.generate._rules_promql import Conditions, Matcher
    from otel_clinical.generate._rules_text import Severity
    from otel_clinical.policy import ModelPolicy, Policy
    from otel_clinical.semconv import MetricDef

CONTROLLER_DOWN: Final = "ClinicalAIControllerDown"
WATCHDOG: Final = "ClinicalAIWatchdog"

_ANSWERED = any_of(
    *(
        state.value
        for state in RollbackState
        if state
        not in {
            RollbackState.DISARMED,
            RollbackState.HEALTHY,
            RollbackState.DECIDING,
            RollbackState.STALE,
            RollbackState.BLIND,
        }
    )
)
"""States in which the controller has taken up an alert; each has its own alert where it needs a person."""

_MOVING = any_of(RollbackState.ROLLING_BACK, RollbackState.CONVERGING, RollbackState.STUCK)
_RESTRICTED = any_of(RollbackState.SAFE_MODE, RollbackState.HOLD, RollbackState.MANUAL_ROUTE)
_STATE: Keys = (*SEGMENT, attributes.ROLLBACK_STATE)
_NOT_ENFORCING = any_of(RollbackMode.OBSERVE, RollbackMode.RECOMMEND)


def machine(policy: Policy, pace: Pace) -> Iterator[Group]:
    """Yield the groups of telemetry, of each model's release and rollback, and of the controller."""
    author = Author(policy)
    yield Group("clinical-ai-telemetry", tuple(_telemetry(author, pace)))
    for name, model in policy.models.items():
        yield Group(f"clinical-ai-release-{name}", tuple(_of_model(author, name, model, pace)))
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


def _of_model(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Iterator[Alert]:
    yield _router_degraded(author, name, pace)
    yield _two_versions(author, name, pace)
    yield _executed(author, name, model, pace)
    yield _not_executed(author, name, pace)
    yield _in_state(
        author,
        name,
        "ClinicalAIRollbackStuck",
        _MOVING,
        Message(
            f"{MODEL_NAME}: the rollback in {WHERE} does not finish",
            f"What: the controller has been in state {label(attributes.ROLLBACK_STATE)} for {MODEL_NAME} in {WHERE} "
            f"for more than {duration_text(pace.stuck)}. The bad version may still serve. It keeps trying.",
            "Can the controller write the release pointer, and does every instance read it? If not at once, put "
            "the model on manual with FORCE_MANUAL (see the runbook).",
        ),
        severity="critical",
        pending=pace.stuck,
    )
    yield _in_state(
        author,
        name,
        "ClinicalAIRollbackInconclusive",
        any_of(RollbackState.INCONCLUSIVE),
        Message(
            f"{MODEL_NAME}: the machine cannot decide on {WHERE}; you must",
            f"What: tier 3 is proved for {MODEL_NAME} in {WHERE}, but a guard failed or could not be evaluated. "
            "Nothing was changed; the version still serves.",
            "Read the failed guards: otel-clinical rollback report. Then roll back by hand, restrict the route, "
            "or record why not.",
        ),
        severity="critical",
    )
    yield _in_state(
        author,
        name,
        "ClinicalAIReachRestricted",
        _RESTRICTED,
        Message(
            f"{MODEL_NAME}: reach restricted in {WHERE} ({label(attributes.ROLLBACK_STATE)})",
            f"What: the controller holds {MODEL_NAME} in {WHERE} in state {label(attributes.ROLLBACK_STATE)}. In mode "
            "enforce its answers go to a more careful route, and stay there until people release it.",
            "Nothing tonight: this is the safe state. Find the cause, and release the reach with two people when "
            "it is gone.",
        ),
        severity="info",
    )


def _router_degraded(author: Author, name: str, pace: Pace) -> Alert:
    state = over("max", MODEL, select(metrics.ROUTER_DEGRADED, {attributes.MODEL_NAME: name}))
    return author.alert(
        "ClinicalAIRouterDegraded",
        f"{state} == 1",
        Message(
            f"{MODEL_NAME}: a router cannot read its release pointer",
            f"What: at least one instance that serves {MODEL_NAME} cannot read the release pointer. It keeps the last "
            "version it knew, so a rollback would not reach it.",
            "Check the file and the mount on that instance. If a rollback is due, restart it or take it out of "
            "service. The machine does nothing.",
        ),
        severity="critical",
        category="rollback",
        model=name,
        pending=pace.settle,
    )


def _two_versions(author: Author, name: str, pace: Pace) -> Alert:
    return author.alert(
        "ClinicalAITwoActiveVersions",
        f"{over('count', MODEL, active(name))} > 1",
        Message(
            f"{MODEL_NAME}: {{{{ $value }}}} versions are active at once",
            f"What: instances of {MODEL_NAME} disagree on the version that serves, for more than "
            f"{duration_text(pace.stuck)}. Some patients get the old one, some the new one.",
            "Compare the release pointer with each instance; restart the one that is behind. If a rollback is "
            "running, wait for ClinicalAIRollbackStuck.",
        ),
        severity="warning",
        category="rollback",
        model=name,
        pending=pace.stuck,
    )


def _executed(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    rolled_back = {
        attributes.MODEL_NAME: name,
        attributes.DEPLOYMENT_CHANGE_TYPE: DeploymentChangeType.ROLLBACK.value,
    }
    keys = (*MODEL, attributes.DEPLOYMENT_CHANGE_TRIGGER, attributes.DEPLOYMENT_CHANGE_REASON)
    return author.alert(
        "ClinicalAIRollbackExecuted",
        happened(metrics.DEPLOYMENT_CHANGES, keys, pace.recent, rolled_back),
        Message(
            f"{MODEL_NAME}: rolled back ({label(attributes.DEPLOYMENT_CHANGE_TRIGGER)}, "
            f"{label(attributes.DEPLOYMENT_CHANGE_REASON)})",
            f"What: {MODEL_NAME} was returned to its previous version within the last {duration_text(pace.recent)}, "
            f"trigger {label(attributes.DEPLOYMENT_CHANGE_TRIGGER)}, reason "
            f"{label(attributes.DEPLOYMENT_CHANGE_REASON)}.",
            "Check on the dashboard that the previous version serves. The controller verifies recovery within "
            f"{duration_text(model.rollback.verify.within)}; the bad version stays quarantined.",
        ),
        severity="info",
        category="rollback",
        model=name,
    )


def _not_executed(author: Author, name: str, pace: Pace) -> Alert:
    firing = matchers({"alertname": ROLLBACK_ALERT, "alertstate": "firing", attributes.MODEL_NAME: name})
    answered: Conditions = {attributes.MODEL_NAME: name, attributes.ROLLBACK_STATE: _ANSWERED}
    everywhere: Conditions = {**answered, attributes.SEGMENT_NAME: AGGREGATE}
    mode: Conditions = {attributes.MODEL_NAME: name, attributes.ROLLBACK_MODE: _NOT_ENFORCING}
    return author.alert(
        "ClinicalAIRollbackNotExecuted",
        f"{over('max', STREAM, f'ALERTS{firing}')}\n"
        f"and on ({labels(VERSION)}) ({active(name)})\n"
        f"unless on ({labels(MODEL)}) ({select(metrics.ROLLBACK_MODE, mode)} == 1)\n"
        f"unless on ({labels(SEGMENT)}) ({select(metrics.ROLLBACK_STATE, answered)} == 1)\n"
        f"unless on ({labels(MODEL)}) ({select(metrics.ROLLBACK_STATE, everywhere)} == 1)",
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: tier 3 in {WHERE}, and nobody acted",
            f"What: tier 3 is proved for {MODEL_NAME} version {MODEL_VERSION} in {WHERE} for more than "
            f"{duration_text(pace.stuck)}, the version still serves, and the controller has not taken it up.",
            "Act yourself: put the model on manual with FORCE_MANUAL (see the runbook), then find out why the "
            "webhook or the controller does not work.",
        ),
        severity="critical",
        category="rollback",
        model=name,
        pending=pace.stuck,
    )


def _in_state(
    author: Author,
    model: str,
    name: str,
    states: Matcher,
    message: Message,
    *,
    severity: Severity,
    pending: float = 0.0,
) -> Alert:
    conditions: Conditions = {attributes.MODEL_NAME: model, attributes.ROLLBACK_STATE: states}
    return author.alert(
        name,
        over("max", _STATE, select(metrics.ROLLBACK_STATE, conditions)) + " == 1",
        message,
        severity=severity,
        category="rollback",
        model=model,
        pending=pending,
    )


def _of_controller(author: Author, pace: Pace) -> Iterator[Alert]:
    yield author.alert(
        CONTROLLER_DOWN,
        f"absent({metrics.ROLLBACK_MODE.prometheus})",
        Message(
            "The rollback controller is down",
            "What: Prometheus has no metrics of the rollback controller. Tier 3 alerts reach people, and no "
            "machine acts on them.",
            "Restart the controller with its old state directory; it goes on where it was. Until then you are the "
            "rollback: know where FORCE_MANUAL is (see the runbook).",
        ),
        severity="critical",
        category="rollback",
        pending=pace.settle,
    )
    yield _heartbeat(author, pace)
    yield _audit(author)
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


def _audit(author: Author) -> Alert:
    sequence = metrics.ROLLBACK_AUDIT_SEQUENCE
    window = author.policy.drift.window
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
