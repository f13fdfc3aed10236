"""The embedded processor: receivers, writer and exporter in one process."""

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from otel_clinical.access import Address, Certificate, TokenFile, require_tls_off_loopback, require_token_off_loopback
from otel_clinical.drift._arithmetic import arithmetic
from otel_clinical.drift.explode import PolicyIndex
from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.runtime import http
from otel_clinical.drift.runtime._ending import Ending
from otel_clinical.drift.runtime._faults import Faults
from otel_clinical.drift.runtime._listen import bind, port_of
from otel_clinical.drift.runtime._pipeline import Pipeline
from otel_clinical.drift.runtime._rates import RateLimit
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.drift.runtime._web import WebServers
from otel_clinical.drift.runtime.exporter import Exposition, registry
from otel_clinical.drift.runtime.intake import Intake
from otel_clinical.drift.runtime.pages import metrics_site
from otel_clinical.drift.runtime.rpc import RpcReceiver
from otel_clinical.drift.runtime.store import Corrections, Store
from otel_clinical.drift.runtime.writer import Phase, Writer, WriterSettings
from otel_clinical.policy import Policy, baseline_end, check_change, load_baseline, replaced_at
from otel_clinical.semconv import metrics

_LOG = logging.getLogger(__name__)

ARITHMETIC = "arithmetic"
"""The name under which a state directory remembers what its evidence was computed with."""
_GRACE_SECONDS = 5.0
_DRAIN_SECONDS = 30.0


_HTTP, _GRPC, _METRICS = (Address("127.0.0.1", port) for port in (4318, 4317, 9465))


@dataclass(frozen=True)
class ProcessorSettings:
    """Where a processor listens and keeps its state.

    Attributes:
        state: State directory, created if missing; one processor each.
        http: OTLP/HTTP.
        grpc: OTLP/gRPC.
        metrics: ``/metrics`` for Prometheus.
        token_file: Bearer tokens that senders and Prometheus must show; None asks for none.
        certificate: TLS for all three; None serves plain text.
        rate_limit: Requests per second that one source may send; None sets no limit.
        insecure: Allow an address that other machines can reach without asking for a token.
        writer: Bounds of the writer.
    """

    state: Path
    http: Address = _HTTP
    grpc: Address = _GRPC
    metrics: Address = _METRICS
    token_file: Path | None = None
    certificate: Certificate | None = None
    rate_limit: float | None = None
    insecure: bool = False
    writer: WriterSettings = field(default_factory=WriterSettings)


@dataclass(frozen=True)
class Addresses:
    """Where a processor really listens."""

    http: Address
    grpc: Address
    metrics: Address


