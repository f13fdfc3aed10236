"""Watch the programs that are not ours: Collector, Prometheus, Alertmanager. Their metric names stand here only.

The Collector dropped the suffix `_total` from its own counters in 0.152, and kept it where an operator asks for
it. So every counter is read under both names, each with its own `rate`: one selector for both would be an error
as soon as two names share their labels.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_model import Group, Record, Rule
from otel_clinical.generate._rules_promql import duration, number
from otel_clinical.generate._rules_text import Author, Message
from otel_clinical.policy import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.policy import Policy

SENDING: Final = "exporter:otelcol_exporter_send_failed:rate"
ENQUEUING: Final = "exporter:otelcol_exporter_enqueue_failed:rate"
REFUSED: Final = "receiver:otelcol_receiver_refused:rate"
QUEUE: Final = "exporter:otelcol_exporter_queue:ratio"
QUEUE_LIMIT: Final = 0.8

_SIGNALS = ("spans", "metric_points", "log_records")
_QUEUE_SIZE, _QUEUE_CAPACITY = "otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity"
_NOTIFICATIONS_FAILED = "alertmanager_notifications_failed_total"
_EVALUATIONS_FAILED = "prometheus_rule_evaluation_failures_total"


def _both(stem: str) -> dict[str, tuple[str, ...]]:
    label = "receiver" if stem.startswith("otelcol_receiver") else "exporter"
    return {f"{stem}_{signal}{suffix}": (label,) for signal in _SIGNALS for suffix in ("", "_total")}


FOREIGN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **_both("otelcol_exporter_send_failed"),
        **_both("otelcol_exporter_enqueue_failed"),
        **_both("otelcol_receiver_refused"),
        _QUEUE_SIZE: ("exporter",),
        _QUEUE_CAPACITY: ("exporter",),
        _NOTIFICATIONS_FAILED: ("integration",),
        _EVALUATIONS_FAILED: ("rule_group",),
    }
)
"""Families that other programs expose, with the labels that rules may use."""


def plumbing(policy: Policy, pace: Pace) -> Iterator[Group]:
    """Yield the groups of the Collector and of Prometheus with Alertmanager."""
    author = Author(policy)
    yield Group("clinical-ai-collector", (*_records(pace), *_collector(author, pace)))
    yield Group("clinical-ai-alerting", tuple(_alerting(author, pace)))


def _records(pace: Pace) -> Iterator[Rule]:
    stems = ((SENDING, "otelcol_exporter_send_failed", "exporter"),
             (ENQUEUING, "otelcol_exporter_enqueue_failed", "exporter"),
             (REFUSED, "otelcol_receiver_refused", "receiver"))  # fmt: skip
    for record, stem, label in stems:
        for signal in _SIGNALS:
            yield Record(record, _rate(f"{stem}_{signal}", label, pace), {"signal": signal})
    size, capacity = f"max by (exporter) ({_QUEUE_SIZE})", f"max by (exporter) ({_QUEUE_CAPACITY})"
    yield Record(QUEUE, f"{size} / ({capacity} > 0)")


def _rate(family: str, label: str, pace: Pace) -> str:
    window = duration(pace.recent)
    return f"sum by ({label}) (rate({family}[{window}]) or rate({family}_total[{window}]))"


def _collector(author: Author, pace: Pace) -> Iterator[Alert]:
    yield author.alert(
        "ClinicalAICollectorSendFailing",
        f"{SENDING} > 0",
        Message(
            "The Collector cannot deliver {{ $labels.signal }} through {{ $labels.exporter }}",
            "What: exporter {{ $labels.exporter }} fails {{ $value | humanize }} {{ $labels.signal }} a second, for "
            f"more than {duration_text(pace.stuck)}. With a persistent queue nothing is lost until it is full.",
            "Is the receiver behind {{ $labels.exporter }} up, and its certificate valid?",
        ),
        severity="warning",
        category="telemetry",
        pending=pace.stuck,
    )
    yield author.alert(
        "ClinicalAICollectorQueueFilling",
        f"{QUEUE} > {number(QUEUE_LIMIT)}",
        Message(
            "The queue of {{ $labels.exporter }} is {{ $value | humanizePercentage }} full",
            "What: the Collector receives more for {{ $labels.exporter }} than it can deliver. At 100 % it pushes "
            "back on the services.",
            "Bring the receiver back, or give the queue more room on disk, before it is full.",
        ),
        severity="warning",
        category="telemetry",
        pending=pace.settle,
    )
    yield author.alert(
        "ClinicalAICollectorDropping",
        f"{ENQUEUING} > 0",
        Message(
            "The Collector loses {{ $labels.signal }} for {{ $labels.exporter }}",
            "What: {{ $value | humanize }} {{ $labels.signal }} a second do not fit into the queue of "
            "{{ $labels.exporter }} and are gone. Evidence and counts are now too low.",
            "Bring the receiver back now. Note the time: numbers of this period are incomplete.",
        ),
        severity="critical",
        category="telemetry",
    )
    yield author.alert(
        "ClinicalAICollectorRefusing",
        f"{REFUSED} > 0",
        Message(
            "The Collector refuses {{ $labels.signal }} at {{ $labels.receiver }}",
            "What: {{ $value | humanize }} {{ $labels.signal }} a second are refused at {{ $labels.receiver }}: memory "
            "limit, or redaction that failed closed. Services retry for a while and then drop.",
            "Read the Collector's log: memory, or a statement of the redaction. Do not loosen the redaction.",
        ),
        severity="critical",
        category="telemetry",
        pending=pace.settle,
    )


def _alerting(author: Author, pace: Pace) -> Iterator[Alert]:
    window = duration(pace.recent)
    webhook = f'{_NOTIFICATIONS_FAILED}{{integration="webhook"}}'
    yield author.alert(
        "ClinicalAIWebhookFailing",
        f"sum by (integration) (increase({webhook}[{window}])) > 0",
        Message(
            "Alertmanager cannot deliver webhooks",
            "What: {{ $value | humanize }} notifications through integration {{ $labels.integration }} failed in the "
            f"last {duration_text(pace.recent)}. The road to the rollback controller is one of them.",
            "Is the controller up and its token the one in Alertmanager's credentials_file? Until then you are the "
            "rollback.",
        ),
        severity="critical",
        category="rollback",
    )
    yield author.alert(
        "ClinicalAIRulesFailing",
        f'sum by (rule_group) (increase({_EVALUATIONS_FAILED}{{rule_group=~".*clinical-ai.*"}}[{window}])) > 0',
        Message(
            "Prometheus cannot evaluate rules of {{ $labels.rule_group }}",
            "What: {{ $value | humanize }} evaluations failed in the last "
            f"{duration_text(pace.recent)}. Alerts of this group are not reliable.",
            "Read the error on Prometheus' page /rules. Two sources of one series are the usual cause.",
        ),
        severity="critical",
        category="telemetry",
    )
