"""Where telemetry goes: providers, queue, declared values, and what happens when telemetry itself fails."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry import _logs, metrics, trace

from otel_clinical._version import __version__
from otel_clinical.semconv import SCHEMA_URL, SCOPE_NAME
from otel_clinical.semconv import attributes as keys
from otel_clinical.semconv import metrics as names
from otel_clinical.semconv.enums import TelemetryComponent, TelemetryRedactionReason

from . import _ambient
from ._declared import DeclaredFeatures, DeclaredModels, DeclaredValues
from ._errors import error_type
from ._fork import renew_in_child
from ._sink import Instruments, Sink
from ._span_start import SpanStarter
from ._urgent import UrgentFlush
from ._worker import Worker
from ._zero import VersionRegister

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from ._sink import Bulk
    from ._worker import WhenFull

_log = logging.getLogger("otel_clinical")

REMEMBERED_EVENTS: Final = 10_000
# Asking the API for its global providers costs more than the rest of a call that nobody listens to.
LOOK_SECONDS: Final = 0.005


class Record(Protocol):
    """Something that happened, able to say which points and events follow from it."""

    def derive(self, sink: Sink) -> None:
        """Write points and events."""


class Telemetry:
    """Send telemetry of clinical AI to the given providers, or to the global ones whenever they appear.

    Args:
        tracer_provider: For inference spans.
        meter_provider: For metrics.
        logger_provider: For events.
        queue_size: Records that may wait for the background thread.
        when_full: "drop" loses and counts records at a full queue; "wait" holds the caller, for replays.
        synchronous: Process every record on the caller's thread; for tests.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
        queue_size: int = 8192,
        when_full: WhenFull = "drop",
        synchronous: bool = False,
    ) -> None:
        self._providers = (tracer_provider, meter_provider, logger_provider)
        self._listening = meter_provider is not None or logger_provider is not None
        self._next_look = 0.0
        self._heard = any(provider is not None for provider in self._providers)
        self.tracer = trace.get_tracer(SCOPE_NAME, __version__, tracer_provider, SCHEMA_URL)
        self.spans = SpanStarter()
        self.meter = metrics.get_meter(SCOPE_NAME, __version__, meter_provider, SCHEMA_URL)
        self._instruments = Instruments(self.meter)
        self._logger = _logs.get_logger(SCOPE_NAME, __version__, logger_provider, SCHEMA_URL)
        self.bulk: Bulk | None = None
        """Records many values at once; set by a set-up of ours, whose providers it knows."""
        self.declared = DeclaredValues()
        self.versions = VersionRegister(self.declared)
        self.models = DeclaredModels()
        self.features = DeclaredFeatures()
        self._renew()
        renew_in_child(self._renew)
        self._said: set[str] = set()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.worker = Worker(self._handle, size=queue_size, when_full=when_full, synchronous=synchronous)
        self._urgent = UrgentFlush(self.flush)

    def _renew(self) -> None:
        """Start with nothing to report: at first, and in a forked child, where the parent reports what was its own."""
        # A signal handler may interrupt the holder and come here on the same thread.
        self._lock = threading.RLock()
        self._errors: Counter[tuple[str, str]] = Counter()
        self._withheld: Counter[str] = Counter()
        self.versions.write_again()

    def listens(self) -> bool:
        """Tell whether metrics or events go anywhere; until then records are not even queued."""
        if not self._listening and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_SECONDS
            self._listening = _is_real(metrics.get_meter_provider()) or _is_real(_logs.get_logger_provider())
        return self._listening

    def quiet(self) -> bool:
        """Tell whether neither spans, metrics nor events go anywhere: nobody would see what a call leads to."""
        if self._heard:
            return False
        # The public function reads the environment on every call, for longer than a whole quiet call may take.
        # Should the name go, nothing is ever quiet: that costs time, not data.
        if getattr(trace, "_TRACER_PROVIDER", self) is None and not self.listens():
            return True
        self._heard = True
        return False

    def put(self, record: Record, *, traced: bool = False) -> None:
        """Queue a record for the background thread; `traced` says that a tracer provider takes its span."""
        if traced and not self._listening:
            self._next_look = 0.0  # an SDK appeared: look for the rest of it at once
        if self._listening or self.listens():
            self.worker.put(record)

    def failed(self, component: TelemetryComponent, error: BaseException | str, said: str = "") -> None:
        """Count a fault; log it once, never with the message of an exception.

        Args:
            component: Where it happened.
            error: The exception, of which only the class counts, or the name of the fault.
            said: The sentence to log in place of the usual one; no value that came with a patient.
        """
        kind = error if isinstance(error, str) else error_type(error)
        with self._lock:
            self._errors[component.value, kind] += 1
        self.worker.nudge()
        self.say_once(said or f"{component.value} failed with {kind}; counted, the call goes on")

    def say_once(self, sentence: str) -> None:
        """Log a sentence, the first time; sentences are few and hold no value that came with a patient."""
        with self._lock:
            first = sentence not in self._said
            self._said.add(sentence)
        if first:
            _log.warning("telemetry of clinical AI: %s", sentence)

    def serve(self, model: str, version: str, use_case: str) -> None:
        """Register the version that serves a call, and count it where the policy does not declare it."""
        self.versions.add(model, version, use_case)
        if self.models.any:
            self.check_declared(model, version)

    def check_declared(self, model: str, version: str) -> None:
        """Count a model or version that the policy does not declare, and say once which ones it does."""
        problem = self.models.problem(model, version)
        if problem is not None:
            self.failed(TelemetryComponent.CONFIG, *problem)

    def withheld(self, reason: TelemetryRedactionReason) -> None:
        """Count a value that was not exported."""
        with self._lock:
            self._withheld[reason.value] += 1
        self.worker.nudge()

    def first_time(self, event_id: str) -> bool:
        """Remember an event id; False when it is among the last 10,000."""
        with self._lock:
            if event_id in self._seen:
                return False
            self._seen[event_id] = None
            if len(self._seen) > REMEMBERED_EVENTS:
                self._seen.popitem(last=False)
        return True

    def flush(self, timeout: float = 5.0) -> bool:
        """Process what is queued and flush the providers, in at most `timeout` seconds."""
        deadline = time.monotonic() + timeout
        done = self.worker.flush(timeout)
        return self._flush_providers(deadline) and done

    def flush_soon(self) -> None:
        """Flush at once on another thread, in at most 2 s; return without waiting."""
        self._urgent.request()

    def shutdown(self, timeout: float = 5.0) -> bool:
        """Accept nothing more, then flush; the providers stay up, they are their owner's."""
        deadline = time.monotonic() + timeout
        done = self.worker.close(timeout)
        return self._flush_providers(deadline) and done

    def _handle(self, batch: Iterable[Record]) -> None:
        """Derive and write everything a batch leads to; runs on the background thread."""
        if not self.listens():
            return
        _ambient.refill()
        sink = Sink(self._instruments, self._logger, self.bulk)
        self._guarded(lambda: self.versions.write_zeros(sink, metrics.get_meter_provider()))
        for record in batch:
            self._guarded(lambda record=record: record.derive(sink))
        self._count_own_faults(sink)
        self._guarded(sink.close)

    def _guarded(self, step: Any) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 -- telemetry must outlive any fault of one record
            self.failed(TelemetryComponent.WORKER, error)

    def _count_own_faults(self, sink: Sink) -> None:
        with self._lock:
            errors, self._errors = self._errors, Counter()
            withheld, self._withheld = self._withheld, Counter()
        for (component, kind), count in errors.items():
            labels = ((keys.TELEMETRY_COMPONENT, component), (keys.ERROR_TYPE, kind))
            sink.count(names.TELEMETRY_ERRORS, labels, count)
        for reason, count in withheld.items():
            sink.count(names.TELEMETRY_REDACTIONS, ((keys.TELEMETRY_REDACTION_REASON, reason),), count)
        dropped = self.worker.take_dropped()
        if dropped:
            labels_dropped = ((keys.TELEMETRY_COMPONENT, TelemetryComponent.QUEUE.value),)
            sink.count(names.TELEMETRY_DROPPED, labels_dropped, dropped)

    def _flush_providers(self, deadline: float) -> bool:
        """Ask every provider to flush, each in its own thread: an exporter without a collector may hang."""
        pending = [self._start_flush(provider, deadline) for provider in self._current_providers()]
        for thread in filter(threading.Thread.is_alive, pending):
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in pending)

    def _start_flush(self, provider: object, deadline: float) -> threading.Thread:
        milliseconds = max(1, int((deadline - time.monotonic()) * 1000))

        def run() -> None:
            force_flush = getattr(provider, "force_flush", None)
            if force_flush is not None:
                self._guarded(lambda: force_flush(milliseconds))

        thread = threading.Thread(target=run, name="otel-clinical-flush", daemon=True)
        with suppress(RuntimeError):  # the interpreter is going down: the providers flush at exit themselves
            thread.start()
        return thread

    def _current_providers(self) -> list[object]:
        tracer, meter, logger = self._providers
        found = (
            tracer or trace.get_tracer_provider(),
            meter or metrics.get_meter_provider(),
            logger or _logs.get_logger_provider(),
        )
        return [provider for provider in found if _is_real(provider)]