class ProcessorService:
    """A running drift processor; a context manager that stops it on the way out.

    Constructing it takes the state directory and the addresses, `start` begins to serve; requests are accepted as
    soon as `phase` is `READY`.

    Args:
        policy: Loaded, with absolute paths.
        settings: Where.

    Raises:
        StateDirectoryError: The state directory cannot be used.
        AccessError: The token file cannot be used, or an address needs one.
        ListenError: An address cannot be listened on.
        BaselineError: A baseline cannot be read, or is another one than before without the word of two people.
    """

    def __init__(self, policy: Policy, settings: ProcessorSettings) -> None:
        self._policy = policy
        self._ending = Ending()
        self._error: BaseException | None = None
        self._started = time.time()
        self._baselines = {name: load_baseline(model.baseline.file) for name, model in policy.models.items()}
        ends = {name: baseline_end(policy.models[name].baseline, known) for name, known in self._baselines.items()}
        self._ends = {name: end for name, end in ends.items() if end is not None}
        tokens = _tokens(settings)
        with ExitStack() as undo:
            sockets = [undo.enter_context(bind(address)) for address in (settings.http, settings.metrics)]
            faults = Faults()
            store = Store(settings.state, faults)
            undo.callback(store.close)
            self._accept_origin(store)
            self._writer = Writer(Pipeline(store, self._new_kernel, faults), settings.writer, failed=self._fail)
            self._intake = intake = Intake(self._writer, PolicyIndex.of(policy), rate=RateLimit(settings.rate_limit))
            self._rpc = RpcReceiver(settings.grpc, intake, tokens, settings.certificate)
            scraped = registry(self._expose, policy)
            sites = [http.receiver(intake, tokens), metrics_site(scraped, tokens, lambda: self.phase)]
            self._web = WebServers(list(zip(sockets, sites, strict=True)), settings.certificate)
            undo.pop_all()
        self.addresses = Addresses(
            http=Address(settings.http.host, port_of(sockets[0])),
            grpc=self._rpc.address,
            metrics=Address(settings.metrics.host, port_of(sockets[1])),
        )

    @property
    def phase(self) -> Phase:
        """What the processor is doing."""
        return self._intake.phase

    def events(self) -> dict[str, int]:
        """Return how many events were accepted so far, by signal."""
        name = metrics.PROCESSOR_EVENTS.prometheus
        return {labels[0]: count for (found, labels), count in self._writer.counters().items() if found == name}

    def start(self) -> None:
        """Begin to serve: health at once, OTLP when the journal is replayed."""
        self._web.start()
        self._rpc.start()
        self._writer.start()

    @property
    def replayed(self) -> tuple[int, int]:
        """How many requests of the journal are applied, and how many there were at the start."""
        return self._writer.replayed

    @property
    def pending(self) -> int:
        """Requests that no checkpoint covers yet."""
        return self._writer.pending

    def wait_started(self, timeout: float | None = None) -> bool:
        """Wait until the journal is replayed or that failed; return whether it is in `timeout` seconds."""
        return self._writer.started.wait(timeout)

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Wait until requests are accepted; return whether they are."""
        self._writer.started.wait(timeout)
        return self._writer.phase is Phase.READY

    @property
    def error(self) -> BaseException | None:
        """Why the writer ended, if it did not end because it was asked to."""
        return self._error

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until a stop is asked for or the writer fails; return whether that happened in `timeout` seconds."""
        return self._ending.wait(timeout)

    def look(self) -> None:
        """Return as soon as the writer is between two entries; never, if it hangs while it applies one."""
        self._writer.read(lambda _kernel: None)

    def request_stop(self) -> None:
        """End `wait`; safe in a signal handler."""
        self._ending.ask()

    def stop(self) -> bool:
        """Stop accepting, finish and acknowledge what is under way, checkpoint, close.

        Returns:
            Whether everything was saved in time. If not, nothing is lost: the next start replays the journal.
        """
        self._ending.ask()
        self._writer.close()
        self._rpc.stop(_GRACE_SECONDS)
        self._web.stop(_GRACE_SECONDS * 2)
        return self._writer.join(_DRAIN_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _accept_origin(self, store: Store) -> None:
        """Check every baseline against the one this state was made with, then remember them and the arithmetic."""
        hashes = {name: baseline.hash for name, baseline in self._baselines.items()}
        for name, new in hashes.items():
            old = store.meta(remembered_baseline(name))
            if old is not None and old != new:
                check_change(self._policy.models[name].baseline.file, name, old, new)
        for name, new in hashes.items():
            store.remember(remembered_baseline(name), new)
        if sentence := other_arithmetic(store.meta(ARITHMETIC)):
            _LOG.warning("%s", sentence)
        store.remember(ARITHMETIC, arithmetic())

    def _new_kernel(self) -> Kernel:
        return Kernel(self._policy, self._baselines)

    def _fail(self, error: BaseException) -> None:
        self._error = error
        self._ending.ask()

    def _expose(self) -> Exposition:
        phase = self.phase
        starting = phase is Phase.STARTING  # the kernel is being rebuilt: show only that we are here
        kernel = KernelView() if starting else self._writer.read(KernelView.of)
        return Exposition(
            kernel=kernel,
            counters={} if starting else self._writer.counters(),
            pending=self._writer.pending,
            started=self._started,
            baselines={name: baseline.hash for name, baseline in self._baselines.items()},
            corrections=Corrections(0, 0) if starting else self._writer.corrections(),
            ends=self._ends | self._replaced(kernel),
            accepting=phase is Phase.READY,
        )

    def _replaced(self, kernel: KernelView) -> dict[str, float]:
        """Return when the baselines of a version before ended because another one has become that, by model."""
        found = {}
        for name, baseline in self._baselines.items():
            end = replaced_at(baseline, {version: at for (of, version), at in kernel.served.items() if of == name})
            if end is not None:
                found[name] = min(end, self._ends.get(name, end))
        return found


def remembered_baseline(model: str) -> str:
    """Return the name under which a state directory remembers the hash of a model's baseline."""
    return f"baseline/{model}"


def other_arithmetic(remembered: str | None) -> str | None:
    """Return a sentence if what a state was made with computes other last bits than this process; None if not."""
    if remembered is None or remembered == arithmetic():
        return None
    return (
        "the state was made where exponentials and logarithms have other last bits (another C library, numpy or kind "
        "of machine): nothing is lost or counted anew, and evidence may differ in its last digits from what it would "
        "have been there"
    )


def _tokens(settings: ProcessorSettings) -> TokenFile | None:
    """Return the tokens to ask for, and check that addresses and tokens go together."""
    tokens = None if settings.token_file is None else TokenFile(settings.token_file)
    known = tokens is not None or (settings.certificate is not None and settings.certificate.clients is not None)
    for address in (settings.http, settings.grpc, settings.metrics):
        require_token_off_loopback(address, has_token=known, insecure=settings.insecure)
        require_tls_off_loopback(address, has_tls=settings.certificate is not None, insecure=settings.insecure)
    return tokens
