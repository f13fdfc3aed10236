"""Put the controller together and run it until it is told to stop."""

from __future__ import annotations

import fcntl
import logging
import signal
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, Final, TextIO

import uvicorn
from prometheus_client import CollectorRegistry

from otel_clinical._version import __version__
from otel_clinical.access import TokenFile
from otel_clinical.rollback._blind import BLIND
from otel_clinical.rollback.clock import SteadyClock
from otel_clinical.rollback.following import FollowerCollector, read_followers
from otel_clinical.rollback.handshakes import CertifiedProtocol, watch_handshakes
from otel_clinical.rollback.links import Links
from otel_clinical.rollback.notify import Alertmanager, Notifier
from otel_clinical.rollback.orders import ARMED
from otel_clinical.rollback.page import LinkPages, Pages, Proxy, Sources, Visitors, missing, page_key
from otel_clinical.rollback.persons import Persons
from otel_clinical.rollback.practice import DrillCollector
from otel_clinical.rollback.prometheus import Prometheus
from otel_clinical.rollback.receiver import Receiver
from otel_clinical.rollback.records import DATABASE
from otel_clinical.rollback.refusals import Audited, Refusals
from otel_clinical.rollback.second_path import SecondPath
from otel_clinical.rollback.signing import signer
from otel_clinical.rollback.smoke import SmokeRunner
from otel_clinical.rollback.store import CANNOT_STORE, Store
from otel_clinical.rollback.targets import FileTarget
from otel_clinical.rollback.targets.trial import problems, trials
from otel_clinical.rollback.telemetry import ControllerCollector, Counters
from otel_clinical.rollback.terms import read_terms
from otel_clinical.rollback.worker import Worker
from otel_clinical.semconv.enums import RollbackAccessRefusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from socket import socket

    from starlette.applications import Starlette

    from otel_clinical.access import Certificate
    from otel_clinical.policy import Policy
    from otel_clinical.rollback._records import Timing
    from otel_clinical.rollback.second_path import Pager
    from otel_clinical.semconv.enums import RollbackMode

_log = logging.getLogger(__name__)
_PATIENCE: Final = 3.0
"""Pulls for which Prometheus may be silent before the controller says that it is not ready."""

_SILENCE: Final = 60.0
"""Seconds for which Alertmanager may take nothing before people are called by the second path."""
_UNKNOWN: Final = "unknown"
"""The source of a handshake that failed: it ends before anybody is told whose it was."""
_FAREWELL: Final = 5.0
"""Seconds that each place which follows the pointer is given to finish a look when the controller stops."""


