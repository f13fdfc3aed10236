"""Say what the controller would do with a notification: the same path up to the change, on copies of everything."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback._records import Timing
from otel_clinical.rollback.alerts import parse_notification
from otel_clinical.rollback.leaving import leaving
from otel_clinical.rollback.prometheus import Prometheus
from otel_clinical.rollback.records import DATABASE
from otel_clinical.rollback.store import Store
from otel_clinical.rollback.targets import FileTarget
from otel_clinical.rollback.telemetry import Counters
from otel_clinical.rollback.worker import Worker
from otel_clinical.semconv.enums import RollbackMode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.rollback.alerts import Notification
    from otel_clinical.rollback.terms import Terms

_STEP: Final = 15.0
"""Seconds by which a moment in the past moves on between two looks: one usual evaluation."""
_PAUSE: Final = 0.2
_OPEN: Final = frozenset({"deciding"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What would become of one alert: in which state its incident would be, and the incident itself; None if none."""

    alert: str
    model: str
    segment: str
    incident: Mapping[str, Any] | None
    notes: tuple[str, ...]


class _Moment:
    """A clock that stands at a moment in the past and is moved on, or goes with the system's."""

    def __init__(self, at: float | None) -> None:
        self._at = at

    def __call__(self) -> float:
        return time.time() if self._at is None else self._at

    def pass_by(self) -> None:
        """Let time pass until it is worth looking again."""
        if self._at is None:
            time.sleep(_PAUSE)
        else:
            self._at = min(self._at + _STEP, time.time())


def simulate(
    terms: Mapping[str, Terms],
    body: bytes,
    prometheus: str,
    *,
    state: Path | None = None,
    at: float | None = None,
    patience: float = 60.0,
) -> list[Outcome]:
    """Return what would become of every alert of a notification; nothing outside a temporary directory is written.

    Args:
        terms: By model.
        body: What Alertmanager would post.
        prometheus: Base URL; asked as of `at`.
        state: Directory of a controller, whose incidents, ledger and orders count; without it nothing is known.
        at: Unix seconds in the past; None for now.
        patience: Seconds after which an undecided alert is left so.

    Raises:
        MalformedNotificationError: the body is none.
        FileNotFoundError: `state` holds no controller's database.
    """
    notification = parse_notification(body, terms)
    with tempfile.TemporaryDirectory(prefix="otel-clinical-simulate-") as name:
        folder = Path(name)
        if state is not None:
            _copy(state / DATABASE, folder / DATABASE)
        copies = {model: _aside(term, folder) for model, term in terms.items()}
        with closing(Store(folder)) as store:
            return _played(copies, notification, body, prometheus, store, _Moment(at), patience)


def _played(  # noqa: PLR0917 -- the parts of one controller
    terms: Mapping[str, Terms],
    notification: Notification,
    body: bytes,
    prometheus: str,
    store: Store,
    moment: _Moment,
    patience: float,
) -> list[Outcome]:
    began, head = moment(), store.audit_head().seq
    asked = Prometheus(prometheus, clock=moment, at=moment)
    try:
        targets = {model: FileTarget(term.pointer, clock=moment) for model, term in terms.items()}
        timing = Timing(confirm=0.0, retry=_STEP)
        worker = Worker(terms, targets, store, asked, Counters(terms), clock=moment, timing=timing, pull=1e12)
        store.receive(body, notification, began)
        deadline = time.monotonic() + patience
        while True:
            worker.turn()
            found = [item for item in store.incidents() if item["last_seen"] >= began]
            if not any(item["state"] in _OPEN for item in found) or time.monotonic() > deadline:
                break
            moment.pass_by()
    finally:
        asked.close()
    events = store.audit_events(head, 10_000)
    return [_outcome(alert, store, events) for alert in notification.alerts]


def _outcome(alert: Any, store: Store, events: list[Any]) -> Outcome:
    keys = (alert.model, alert.segment.name, alert.segment.value)
    found = [
        item
        for item in store.incidents()
        if (item["key"]["model"], item["key"]["segment"]["name"], item["key"]["segment"]["value"]) == keys
    ]
    incident = max(found, key=lambda item: item["last_seen"], default=None)
    about = {alert.model} | ({incident["id"]} if incident else set())
    told = tuple(event.action for event in events if event.object in about)
    where = f"{alert.segment.name}={alert.segment.value}"
    return Outcome(alert.name, alert.model, where, leaving(incident) if incident else None, told)


def _aside(terms: Terms, folder: Path) -> Terms:
    """Return terms whose pointer is a copy, and that keep the controller from more than a note."""
    copy = folder / f"{terms.model}.pointer"
    if terms.pointer.exists():
        shutil.copy(terms.pointer, copy)
    return replace(terms, pointer=copy, mode=RollbackMode.OBSERVE)


def _copy(source: Path, to: Path) -> None:
    """Copy a database that a controller may be writing."""
    if not source.is_file():
        raise FileNotFoundError(f"{source}: no controller database; name the controller's --state directory")
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as running,
        closing(sqlite3.connect(to)) as copy,
    ):
        running.backup(copy)
