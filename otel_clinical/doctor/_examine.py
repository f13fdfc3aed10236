"""Look at everything, one thing after the other; what goes wrong while looking is a finding too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from otel_clinical.doctor import _local
from otel_clinical.doctor._answer import Verdict, judge
from otel_clinical.doctor._finding import Finding, problem, skipped
from otel_clinical.doctor._health import judge_clock, judge_counters, judge_reached, judge_serving
from otel_clinical.doctor._http import ask_http
from otel_clinical.doctor._names import judge_labels, judge_names
from otel_clinical.doctor._options import SIGNALS
from otel_clinical.doctor._prometheus import ask_prometheus
from otel_clinical.doctor._versions import installed_packages, judge_versions, own_requirements

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.doctor._answer import Answer
    from otel_clinical.doctor._options import Options


def examine(options: Options) -> tuple[Finding, ...]:
    """Return all findings, in the order of the way that telemetry takes."""
    packages = installed_packages()
    checks: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("versions", lambda: judge_versions(own_requirements(), packages)),
        ("variables", _local.variables),
        ("phi", _local.redaction),
        ("policy", lambda: _local.policy(options.policy)),
        ("receipts", _local.receipts),
        ("fork", lambda: _local.forks(packages)),
        ("endpoint", lambda: receiver(options)),
        ("prometheus", lambda: prometheus(options)),
    ]
    return tuple(finding for name, check in checks for finding in _guarded(name, check))


def receiver(options: Options) -> list[Finding]:
    """Send an empty export of each signal to the receiver."""
    answers: dict[str, Answer] = {}
    for signal in SIGNALS:
        answers[signal] = _ask(options, signal)
        if answers[signal].verdict is Verdict.TIMEOUT:
            break  # the others would only wait as long again
    found = judge(options.endpoints, answers, "gRPC" if options.grpc else "HTTP", pushed=options.metrics_pushed)
    if options.token_in_clear:
        found.append(problem("endpoint", "a token travels in clear text to another host", "use https://"))
    clocks = [answer.clock for answer in answers.values() if answer.clock is not None]
    return found + judge_clock("the receiver", min(clocks, key=abs) if clocks else None)


def _ask(options: Options, signal: str) -> Answer:
    if not options.grpc:
        return ask_http(options.endpoints[signal], options)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its own log would come between our lines
    from otel_clinical.doctor._grpc import ask_grpc  # noqa: PLC0415 -- gRPC takes a tenth of a second

    return ask_grpc(options.endpoints[signal], signal, options)


def prometheus(options: Options) -> list[Finding]:
    """Ask Prometheus for names, labels and counters."""
    if options.prometheus is None:
        advice = "--prometheus http://127.0.0.1:9090 checks names, labels, clocks and what was lost"
        return [skipped("prometheus", "no Prometheus was named", advice)]
    found = ask_prometheus(options.prometheus, options.timeout)
    reached = judge_reached(options.prometheus, found)
    if found.fault is not None or found.status != 200:  # noqa: PLR2004 -- the status of success
        return [reached]
    return [
        reached,
        *judge_clock("Prometheus", found.clock),
        *judge_names(found.names, found.past),
        *judge_labels(found.labels),
        *judge_serving(found.samples.get("unserved", ())),
        *judge_counters(found.samples),
    ]


def _guarded(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 -- one broken check must not hide what the others find
        said = f"the check itself failed with {type(error).__name__}"
        return [problem(name, said, "this is a defect of otel-clinical: report it")]