class _Server(uvicorn.Server):
    """A server that says when it answers requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


@dataclass(frozen=True, slots=True)
class People:
    """Where people are told: Alertmanager's base URL, the pages' address as people reach it, seconds between posts."""

    alertmanager: str
    url: str
    tokens: TokenFile | None = None
    every: float = 15.0


class AlreadyRunningError(RuntimeError):
    """Another controller works on the same state directory."""


class ControllerService:
    """A rollback controller: one store, one worker, one HTTP interface.

    Args:
        policy: What may be done.
        state: Directory of the database; one controller at a time.
        tokens: File with one or two bearer tokens.
        prometheus: Base URL.
        mode: Overrides the policy's mode for every model.
        timing: How often to look again.
        pull: Seconds between two looks at what fires in Prometheus.
        clock: Unix seconds; by default those of a `SteadyClock`.
        zone: In which the pages for people show times.
        proxy: Whose identity header the pages believe.
        people: Where alerts for people are posted; None where the controller posts none.
        audit_key: File of the private key that signs the audit's checkpoints; in `state` by default.
        persons: File with the public keys of people who may answer through a program.
        callers: Names in the certificates of those who may post alerts; without any, every caller may.
        certificates: Whether the mail address in a visitor's certificate says who they are.
        pager: Whom to call where the alerting path is dead itself.

    Raises:
        AlreadyRunningError: another process holds `state`.
        AccessError: the token file cannot be used.
    """

    def __init__(
        self,
        policy: Policy,
        state: Path,
        tokens: Path,
        prometheus: str,
        *,
        mode: RollbackMode | None = None,
        timing: Timing | None = None,
        pull: float = 15.0,
        clock: Callable[[], float] | None = None,
        zone: tzinfo = UTC,
        proxy: Proxy | None = None,
        people: People | None = None,
        audit_key: Path | None = None,
        persons: Path | None = None,
        callers: frozenset[str] = frozenset(),
        certificates: bool = False,
        pager: Pager | None = None,
    ) -> None:
        clock = clock or SteadyClock()
        terms = read_terms(policy, mode)
        allowed = TokenFile(tokens)
        known = Persons(persons) if persons is not None else None
        self._lease = _lease(state)
        if not (state / DATABASE).exists():
            _log.warning(
                "state directory %s is new: no quarantine, freeze or incident is known. If this controller ran "
                "before, stop it and give it its old --state",
                state,
            )
        self.store = Store(state)
        self._prometheus = Prometheus(prometheus, clock=clock)
        self.prometheus, self.modes = self._prometheus.address, {model: term.mode for model, term in terms.items()}
        counters = Counters(terms)
        targets = {model: FileTarget(term.pointer, clock=clock) for model, term in terms.items()}
        self.worker = Worker(
            terms,
            targets,
            self.store,
            self._prometheus,
            counters,
            clock=clock,
            timing=timing,
            pull=pull,
            signer=signer(state, audit_key),
            acted=self.store.acted(),
            policy=policy.hash,
            preflight=lambda model: problems(trials(policy, model)),
        )
        self._smoke = SmokeRunner(terms, self.store, self.worker.snapshot, clock)
        registry = CollectorRegistry()
        self.followers = read_followers(
            policy, lambda action, object_, data: self.store.note(action, object_, data, clock()), pull=pull
        )
        registry.register(FollowerCollector(self.followers))
        registry.register(DrillCollector(self.store))
        registry.register(ControllerCollector(terms, counters, self.worker.snapshot))

        def unconfirmed() -> str | None:
            return self._prometheus.reach.problem(_PATIENCE * pull)

        sources = Sources(
            policy, terms, self.store, self.worker, self._prometheus, clock, unconfirmed, zone, people is not None
        )
        key = page_key(state)
        self._refusals = Refusals(self.store, clock, counters.refusal)
        refused, links = self._refusals.add, Links(key)
        visitors = Visitors(key, allowed, clock, proxy, refused, certificates=certificates)
        self.notifier = None
        if people is not None:
            self.notifier = Notifier(
                Alertmanager(people.alertmanager, people.tokens),
                self.store,
                terms,
                links,
                url=people.url,
                runbooks=policy.fleet.runbooks,
                clock=clock,
                zone=zone,
                every=people.every,
            )
        self.app: Starlette = Receiver(
            terms,
            allowed,
            self.store,
            self.worker,
            counters=counters,
            registry=registry,
            clock=clock,
            unconfirmed=unconfirmed,
            persons=known,
            callers=callers,
            refused=self._refusals.add,
        ).app([*Pages(sources, visitors).routes(), *LinkPages(sources, links).routes()])
        self.app.add_exception_handler(404, missing)
        self.app.add_middleware(Audited, refusals=self._refusals)
        self._second_path = None
        if pager is not None:

            def note(action: str, data: Mapping[str, Any]) -> None:
                self.store.note(action, "controller", dict(data), clock())

            self._second_path = SecondPath(pager, self._untold, note, f"otel-clinical/{policy.fleet.name}")
        armed = [model for model in terms if ARMED in self.store.load(model).standing]
        started = {"policy": policy.hash, "mode": self.modes, "release": __version__, "armed": armed}
        self.store.note("controller.started", "controller", started, clock())

    def run(
        self, host: str, port: int, certificate: Certificate | None = None, *, ready: Callable[[], None] = lambda: None
    ) -> None:
        """Serve until SIGTERM or SIGINT; a request under way is answered, a change under way is recorded.

        `ready` is called once, when requests are answered.
        """
        secured = {} if certificate is None else _tls(certificate)
        if self._second_path is not None:
            self._second_path.start()
        thread = threading.Thread(target=self.worker.run, name="rollback-worker", daemon=True)
        thread.start()
        if self.notifier is not None:
            self.notifier.start()
        for follower in self.followers:
            follower.start()
        smoke = threading.Thread(target=self._smoke.run, name="golden-set", daemon=True)
        smoke.start()
        refusals = threading.Thread(target=self._refusals.run, name="refusals", daemon=True)
        refusals.start()
        try:
            config = uvicorn.Config(
                self.app,
                http=CertifiedProtocol,  # over h11, which bounds a head; what is picked by itself does not
                host=host,
                port=port,
                log_level="warning",
                access_log=False,
                server_header=False,
                # Whoever may write X-Forwarded-For could pass for the one proxy whose word about people is believed.
                proxy_headers=False,
                timeout_graceful_shutdown=5,
                timeout_keep_alive=30,
                **secured,
            )
            config.load()
            if config.ssl is not None:
                watch_handshakes(config.ssl, lambda: self._refusals.add(RollbackAccessRefusal.HANDSHAKE, _UNKNOWN))
            # Once it has stopped, uvicorn raises the signal again that asked for it: left as it is, SIGTERM would end
            # the process there, before what is under way is recorded and what was counted is written down.
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, signal.default_int_handler)
            with suppress(KeyboardInterrupt):
                _Server(config, ready).run()
        finally:
            self.worker.stop()
            self._smoke.stop()
            self._refusals.stop()
            refusals.join(10)
            self._refusals.flush(end=True)
            thread.join(10)
            smoke.join(2)
            for follower in self.followers:
                follower.stop(_FAREWELL)
            self.close()

    def _untold(self) -> dict[str, str]:
        """Return what the alerting path cannot tell people, because it is what fails, by what it is about."""
        found = {
            f"blind/{model}": f"The rollback controller hears no watchdog of the alerting path ({model}): alerts may "
            "reach neither people nor the controller"
            for model, state in self.worker.states().items()
            if BLIND in state.standing
        }
        if self.store.problem:
            found["store"] = "Rollback controller: " + CANNOT_STORE.format(self.store.problem)
        if self.notifier is not None and self.notifier.silent_for() > _SILENCE:
            found["alertmanager"] = "Alertmanager does not take what the rollback controller tells people"
        return found

    def close(self) -> None:
        """Release database, connections and lease."""
        if self._second_path is not None:
            self._second_path.stop(_FAREWELL)
        if self.notifier is not None:
            self.notifier.stop(10)
        self._prometheus.close()
        self.store.close()
        self._lease.close()


def _tls(certificate: Certificate) -> dict[str, Any]:
    """Return a certificate as uvicorn takes it."""
    pair = {"ssl_certfile": str(certificate.chain), "ssl_keyfile": str(certificate.key)}
    if certificate.clients is None:
        return pair
    return {**pair, "ssl_ca_certs": str(certificate.clients), "ssl_cert_reqs": ssl.CERT_REQUIRED}


def _lease(state: Path) -> TextIO:
    """Hold the state directory for this process; the kernel lets go of it however the process ends."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = (state / "lease").open("a")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise AlreadyRunningError(f"{state}: another controller works on this state directory") from None
    return held
