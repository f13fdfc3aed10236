"""Do the work that follows from stored state: hear alerts, look, change, watch."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback._records import Timing
from otel_clinical.rollback.alerts import AGGREGATE
from otel_clinical.rollback.carrying import FilesBeside
from otel_clinical.rollback.clock import ClockWatch
from otel_clinical.rollback.confirm import look, look_at_recovery
from otel_clinical.rollback.earned import readiness_of, unmet
from otel_clinical.rollback.engine import Look, Make, Work, due, next_due
from otel_clinical.rollback.events import (
    AlertSeen,
    ChangeBegun,
    ChangeMade,
    ReadinessSeen,
    RecoverySeen,
    Sampled,
    TargetUnreachable,
)
from otel_clinical.rollback.executor import carry_out
from otel_clinical.rollback.finding import Finder
from otel_clinical.rollback.ledger import candidate, way_back
from otel_clinical.rollback.orders import ARMED, OrderKind
from otel_clinical.rollback.served import Serving
from otel_clinical.rollback.stepping import Stepper
from otel_clinical.rollback.telemetry import Counters, Snapshot
from otel_clinical.rollback.witness import witness
from otel_clinical.semconv.enums import RollbackMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_clinical.rollback.orders import Order
    from otel_clinical.rollback.prometheus import Prometheus
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
        self._signer, self._next_witness = signer, 0.0
        self._terms, self._targets, self._store, self._prometheus = terms, targets, store, prometheus
        self._clock, self._timing, self._pull = clock, timing or Timing(), pull
        self._stepper = Stepper(terms, store, counters, clock, timing=self._timing, policy=policy)
        self._serving = Serving(targets, self._stepper, store, counters, clock)
        self._files = FilesBeside(terms, store, clock)
        self._finder = Finder(
            terms, self._stepper, self._serving, files=self._files, store=store, prometheus=prometheus, clock=clock
        )
        self._clocks = ClockWatch(clock, store)
        self._tried = {intent for state in self._states.values() for intent in state.intents}
        self._next_pull = self._next_hour = 0.0
        self._heard = 0
        self._failed_until = 0.0
        self._last_turn = time.monotonic()
        self._wake = threading.Event()
        self._stopping = threading.Event()

    @property
    def _states(self) -> dict[str, ModelState]:
        return self._stepper.states

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
            self._store.try_writing(self._clock())
            self._finder.look()
        if self._clock() >= self._next_hour:
            self._next_hour = self._clock() + _HOUR
            self._judge_readiness()
            self._store.prune(self._clock())
        self._hear()
        for row, order in self._store.waiting_orders():
            if order.model in self._terms:
                self._obey(row, order)
        for row, model, closure in self._store.waiting_closures():
            self._stepper.apply(model, closure, closure=row)
        for _ in range(_AT_ONCE):
            if not any(self._work(model) for model in self._terms):
                break
        self._witness()

    def states(self) -> dict[str, ModelState]:
        """Return what is known of every model, without asking the store."""
        return dict(self._states)

    def snapshot(self) -> Snapshot:
        """Return what the metrics show."""
        return Snapshot(
            states=dict(self._states),
            pointers=dict(self._serving.pointers),
            heartbeat=self._store.last_heartbeat(),
            confirmation=self._prometheus.reach.last,
            audit=self._store.audit_head(),
            stored=not self._store.problem,
            now=self._clock(),
        )

    def _hear(self) -> None:
        """Take some of the waiting alerts into account: a flood of them must not hold back what is under way."""
        waiting = self._store.waiting_alerts(self._heard, _AT_ONCE)
        for _, same in groupby(waiting, lambda found: replace(found[1], starts_at=0.0)):
            (row, alert), *rest = same
            pointer = self._serving.read(alert.model)
            if pointer is None:
                continue
            self._stepper.apply(alert.model, AlertSeen(alert, pointer), alert=row)
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
            problem = self._not_switchable(order.model)
            order = replace(order, facts={"problem": problem}) if problem else order
        if order.kind is OrderKind.ROLLBACK:
            order = replace(order, facts=self._from_here(order.model))
        self._files.carry_out(order, self._stepper.apply(order.model, order, order=row))

    def _from_here(self, model: str) -> dict[str, str]:
        """Say what serves, for an order to go back from it, or why there is nothing to go back to."""
        pointer = self._serving.read(model)
        if pointer is None:
            return {"problem": "the release pointer cannot be read; force-manual stops the AI"}
        version, problem = way_back(self._terms[model], self._states[model], pointer, self._clock())
        if version is None:
            return {"problem": f"there is no version to go back to: {problem}; force-manual stops the AI"}
        return {"version": pointer.version, "activation": str(pointer.activation)}

    def _judge_readiness(self) -> None:
        """See what the controller has earned: mode `enforce` alone does not let it act.

        The places that follow are asked last, once nothing else is missing: that takes a while.
        """
        for model, terms in self._terms.items():
            serving, state = self._serving.pointers.get(model), self._states[model]
            found = readiness_of(self._store, model, state, serving.version if serving else None, self._clock())
            missing = unmet(found)
            if not missing and terms.mode is RollbackMode.ENFORCE and ARMED not in state.standing:
                problem = self._not_switchable(model)
                missing = (f"it could be switched now: {problem}",) if problem else ()
            self._stepper.apply(model, ReadinessSeen(missing, model in self._acted, self._policy))

    def _not_switchable(self, model: str) -> str:
        """Say why a switch would fail now, in the pointer or in a place that follows it, or return an empty string."""
        return self._targets[model].preflight() or self._preflight(model)

    def _witness(self) -> None:
        """Sign the head of the audit where it is time, and say it where others keep it."""
        if self._signer is None or not (self._stepper.paged or self._clock() >= self._next_witness):
            return
        signed = self._store.sign(self._signer, self._clock())
        self._stepper.paged, self._next_witness = False, self._clock() + _WITNESS_EVERY
        if signed is not None:
            witness(signed)

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
        pointer = self._serving.read(model)
        if pointer is None:
            self._stepper.apply(model, TargetUnreachable(incident.id, "release pointer cannot be read"))
        elif isinstance(work, Look):
            target = candidate(self._states[model], pointer)
            sample = look(self._prometheus, self._terms[model], incident, self._clock(), target)
            self._clocks.compare(sample.clock)
            self._stepper.apply(model, Sampled(incident.id, sample, pointer))
        else:
            intent = self._states[model].applied(incident.id)
            version = (intent.change.version if intent else None) or pointer.version
            segment = incident.key.segment
            if intent is not None and intent.change.segment is None:
                segment = AGGREGATE
            seen = look_at_recovery(self._prometheus, segment, version, pointer, self._clock())
            self._stepper.apply(model, RecoverySeen(incident.id, seen, pointer))

    def _make(self, model: str, key: str) -> None:
        """Make a planned change; once it has begun no veto stops it."""
        self._stepper.apply(model, ChangeBegun(key))
        event = carry_out(self._targets[model], self._states[model].intents[key], first=key not in self._tried)
        self._tried.add(key)
        if isinstance(event, TargetUnreachable):
            _log.error("release pointer of %s cannot be read or written", model)
        self._stepper.apply(model, event)
        if isinstance(event, ChangeMade):
            self._serving.changed(event.pointer)
