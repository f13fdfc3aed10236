"""Do the work that follows from stored state: hear alerts, look, change, watch."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback import faults
from otel_clinical.rollback._blind import BLIND
from otel_clinical.rollback._records import Timing
from otel_clinical.rollback.alerts import AGGREGATE
from otel_clinical.rollback.carrying import FilesBeside
from otel_clinical.rollback.clock import ClockWatch
from otel_clinical.rollback.confirm import ended_alerts, firing_alerts, labels_of, look, look_at_recovery
from otel_clinical.rollback.earned import readiness_of, unmet
from otel_clinical.rollback.engine import Look, Make, Work, due, next_due, step
from otel_clinical.rollback.events import (
    AlertSeen,
    ChangeBegun,
    ChangeMade,
    Event,
    HeartbeatLooked,
    PointerSeen,
    ReadinessSeen,
    RecoverySeen,
    ReleaseSeen,
    Sampled,
    TargetUnreachable,
)
from otel_clinical.rollback.executor import carry_out
from otel_clinical.rollback.ledger import candidate
from otel_clinical.rollback.orders import OrderKind
from otel_clinical.rollback.prometheus import Prometheus, PrometheusUnavailableError
from otel_clinical.rollback.state import Key
from otel_clinical.rollback.targets import Applied, Unreachable
from otel_clinical.rollback.targets.file import ACTOR
from otel_clinical.rollback.telemetry import Counters, Snapshot
from otel_clinical.rollback.witness import witness
from otel_clinical.semconv.enums import (
    DeploymentChangeReason,
    DeploymentChangeTrigger,
    DeploymentChangeType,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback._records import Record
    from otel_clinical.rollback.alerts import Alert
    from otel_clinical.rollback.orders import Order
    from otel_clinical.rollback.signing import Signer
    from otel_clinical.rollback.state import ModelState
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.targets import Target
    from otel_clinical.rollback.terms import Terms

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 100
_WITNESS_EVERY: Final = 900.0
_HOUR: Final = 3_600.0
_LONGEST_TURN: Final = 120.0
_LONGEST_PAUSE: Final = 1.0
"""Seconds after which the worker looks again at what people left for it, whoever wrote it."""
_SHORTEST_WAIT: Final = 0.02
_LONGEST_ABSENCE: Final = 86_400.0
_OVERLAP: Final = 3_600.0
"""Seconds before an absence that are looked at as well: what was heard then is known and not taken up twice."""


class Worker:
    """The one thread that decides and acts. Everything it needs to resume is in the store.

    Args:
        terms: By model.
        targets: By model.
        store: Where state lives.
        prometheus: What is asked.
        counters: What is counted.
        clock: Unix seconds.
        timing: How often to look again.
        pull: Seconds between two looks at what fires in Prometheus and at foreign changes of the pointer.
        signer: Signs the head of the audit every quarter of an hour and whenever people are called.
        acted: Models for which the controller acted before it was asked whether it has earned that.
        policy: Hash of the policy; another one than the approved one calls people.
        preflight: Says by model why it should not be armed, beside its own pointer; an empty string where nothing is.
    """

    def __init__(
        self,
        terms: Mapping[str, Terms],
        targets: Mapping[str, Target],
        store: Store,
        prometheus: Prometheus,
        counters: Counters,
        *,
        clock: Callable[[], float],
        timing: Timing | None = None,
        pull: float = 15.0,
        signer: Signer | None = None,
        acted: frozenset[str] = frozenset(),
        policy: str = "",
        preflight: Callable[[str], str] = lambda _model: "",
    ) -> None:
        self._acted, self._policy, self._preflight = acted, policy, preflight
        self._signer, self._witness_due, self._next_witness = signer, False, 0.0
        self._terms, self._targets = terms, targets
        self._store, self._prometheus, self._counters = store, prometheus, counters
        self._clock, self._timing, self._pull = clock, timing or Timing(), pull
        self._states: dict[str, ModelState] = {model: store.load(model) for model in terms}
        self._pointers: dict[str, ReleasePointer] = {}
        self._unread: set[str] = set()
        self._files = FilesBeside(terms, store, clock)
        self._started, self._clocks = clock(), ClockWatch(clock, store)
        self._tried = {intent for state in self._states.values() for intent in state.intents}
        self._next_pull = self._next_hour = 0.0
        self._deaf_since = store.last_alive()
        self._heard = 0
        self._failed_until = 0.0
        self._last_turn = time.monotonic()
        self._wake = threading.Event()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until `stop` is called."""
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 -- whatever happens, the controller keeps watching
                _log.error("controller turn failed: %s", type(error).__name__)
                self._failed_until = self._clock() + self._timing.confirm
            self._last_turn = time.monotonic()
            self._wake.wait(self._pause())

    def working(self) -> bool:
        """Tell whether turns are being done: a worker that hangs must not look alive from outside."""
        return time.monotonic() - self._last_turn < _LONGEST_TURN

    def stop(self) -> None:
        """End `run` after the current turn."""
        self._stopping.set()
        self._wake.set()

    def wake(self, *, pull: bool = False) -> None:
        """Work now; with `pull`, ask Prometheus as well what is firing."""
        if pull:
            self._next_pull = 0.0
        self._wake.set()

    def turn(self) -> None:
        """Do everything that is due now, once."""
        self._clocks.look()
        if self._clock() >= self._next_pull:
            self._next_pull = self._clock() + self._pull
            self._pull_state()
        if self._clock() >= self._next_hour:
            self._next_hour = self._clock() + _HOUR
            self._judge_readiness()
            self._store.prune(self._clock())
        self._hear()
        for row, order in self._store.waiting_orders():
            if order.model in self._terms:
                self._obey(row, order)
        for row, model, closure in self._store.waiting_closures():
            self._apply(model, closure, closure=row)
        for _ in range(_AT_ONCE):
            if not any(self._work(model) for model in self._terms):
                break
        self._witness()

    def _hear(self) -> None:
        """Take some of the waiting alerts into account: a flood of them must not hold back what is under way."""
        waiting = self._store.waiting_alerts(self._heard, _AT_ONCE)
        for _, same in groupby(waiting, lambda found: replace(found[1], starts_at=0.0)):
            (row, alert), *rest = same
            pointer = self._read(alert.model)
            if pointer is None:
                continue
            self._apply(alert.model, AlertSeen(alert, pointer), alert=row)
            if rest:  # each request is in the audit; that it said the same again changes nothing
                self._store.repeated([again for again, _ in rest], self._clock())
        # What cannot be taken up while there is no pointer stays, and must not keep others from being heard.
        more = len(waiting) == _AT_ONCE
        self._heard = waiting[-1][0] if more else 0
        if more:
            self._wake.set()

    def _obey(self, row: int, order: Order) -> None:
        """Take up what a person ordered; nothing is armed that could not be switched."""
        if order.kind is OrderKind.ARM:
            problem = self._targets[order.model].preflight() or self._preflight(order.model)
            order = replace(order, facts={"problem": problem}) if problem else order
        self._files.carry_out(order, self._apply(order.model, order, order=row))

    def _witness(self) -> None:
        """Sign the head of the audit where it is time, and say it where others keep it."""
        if self._signer is None or not (self._witness_due or self._clock() >= self._next_witness):
            return
        signed = self._store.sign(self._signer, self._clock())
        self._witness_due, self._next_witness = False, self._clock() + _WITNESS_EVERY
        if signed is not None:
            witness(signed)

    def snapshot(self) -> Snapshot:
        """Return what the metrics show."""
        return Snapshot(
            states=dict(self._states),
            pointers=dict(self._pointers),
            heartbeat=self._store.last_heartbeat(),
            confirmation=self._prometheus.reach.last,
            audit=self._store.audit_head(),
            now=self._clock(),
        )

    def _pause(self) -> float:
        now = self._clock()
        times = [at for model in self._terms if (at := next_due(self._terms[model], self._states[model]))]
        soonest = max(min([self._next_pull, *times]), self._failed_until)
        return min(max(soonest - now, _SHORTEST_WAIT), _LONGEST_PAUSE)

    def _work(self, model: str) -> bool:
        """Do the first thing that is due for a model; tell whether there was one."""
        works = due(self._terms[model], self._states[model], self._clock())
        if not works:
            return False
        self._do(model, works[0])
        return True

    def _do(self, model: str, work: Work) -> None:
        if isinstance(work, Make):
            self._make(model, work.intent)
            return
        incident = self._states[model].incidents[work.incident]
        pointer = self._read(model)
        if pointer is None:
            self._apply(model, TargetUnreachable(incident.id, "release pointer cannot be read"))
        elif isinstance(work, Look):
            target = candidate(self._states[model], pointer)
            sample = look(self._prometheus, self._terms[model], incident, self._clock(), target)
            self._clocks.compare(sample.clock)
            self._apply(model, Sampled(incident.id, sample, pointer))
        else:
            intent = self._states[model].applied(incident.id)
            version = (intent.change.version if intent else None) or pointer.version
            segment = incident.key.segment
            if intent is not None and intent.change.segment is None:
                segment = AGGREGATE
            seen = look_at_recovery(self._prometheus, segment, version, pointer, self._clock())
            self._apply(model, RecoverySeen(incident.id, seen, pointer))

    def _make(self, model: str, key: str) -> None:
        self._apply(model, ChangeBegun(key))
        event = carry_out(self._targets[model], self._states[model].intents[key], first=key not in self._tried)
        self._tried.add(key)
        if isinstance(event, TargetUnreachable):
            _log.error("release pointer of %s cannot be read or written", model)
        elif isinstance(event, ChangeMade):
            self._pointers[model] = event.pointer
        self._apply(model, event)

    def _apply(
        self,
        model: str,
        event: Event,
        *,
        alert: int | None = None,
        closure: int | None = None,
        order: int | None = None,
    ) -> tuple[Record, ...]:
        """Step the engine, commit what it says before anything else happens, and return it."""
        now, before = self._clock(), self._states[model]
        result = step(self._terms[model], before, event, now, self._timing)
        used = {"alert": alert, "closure": closure, "order": order}
        if result.state is before and not result.records and all(row is None for row in used.values()):
            return ()
        self._store.commit(model, before, result.state, result.records, at=now, **used)
        self._states[model] = result.state
        self._witness_due |= any(record.page for record in result.records)
        self._counters.records(model, result.records)
        self._count(model, before, result.state, event)
        if len(result.state.intents) > len(before.intents):
            faults.reach("after_intent")
        if isinstance(event, ChangeMade):
            faults.reach("after_marker")
        return result.records

    def _count(self, model: str, before: ModelState, after: ModelState, event: Event) -> None:
        if isinstance(event, Sampled):
            looked = after.incidents[event.incident]
            if looked.attempts > before.incidents[event.incident].attempts:
                self._counters.guards(looked)
        if isinstance(event, ChangeMade) and after is not before:
            incident = after.incidents[after.intents[event.intent].incident]
            begun = max(incident.starts_at, incident.armed_at or 0.0)
            self._counters.duration(model, (incident.acted_at or 0.0) - begun)
            self._observe(event.pointer)

    def _pull_state(self) -> None:
        """Find alerts whose notification was lost, and changes that people made."""
        heard = self._store.last_heartbeat()
        # Nobody can have been heard while the controller was not there.
        heard = None if heard is None else max(heard, self._started)
        for model in self._terms:
            self._apply(model, HeartbeatLooked(heard, self._read(model)))
            self._files.look(model)
        try:
            alerts = firing_alerts(self._prometheus, self._terms, self._clock()) + self._ended_meanwhile()
            for model, serving in self._pointers.items():
                self._apply(model, ReleaseSeen(serving, labels_of(self._prometheus, model, serving.version)))
                if BLIND not in self._states[model].standing:
                    self._store.watch(model, self._clock())
        except PrometheusUnavailableError:
            self._deaf_since = self._deaf_since or self._clock()
            return
        for alert in alerts:
            pointer = self._pointers.get(alert.model)
            if pointer is not None:
                self._apply(alert.model, AlertSeen(alert, pointer, pulled=True))

    def _ended_meanwhile(self) -> list[Alert]:
        """Return what fired and ended while nobody could hear it: it is looked at once, and people are called."""
        if self._deaf_since is None:
            return []
        now, found = self._clock(), []
        for model, pointer in self._pointers.items():
            since = max(self._deaf_since - _OVERLAP, now - _LONGEST_ABSENCE, pointer.activated_at)
            for alert in ended_alerts(self._prometheus, self._terms[model], since, now):
                key = Key(model, alert.cause, alert.segment, pointer.activation)
                if key.id not in self._states[model].incidents:
                    found.append(alert)
        self._deaf_since = None
        return found

    def _judge_readiness(self) -> None:
        """See what the controller has earned: mode `enforce` alone does not let it act."""
        for model in self._terms:
            serving, state = self._pointers.get(model), self._states[model]
            found = readiness_of(self._store, model, state, serving.version if serving else None, self._clock())
            self._apply(model, ReadinessSeen(unmet(found), model in self._acted, self._policy))

    def _read(self, model: str) -> ReleasePointer | None:
        try:
            pointer = self._numbered(model, self._targets[model].read())
        except Unreachable as error:
            if model not in self._unread:
                self._unread.add(model)
                _log.error("%s: %s; until it can be read nothing will be done for %s", model, error, model)
            return None
        if model in self._unread:
            self._unread.remove(model)
            _log.warning("%s: the release pointer can be read again", model)
        known = self._pointers.get(model)
        self._pointers[model] = pointer
        if known != pointer:
            self._observe(pointer)
            self._apply(model, PointerSeen(pointer))
            self._apply(model, ReleaseSeen(pointer, None))
        return pointer

    def _numbered(self, model: str, pointer: ReleasePointer) -> ReleasePointer:
        """Return what serves under an activation number that is its own; raise `Unreachable` where that fails.

        Incidents, evidence and the limit of one rollback per activation are all kept by that number.
        """
        if pointer == self._pointers.get(model):
            return pointer
        last = self._store.repeats(pointer)
        if last is None:
            return pointer
        outcome = self._targets[model].renumber(pointer.epoch, last)
        if not isinstance(outcome, Applied):
            raise Unreachable("the release pointer was changed while its activation was numbered anew")
        data = {"version": pointer.version, "from": pointer.activation, "to": outcome.pointer.activation}
        self._store.note("activation.renumbered", model, data, self._clock())
        _log.warning(
            "the release pointer of %s was made anew or put back: activation %d was used before, now it is %d",
            model,
            pointer.activation,
            outcome.pointer.activation,
        )
        return outcome.pointer

    def _observe(self, pointer: ReleasePointer) -> None:
        """Note a new activation in the ledger and count it."""
        if not self._store.observe(pointer, self._clock()) or pointer.previous_version is None:
            return
        automatic = pointer.updated_by == ACTOR
        self._counters.change(
            pointer.model,
            DeploymentChangeType.ROLLBACK if automatic else DeploymentChangeType.PROMOTE,
            DeploymentChangeTrigger.AUTOMATIC if automatic else DeploymentChangeTrigger.MANUAL,
            DeploymentChangeReason.ACCURACY if automatic else DeploymentChangeReason.RELEASE,
        )
