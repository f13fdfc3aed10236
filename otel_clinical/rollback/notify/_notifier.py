"""Keep people told until somebody answers: a thread of its own, so that a slow Alertmanager delays no decision."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback._ordered import disarmed
from otel_clinical.rollback.calls import LINES, calls_of, level, since
from otel_clinical.rollback.leaving import leaving
from otel_clinical.rollback.notify._alerts import Told, alert, may_wait, wanted
from otel_clinical.rollback.notify._post import Alertmanager, AlertmanagerUnavailableError
from otel_clinical.rollback.page._moments import Moments
from otel_clinical.rollback.page._overview import held_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from otel_clinical.rollback.links import Links
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.terms import Terms

EVERY: Final = 15.0
RAISED: Final = "escalation.raised"
_log = logging.getLogger(__name__)


class Notifier:
    """Post every incident that waits for people, again and again, and call the next in line when nobody answers.

    Whom to call follows from when the incident was opened and from the acknowledgements in the store, so that a
    restart neither starts a timer anew nor forgets one. Each rise is an audit event, written once.

    Args:
        alertmanager: Where alerts go.
        store: Where incidents are.
        terms: By model.
        links: What signs the links.
        url: Of the controller's pages, as people reach them.
        runbooks: Address in front of a runbook's file name.
        clock: Unix seconds.
        zone: In which times are said.
        every: Seconds between two posts.
    """

    def __init__(
        self,
        alertmanager: Alertmanager,
        store: Store,
        terms: Mapping[str, Terms],
        links: Links,
        *,
        url: str,
        runbooks: str,
        clock: Callable[[], float],
        zone: tzinfo,
        every: float = EVERY,
    ) -> None:
        self._alertmanager, self._store, self._terms, self._links = alertmanager, store, terms, links
        self._url, self._runbooks, self._clock = url.rstrip("/"), runbooks, clock
        self._zone, self._every = zone, every
        self._sent: dict[str, Told] = {}
        self._silent_since: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name="rollback-notifier", daemon=True)

    def run(self) -> None:
        """Post until `stop` is called."""
        while not self._stopping.is_set():
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 -- whatever happens, people must go on being told
                _log.error("people could not be told: %s", type(error).__name__)
            self._stopping.wait(self._every)

    def start(self) -> None:
        """Begin to `run` in a thread of its own."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """End `run`, within so many seconds, and close connections."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(within)
        self._alertmanager.close()

    def silent_for(self) -> float:
        """Return for how many seconds Alertmanager has taken nothing, 0 where it takes what it is told."""
        return 0.0 if self._silent_since is None else self._clock() - self._silent_since

    def turn(self) -> None:
        """Tell people once what they must know now."""
        now = self._clock()
        found = filter(None, map(self._details, self._store.incidents()))
        waiting = [item for item in found if wanted(item, calls_of(self._terms_of(item)), now)]
        told = {item["id"]: self._alert(item, now) for item in waiting}
        # A state or an escalation that is over must not go on firing beside the new one.
        ended = [old for key, old in self._sent.items() if key not in told or told[key].labels != old.labels]
        try:
            self._alertmanager.post(told.values(), ended, now)
        except AlertmanagerUnavailableError as error:
            if self._silent_since is None:
                _log.error("Alertmanager does not take the controller's alerts (%s); trying again", error)
            self._silent_since = self._silent_since or now
            return
        self._silent_since = None
        self._sent = told

    def _details(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        # Long-closed incidents are many and wait for nobody: they are not read in full.
        return self._store.incident(item["id"]) if may_wait(item, self._clock()) else None

    def _terms_of(self, incident: Mapping[str, Any]) -> Terms | None:
        return self._terms.get(incident["key"]["model"])

    def _alert(self, incident: dict[str, Any], now: float) -> Told:
        terms, begun = self._terms_of(incident), since(incident)
        line = level(incident, calls_of(terms), now)
        events = [event for event in incident["events"] if event["action"] == RAISED and event["time"] >= begun]
        raised = {event["data"].get("to") for event in events}
        for name in LINES[1 : line + 1]:
            if name not in raised:
                self._note(incident["id"], {"to": name, "waiting": round(now - begun, 1), "page": True}, now)
        token = self._links.make(incident["id"], LINES[line], now, nonce=_nonce(incident, line))
        moments = Moments(now, self._zone)
        kept = disarmed(self._store.load(incident["key"]["model"]), now)
        held = "" if kept is None else held_text(kept)
        shown, where = leaving(incident), {"url": self._url, "token": token, "runbooks": self._runbooks}
        return alert(shown, terms, moments, **where, held=held)

    def _note(self, incident: str, data: Mapping[str, Any], now: float) -> None:
        """Write a rise into the audit; where that fails it is tried at the next turn, and people are told meanwhile."""
        try:
            self._store.note(RAISED, incident, dict(data), now)
        except sqlite3.Error as error:
            _log.error("cannot write into the audit that the next in line is called: %s", type(error).__name__)


def _nonce(incident: Mapping[str, Any], line: int) -> str:
    """Return the same nonce for one incident and escalation, so that a repeated notification is one link."""
    words = f"{incident['id']}\0{since(incident)}\0{line}"
    return hashlib.sha256(words.encode()).hexdigest()[:16]
