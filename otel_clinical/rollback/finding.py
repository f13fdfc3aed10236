"""Find what nobody told: alerts whose notification was lost, changes that people made, a watchdog that is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.rollback._blind import BLIND
from otel_clinical.rollback.confirm import ended_alerts, firing_alerts, labels_of
from otel_clinical.rollback.events import AlertSeen, HeartbeatLooked, ReleaseSeen
from otel_clinical.rollback.prometheus import Prometheus, PrometheusUnavailableError
from otel_clinical.rollback.state import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_clinical.rollback.alerts import Alert
    from otel_clinical.rollback.carrying import FilesBeside
    from otel_clinical.rollback.served import Serving
    from otel_clinical.rollback.stepping import Stepper
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.terms import Terms

_LONGEST_ABSENCE: Final = 86_400.0
_OVERLAP: Final = 3_600.0
"""Seconds before an absence that are looked at as well: what was heard then is known and not taken up twice."""


class Finder:
    """Look by itself, every pull, at what should have been heard.

    Args:
        terms: By model.
        stepper: What is told.
        serving: What serves.
        files: What people do with files beside the pointer.
        store: Where the heartbeat is, and how far every model was watched.
        prometheus: What is asked.
        clock: Unix seconds.
    """

    def __init__(
        self,
        terms: Mapping[str, Terms],
        stepper: Stepper,
        serving: Serving,
        *,
        files: FilesBeside,
        store: Store,
        prometheus: Prometheus,
        clock: Callable[[], float],
    ) -> None:
        self._terms, self._stepper, self._serving, self._files = terms, stepper, serving, files
        self._store, self._prometheus, self._clock = store, prometheus, clock
        self._started = clock()
        self._deaf_since = store.last_alive()

    def look(self) -> None:
        """Look once."""
        heard = self._store.last_heartbeat()
        # Nobody can have been heard while the controller was not there.
        heard = None if heard is None else max(heard, self._started)
        for model in self._terms:
            self._stepper.apply(model, HeartbeatLooked(heard, self._serving.read(model)))
            self._files.look(model)
        try:
            alerts = firing_alerts(self._prometheus, self._terms, self._clock()) + self._ended_meanwhile()
            self._watch()
        except PrometheusUnavailableError:
            self._deaf_since = self._deaf_since or self._clock()
            return
        for alert in alerts:
            pointer = self._serving.pointers.get(alert.model)
            if pointer is not None:
                self._stepper.apply(alert.model, AlertSeen(alert, pointer, pulled=True))

    def _watch(self) -> None:
        """Take up how many outcomes what serves has, and note that every model that can be heard of is watched."""
        for model, serving in self._serving.pointers.items():
            labels = labels_of(self._prometheus, model, serving.version)
            self._stepper.apply(model, ReleaseSeen(serving, labels))
            if BLIND not in self._stepper.states[model].standing:
                self._store.watch(model, self._clock())

    def _ended_meanwhile(self) -> list[Alert]:
        """Return what fired and ended while nobody could hear it: it is looked at once, and people are called."""
        if self._deaf_since is None:
            return []
        now, found = self._clock(), []
        for model, pointer in self._serving.pointers.items():
            since = max(self._deaf_since - _OVERLAP, now - _LONGEST_ABSENCE, pointer.activated_at)
            for alert in ended_alerts(self._prometheus, self._terms[model], since, now):
                key = Key(model, alert.cause, alert.segment, pointer.activation)
                if key.id not in self._stepper.states[model].incidents:
                    found.append(alert)
        self._deaf_since = None
        return found