def _is_real(provider: object) -> bool:
    """Tell an SDK's provider from the API's placeholders, which do nothing."""
    return not type(provider).__module__.startswith("opentelemetry.") or type(provider).__module__.startswith(
        "opentelemetry.sdk"
    )


_default: Telemetry | None = None
_default_lock = threading.Lock()


def default_telemetry() -> Telemetry:
    """Return the process-wide telemetry, made on first use."""
    global _default  # noqa: PLW0603 -- the one process-wide default
    if _default is None:
        made = Telemetry()  # asks the global providers, which may be anybody's code: not under the lock
        with _default_lock:
            if _default is None:
                _default = made
    return _default


def set_telemetry(telemetry: Telemetry | None) -> Telemetry | None:
    """Make `telemetry` the process-wide default and return the one before."""
    global _default
    with _default_lock:
        before, _default = _default, telemetry
    return before


@contextmanager
def use_telemetry(telemetry: Telemetry) -> Iterator[Telemetry]:
    """Make `telemetry` the default inside a `with` block."""
    before = set_telemetry(telemetry)
    try:
        yield telemetry
    finally:
        set_telemetry(before)


def flush(timeout: float = 5.0) -> bool:
    """Process what is queued and flush the providers, in at most `timeout` seconds; False when it took longer."""
    return default_telemetry().flush(timeout)


def shutdown(timeout: float = 5.0) -> bool:
    """Accept nothing more, then flush, in at most `timeout` seconds; for the end of a service."""
    return default_telemetry().shutdown(timeout)
