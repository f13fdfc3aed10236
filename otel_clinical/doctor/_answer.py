"""What a receiver answered to an empty export, and what that means; the same for HTTP and gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from otel_clinical.doctor._finding import Finding, ok, problem

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECK: Final = "endpoint"


class Verdict(StrEnum):
    """How an export ended."""

    ACCEPTED = "accepted"
    NO_TOKEN = "no_token"  # noqa: S105 -- a verdict, not a token
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    BUSY = "busy"
    ODD = "odd"
    REFUSED = "refused"
    UNKNOWN_HOST = "unknown_host"
    TIMEOUT = "timeout"
    CERTIFICATE = "certificate"
    NOT_TLS = "not_tls"
    NOT_SPOKEN = "not_spoken"


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one empty export.

    Attributes:
        verdict: How it ended.
        status: HTTP status or name of the gRPC status; empty when there was no answer.
        clock: The receiver's clock minus ours, in seconds; None when it did not say.
    """

    verdict: Verdict
    status: str = ""
    clock: float | None = None


_SAID: Final[Mapping[Verdict, str]] = {
    Verdict.NO_TOKEN: "wants a token ({status})",
    Verdict.FORBIDDEN: "does not admit this token ({status})",
    Verdict.MISSING: "does not take {signal} ({status})",
    Verdict.BUSY: "cannot take {signal} now ({status})",
    Verdict.ODD: "answered {status} to {signal}",
    Verdict.REFUSED: "refuses the connection",
    Verdict.UNKNOWN_HOST: "has a host name that nobody knows",
    Verdict.TIMEOUT: "did not answer in time",
    Verdict.CERTIFICATE: "shows a certificate that is not trusted here",
    Verdict.NOT_TLS: "does not speak TLS",
    Verdict.NOT_SPOKEN: "does not speak {protocol}",
}
_ADVICE: Final[Mapping[Verdict, str]] = {
    Verdict.NO_TOKEN: "configure(token=...), OTEL_EXPORTER_OTLP_HEADERS or --token-file: missing, or not the right one",
    Verdict.FORBIDDEN: "ask who runs the receiver for a token that may write",
    Verdict.MISSING: "is it the base URL, without /v1/...? is a pipeline for this signal configured there?",
    Verdict.BUSY: "look at the receiver's own log: its queue or memory limit is reached",
    Verdict.ODD: "look at the receiver's own log; a proxy in between may have answered",
    Verdict.REFUSED: "start the receiver, or name the right host and port with --endpoint",
    Verdict.UNKNOWN_HOST: "correct the host name, or the DNS of this machine",
    Verdict.TIMEOUT: "is a firewall in between? name another host or port with --endpoint",
    Verdict.CERTIFICATE: "name its authority: OTEL_EXPORTER_OTLP_CERTIFICATE or --ca-file; check host name and dates",
    Verdict.NOT_TLS: "write http:// if the receiver is on this host, else switch TLS on there",
    Verdict.NOT_SPOKEN: "HTTP is port 4318, gRPC is 4317 (--protocol); a receiver with TLS wants https://",
}
_DEAD: Final = frozenset(
    {
        Verdict.REFUSED,
        Verdict.UNKNOWN_HOST,
        Verdict.TIMEOUT,
        Verdict.CERTIFICATE,
        Verdict.NOT_TLS,
        Verdict.NOT_SPOKEN,
    }
)
"""Verdicts about the receiver as a whole, which one signal is enough to say."""

_PROCESSOR_ADVICE: Final = (
    'a drift processor takes no metrics: send through a Collector, or metrics="prometheus:PORT" and a scrape'
)


def judge(endpoints: Mapping[str, str], answers: Mapping[str, Answer], protocol: str, *, pushed: bool) -> list[Finding]:
    """Return the findings about the receiver.

    Args:
        endpoints: URL by signal.
        answers: What came back, by signal.
        protocol: HTTP or gRPC, for a person to read.
        pushed: Whether metrics are sent there at all.
    """
    found: list[Finding] = []
    for signal, answer in answers.items():
        if signal == "metrics" and not pushed and answer.verdict is Verdict.MISSING:
            found.append(ok(CHECK, "metrics are scraped and not sent to the receiver"))
            continue
        finding = _one(endpoints[signal], signal, answer, protocol)
        if finding not in found:
            found.append(finding)
    return found


def _one(url: str, signal: str, answer: Answer, protocol: str) -> Finding:
    if answer.verdict is Verdict.ACCEPTED:
        return ok(CHECK, f"{url} takes {signal} ({protocol})")
    said = _SAID[answer.verdict].format(status=answer.status, signal=signal, protocol=protocol)
    where = url.removesuffix(f"/v1/{signal}") if answer.verdict in _DEAD else url
    missing_metrics = signal == "metrics" and answer.verdict is Verdict.MISSING
    return problem(CHECK, f"{where} {said}", _PROCESSOR_ADVICE if missing_metrics else _ADVICE[answer.verdict])
