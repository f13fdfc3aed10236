"""What a person wants to know about a processor, from its metrics or from its state directory."""

import sqlite3
import ssl
import urllib.request
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from otel_clinical.drift.explode import Batch
from otel_clinical.drift.kernel import CodecError, Kernel
from otel_clinical.drift.runtime._page import LEVEL, STREAM, Page
from otel_clinical.drift.runtime._schema import SchemaError, require_known
from otel_clinical.drift.runtime._trouble import trouble
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.drift.runtime.exporter import Exposition, families
from otel_clinical.drift.runtime.store import DATABASE, read_corrections, read_counters
from otel_clinical.policy import Policy, load_baseline
from otel_clinical.semconv import MetricDef, metrics
from otel_clinical.semconv.enums import EscalationLevel

_TIMEOUT_SECONDS = 5.0
_OURS = metrics.PROCESSOR_EVENTS.prometheus.removesuffix("_total")
_EXPECTED = "expected the `metrics` address that `processor run` printed, with the path /metrics"


class StatusError(RuntimeError):
    """The status cannot be found out; the message says why."""


@dataclass(frozen=True)
class StreamStatus:
    """One line of the table: a model version and a segment.

    Attributes:
        model: Model name.
        version: Model version.
        segment: ``name=value``, or ``all``.
        samples: Outcomes since the estimated change; 0 below eleven.
        drop: Drop since the estimated change.
        performance: Recent performance; None when too few outcomes are recent.
        baseline: Reference performance.
        proved: Tiers whose evidence is at least 1.
    """

    model: str
    version: str
    segment: str
    samples: int
    drop: float
    performance: float | None
    baseline: float
    proved: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """A processor at one moment.

    Attributes:
        streams: Sorted by model, version, segment.
        events: Accepted events by signal, those above zero.
        rejections: Refused events by reason, those above zero.
        waiting: Outcomes by (model, version) whose inference is not mature; 0 below eleven.
        event_time: Unix seconds of the newest event.
        watermark: Unix seconds up to which slots are closed.
        pending: Journal entries not yet in a checkpoint.
        late_used: Share of the record of late events that is in use.
        late_dropped: Late events that it no longer holds.
    """

    streams: tuple[StreamStatus, ...]
    events: dict[str, int]
    rejections: dict[str, int]
    waiting: dict[tuple[str, str], int]
    event_time: float | None
    watermark: float | None
    pending: int
    late_used: float = 0.0
    late_dropped: int = 0


def scrape(url: str, token: str | None = None, tls: ssl.SSLContext | None = None) -> list[Metric]:
    """Return the metric families on the page of a running processor.

    Args:
        url: Its address.
        token: Bearer token to show.
        tls: Whom to trust, and which certificate to show; by default what this machine trusts, and none.

    Raises:
        StatusError: The address is not http(s), the page cannot be read, or it is not a processor's.
    """
    if not url.startswith(("http://", "https://")):
        raise StatusError(f"{url!r}: expected http://HOST:PORT/metrics")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  # the scheme is checked above
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS, context=tls) as answer:  # noqa: S310
            page = answer.read().decode()
    except (OSError, UnicodeDecodeError) as error:
        because = getattr(error, "reason", None) or type(error).__name__
        raise StatusError(f"{url}: cannot be read ({because}); {_EXPECTED}") from error
    try:
        found = list(text_string_to_metric_families(page))
    except ValueError as error:
        raise StatusError(f"{url}: is not a metrics page in Prometheus' text format; {_EXPECTED}") from error
    if all(family.name != _OURS for family in found):
        # Without this the page of an inference service would read like a processor that received nothing.
        raise StatusError(f"{url}: is a metrics page, but not that of a drift processor; {_EXPECTED}")
    return found


def from_state(directory: Path, policy: Policy) -> Status:
    """Return the status in a state directory; errors as of `replay`."""
    return of_families(replay(directory, policy))


def replay(directory: Path, policy: Policy) -> list[Metric]:
    """Return the metric families of a state directory, with what only its journal holds; the processor may run.

    Raises:
        StatusError: There is no state that can be read.
    """
    path = directory / DATABASE
    if not path.exists():
        raise StatusError(f"{directory}: no {DATABASE} here; is it the --state of a processor?")
    baselines = {name: load_baseline(model.baseline.file) for name, model in policy.models.items()}
    kernel = Kernel(policy, baselines)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            require_known(connection)
            kernel.load(dict(connection.execute("SELECT key, blob FROM state")))
            counters = read_counters(connection)
            late = read_corrections(connection)
            tail = "SELECT batch FROM journal WHERE poison IS NULL ORDER BY seq"
            batches = [batch for (batch,) in connection.execute(tail)]
    except CodecError as error:
        raise StatusError(f"{path}: cannot be read ({error})") from error
    except (sqlite3.Error, SchemaError) as error:
        raise StatusError(trouble(path, error)) from error
    for batch in filter(None, batches):
        kernel.apply(Batch.from_bytes(batch))
        kernel.advance()
    hashes = {name: baseline.hash for name, baseline in baselines.items()}
    shown = Exposition(
        KernelView.of(kernel), counters, pending=len(batches), started=0.0, baselines=hashes, corrections=late
    )
    return list(families(shown, policy))


def of_families(found: Iterable[Metric]) -> Status:
    """Read a status out of metric families, whether scraped or made here."""
    page = Page(found)
    streams = [stream for stream, _ in page.by(metrics.BASELINE_RATIO, STREAM)]
    return Status(
        streams=tuple(
            sorted((_line(page, stream) for stream in streams), key=lambda s: (s.model, s.version, s.segment))
        ),
        events=page.totals(metrics.PROCESSOR_EVENTS),
        rejections=page.totals(metrics.PROCESSOR_REJECTIONS),
        waiting={(key[0], key[1]): int(count) for key, count in page.by(metrics.LABEL_WAITING, STREAM[:2])},
        event_time=page.single(metrics.PROCESSOR_EVENT_TIME),
        watermark=page.single(metrics.PROCESSOR_WATERMARK_TIME),
        pending=int(page.single(metrics.PROCESSOR_JOURNAL_PENDING) or 0),
        late_used=page.single(metrics.PROCESSOR_CORRECTION_USED_RATIO) or 0.0,
        late_dropped=int(page.single(metrics.PROCESSOR_CORRECTION_DROPS) or 0),
    )


def _line(page: Page, stream: tuple[str, ...]) -> StreamStatus:
    """Return the line of one stream."""
    model, version, name, value = stream

    def of(metric: MetricDef) -> float | None:
        return dict(page.by(metric, STREAM)).get(stream)

    evidence = page.by(metrics.EVIDENCE, (*STREAM, LEVEL))
    return StreamStatus(
        model=model,
        version=version,
        segment=name if name == value else f"{name}={value}",
        samples=int(of(metrics.EVIDENCE_SAMPLES) or 0),
        drop=of(metrics.DEGRADATION_RATIO) or 0.0,
        performance=of(metrics.PERFORMANCE_RATIO),
        baseline=of(metrics.BASELINE_RATIO) or 0.0,
        proved=tuple(sorted((key[4] for key, e in evidence if key[:4] == stream and e >= 1.0), key=_severity)),
    )


def _severity(level: str) -> int:
    order = [str(known) for known in EscalationLevel]
    return order.index(level) if level in order else len(order)
