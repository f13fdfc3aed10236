"""Step the engine, and commit what it says before anything else happens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from otel_clinical._version import __version__
from otel_clinical.rollback import faults
from otel_clinical.rollback.engine import step
from otel_clinical.rollback.events import ChangeMade, Event, Sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from otel_clinical.rollback._records import Record, Timing
    from otel_clinical.rollback.state import ModelState
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.telemetry import Counters
    from otel_clinical.rollback.terms import Terms


class Stepper:
    """What is known of every model, in memory as in the store, and the only way to change it.

    Args:
        terms: By model.
        store: Where it is kept.
        counters: What is counted of each step.
        clock: Unix seconds.
        timing: How often to look again.
        policy: Its hash, which is written into every decision with the release of the software.

    Attributes:
        states: By model, as committed.
        paged: Whether people were called since somebody last set it to False.
    """

    def __init__(
        self,
        terms: Mapping[str, Terms],
        store: Store,
        counters: Counters,
        clock: Callable[[], float],
        *,
        timing: Timing,
        policy: str = "",
    ) -> None:
        self._basis = {"policy": policy, "release": __version__}
        self._terms, self._store, self._counters = terms, store, counters
        self._clock, self._timing = clock, timing
        self.states: dict[str, ModelState] = {model: store.load(model) for model in terms}
        self.paged = False

    def apply(
        self,
        model: str,
        event: Event,
        *,
        alert: int | None = None,
        closure: int | None = None,
        order: int | None = None,
    ) -> tuple[Record, ...]:
        """Step the engine, commit what it says with the row that the event came from, and return its records.

        Raises:
            sqlite3.Error: nothing could be committed; what is known stays as it was.
        """
        now, before = self._clock(), self.states[model]
        result = step(self._terms[model], before, event, now, self._timing)
        used = {"alert": alert, "closure": closure, "order": order}
        if result.state is before and not result.records and all(row is None for row in used.values()):
            return ()
        self._store.commit(model, before, result.state, self._founded(result.records), at=now, **used)
        self.states[model] = result.state
        self.paged |= any(record.page for record in result.records)
        self._counters.records(model, result.records)
        self._count(model, before, result.state, event)
        if len(result.state.intents) > len(before.intents):
            faults.reach("after_intent")
        if isinstance(event, ChangeMade):
            faults.reach("after_marker")
        return result.records

    def _founded(self, records: Iterable[Record]) -> Iterator[Record]:
        """Write into every decision what it was taken by."""
        for record in records:
            decision = record.action.startswith("decision.")
            yield replace(record, data={**record.data, **self._basis}) if decision else record

    def _count(self, model: str, before: ModelState, after: ModelState, event: Event) -> None:
        if isinstance(event, Sampled):
            looked = after.incidents[event.incident]
            if looked.attempts > before.incidents[event.incident].attempts:
                self._counters.guards(looked)
        if isinstance(event, ChangeMade) and after is not before:
            incident = after.incidents[after.intents[event.intent].incident]
            begun = max(incident.starts_at, incident.armed_at or 0.0)
            self._counters.duration(model, (incident.acted_at or 0.0) - begun)
