"""Render the Prometheus rules of a policy: compare, route, and say when the monitor is blind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_blind import blind
from otel_clinical.generate._rules_constants import constants, expected
from otel_clinical.generate._rules_counters import counters
from otel_clinical.generate._rules_machine import machine
from otel_clinical.generate._rules_model import Alert, Group, Pace, rule_file
from otel_clinical.generate._rules_plumbing import plumbing
from otel_clinical.generate._rules_rollback import rollbacks
from otel_clinical.generate._rules_signals import signals
from otel_clinical.generate._rules_tasks import task_times
from otel_clinical.generate._rules_tiers import tiers
from otel_clinical.generate._rules_together import models_together

if TYPE_CHECKING:
    from otel_clinical.policy import Policy

FOLDER: Final = "alert_rules"
TIERS: Final = f"{FOLDER}/clinical-ai-tiers.yaml"
QUALITY: Final = f"{FOLDER}/clinical-ai-quality.yaml"
MONITOR: Final = f"{FOLDER}/clinical-ai-monitor.yaml"


def render(policy: Policy, *, evaluation_interval: float = 15.0) -> dict[str, str]:
    """Return the rule files as relative path to content.

    Args:
        policy: What the hospital decided; its baseline files are read.
        evaluation_interval: Seconds between two scrapes and evaluations of the Prometheus that will load them.
    """
    return {path: rule_file(groups) for path, groups in build(policy, evaluation_interval).items()}


def build(policy: Policy, evaluation_interval: float = 15.0) -> dict[str, tuple[Group, ...]]:
    """Return the groups of rules of each file, before they become text."""
    pace = Pace(evaluation_interval)
    return {
        TIERS: (constants(policy), *tiers(policy), *counters(policy, pace)),
        QUALITY: (*signals(policy, pace), *task_times(policy, pace), models_together(policy)),
        MONITOR: (
            expected(policy),
            *blind(policy, pace),
            *rollbacks(policy, pace),
            *machine(policy, pace),
            *plumbing(policy, pace),
        ),
    }


def alerts(policy: Policy, evaluation_interval: float = 15.0) -> tuple[Alert, ...]:
    """Return every alert of the policy's rule files, in file order."""
    files = build(policy, evaluation_interval).values()
    return tuple(rule for groups in files for g in groups for rule in g.rules if isinstance(rule, Alert))
