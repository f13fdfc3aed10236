"""Judge clocks, counters of lost telemetry and the version of Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.doctor._answer import Verdict
from otel_clinical.doctor._finding import Finding, hint, ok, problem
from otel_clinical.doctor._versions import is_before

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from otel_clinical.doctor._prometheus import Snapshot

MAX_SKEW: Final = 5.0
"""Seconds by which clocks may differ; receipts and event times are compared between hosts."""

FLOOR: Final = "2.42"
_FAULTS: Final[Mapping[Verdict, str]] = {
    Verdict.REFUSED: "refuses the connection",
    Verdict.UNKNOWN_HOST: "has a host name that nobody knows",
    Verdict.TIMEOUT: "did not answer in time",
    Verdict.CERTIFICATE: "shows a certificate that is not trusted here",
}
_LOST: Final[Mapping[str, tuple[str, str]]] = {
    "dropped": ("records dropped", "the queue was full: fewer calls per process, or Telemetry(queue_size=...)"),
    "errors": ("faults of telemetry", "the service's log says each kind once, under the logger otel_clinical"),
    "spans": ("spans lost by the SDK", "raise queue_size (OTEL_BSP_MAX_QUEUE_SIZE), or look at the receiver"),
}


def judge_clock(name: str, skew: float | None) -> list[Finding]:
    """Return the finding about another host's clock; none when it did not say."""
    if skew is None:
        return []
    if abs(skew) <= MAX_SKEW:
        return [ok("clock", f"the clock of {name} agrees with ours")]
    way = "ahead of" if skew > 0 else "behind"
    said = f"the clock of {name} is {abs(skew):.0f} s {way} ours"
    return [problem("clock", said, "run NTP (chrony) on both hosts: event times and receipts depend on it")]


def judge_reached(url: str, found: Snapshot) -> Finding:
    """Return the finding about Prometheus itself."""
    if found.fault is not None:
        said = _FAULTS.get(found.fault, "does not speak HTTP")
        return problem("prometheus", f"{url} {said}", "start Prometheus, or name its base URL with --prometheus")
    if found.status != 200:  # noqa: PLR2004 -- the status of success
        said = f"answered {found.status}" if found.status else "does not answer like Prometheus"
        return problem("prometheus", f"{url} {said}", "name the base URL of Prometheus, without /api or /graph")
    if found.version and is_before(found.version, FLOOR):
        return problem("prometheus", f"{url} is version {found.version}", f"the rules need {FLOOR} or newer")
    return ok("prometheus", f"{url} answers (version {found.version or 'unknown'})")


def judge_serving(models: Iterable[str]) -> list[Finding]:
    """Return a finding per model that is used while no version says that it serves: its alerts can never fire."""
    return [
        problem("serving", f"{model} is used, and no version of it is reported as serving", _UNSERVED)
        for model in models
        if model
    ]


def judge_counters(samples: Mapping[str, Mapping[str, float]]) -> list[Finding]:
    """Return the findings about what was lost, withheld or counted wrongly."""
    found = [
        problem("lost", f"{value:.0f} {words} ({where or 'unknown'})", advice)
        for about, (words, advice) in _LOST.items()
        for where, value in samples.get(about, {}).items()
    ]
    if not found:
        found.append(ok("lost", "nothing was dropped and nothing failed"))
    found += [
        hint("withheld", f"{value:.0f} values were withheld ({reason})", _WITHHELD)
        for reason, value in samples.get("redactions", {}).items()
    ]
    if samples.get("overflow"):
        advice = "a metric has more series than its limit: fewer segment values, or retire old versions"
        found.append(problem("overflow", "series without a model: points were folded together", advice))
    if samples.get("resets"):
        found.append(problem("temporality", "counters start again every few minutes", _RESETS))
    return found


_UNSERVED: Final = (
    "serve through ModelRouter, also where there is one version, and activate it: tier alerts and rollback ask for the "
    "version that serves and can do nothing without; see docs/instrumentation.md"
)
_WITHHELD: Final = "declare segment values in the policy, or call declare_segments; see docs/telemetry.md"
_RESETS: Final = "send cumulative, never delta; give each process its own service.instance.id"
