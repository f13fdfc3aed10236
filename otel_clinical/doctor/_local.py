"""Look at this machine: redaction, policy, receipts, servers that fork, and variables that contradict each other."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from otel_clinical.doctor._finding import Finding, hint, ok, problem, skipped
from otel_clinical.instrument import ReceiptError
from otel_clinical.instrument._receipt_keys import ENVIRONMENT, MAX_DAYS, current_keys
from otel_clinical.sdk._self_test import self_test

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FORKS: Final[Mapping[str, str]] = {
    "gunicorn": "call configure in post_fork",
    "uwsgi": "call configure in a function under @postfork",
    "pyuwsgi": "call configure in a function under @postfork",
    "celery": "call configure in worker_process_init",
}
_SETUP: Final = "see docs/recipes.md"


def redaction() -> list[Finding]:
    """Send a marker through the redaction of every signal."""
    said = self_test()
    if said is not None:
        advice = "nothing is exported until this is right: update otel-clinical, or pin the OpenTelemetry SDK"
        return [problem("phi", said, advice)]
    return [ok("phi", "a marker sent through the redaction of every signal did not come out")]


def policy(file: Path | None) -> list[Finding]:
    """Read the policy."""
    if file is None:
        advice = "name it with --policy or OTEL_CLINICAL_POLICY: without it segment values must be declared in code"
        return [skipped("policy", "no policy was named", advice)]
    from otel_clinical.policy import PolicyErrors, load_baseline, load_policy, outdated  # noqa: PLC0415 -- pydantic is only needed for this

    try:
        found = load_policy(file)
    except PolicyErrors as errors:
        count = len(errors.problems)
        said = f"{file} has {count} mistake{'' if count == 1 else 's'}"
        return [problem("policy", said, f"otel-clinical check {file}")]
    baselines = {name: load_baseline(model.baseline.file) for name, model in found.models.items()}
    advice = "freeze the next one (docs/policy.md, kinds of baseline)"
    old = [hint("baseline", said, advice) for said in outdated(found, baselines, time.time())]
    return [ok("policy", f"{file} is fit for use; models: {', '.join(found.models)}"), *old]


def receipts() -> list[Finding]:
    """Look for the keys that sign receipts."""
    try:
        found = current_keys()
    except (ReceiptError, ValueError) as error:
        if MAX_DAYS in str(error):
            return [problem("receipts", f"{MAX_DAYS} cannot be read", "write a number of days greater than 0")]
        said = f"{ENVIRONMENT} cannot be read"
        return [problem("receipts", said, "write name:hex,name:hex, at least 16 bytes each (openssl rand -hex 32)")]
    if not found.keys:
        advice = f"set {ENVIRONMENT} wherever receipts are made and handed back, if they leave the process"
        return [hint("receipts", "receipts are not signed", advice)]
    return [ok("receipts", f"receipts are signed with {found.active}; {len(found.keys)} keys verify")]


def forks(installed: Mapping[str, str]) -> list[Finding]:
    """Say where to set up in servers that fork."""
    return [
        hint("fork", f"{name} is installed, and it forks", f"{advice}: {_SETUP}")
        for name, advice in _FORKS.items()
        if name in installed
    ]


def variables() -> list[Finding]:
    """Look for variables that switch telemetry or its redaction off."""
    found = []
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        found.append(problem("variables", "OTEL_SDK_DISABLED is true: nothing is recorded", "unset it"))
    for signal in ("TRACES", "LOGS", "METRICS"):
        name = f"OTEL_{signal}_EXPORTER"
        stock = [word for word in _words(name) if word != "none" and "clinical" not in word]
        if stock:
            said = f"{name} is {','.join(stock)}: exported without redaction"
            advice = "prometheus_clinical" if stock == ["prometheus"] else "otlp_clinical"
            found.append(problem("variables", said, f"{name}={advice}"))
    found += _temporality()
    return found or [ok("variables", "no variable contradicts the set-up")]


def _temporality() -> list[Finding]:
    name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    wanted = os.environ.get(name, "").strip().lower()
    if wanted in {"", "cumulative"}:
        return []
    if any(word == "otlp" or word.startswith("otlp_proto") for word in _words("OTEL_METRICS_EXPORTER")):
        return [problem("temporality", f"{name} is {wanted}", "Prometheus drops delta points: unset it")]
    advice = "our exporters ignore it, others obey: unset it"
    return [hint("temporality", f"{name} is {wanted}", advice)]


def _words(name: str) -> list[str]:
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]
