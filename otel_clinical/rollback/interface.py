"""Answer machines: what serves, what is open, what people did; and take what a person does through a program."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.access import AccessError
from otel_clinical.report import incident_report, render_json
from otel_clinical.rollback.acts import REASONS, Act, ActKind
from otel_clinical.rollback.alerts import digest
from otel_clinical.rollback.events import ClosedByPerson
from otel_clinical.rollback.leaving import leaving
from otel_clinical.rollback.ledger import way_back
from otel_clinical.rollback.persons import Asked, NotThemError
from otel_clinical.rollback.refusal import RequestRefusedError
from otel_clinical.rollback.state import REVIEW, UNDECIDED, WATCHING, WORKING, ModelState
from otel_clinical.rollback.telemetry import in_force
from otel_clinical.rollback.writing import checked_key, fields_of, stored_once
from otel_clinical.semconv.enums import RollbackState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.persons import Person, Persons
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.terms import Terms
    from otel_clinical.rollback.worker import Worker

OPEN: Final = UNDECIDED | WORKING | WATCHING
CLOSE: Final = "close"
_FIELDS: Final = frozenset({"by", "reason", "note"})


class Interface:
    """What the routes under `/v1` that are for people's programs answer; raises `RequestRefusedError`."""

    def __init__(
        self,
        terms: Mapping[str, Terms],
        store: Store,
        worker: Worker,
        clock: Callable[[], float],
        persons: Persons | None = None,
    ) -> None:
        self._terms, self._store, self._worker, self._clock = terms, store, worker, clock
        self._persons = persons

    def models(self) -> dict[str, Any]:
        """Return every model of the policy: what serves, what the controller may do, what is in force."""
        return {"models": [self.model(name) for name in self._terms]}

    def model(self, name: str) -> dict[str, Any]:
        """Return one model."""
        if name not in self._terms:
            raise RequestRefusedError(404, f"no such model; declared: {', '.join(sorted(self._terms))}")
        seen, terms = self._worker.snapshot(), self._terms[name]
        state, pointer = seen.states.get(name, ModelState()), seen.pointers.get(name)
        standing = [item for item in state.incidents.values() if in_force(item, state, pointer)]
        return {
            "model": name,
            "mode": terms.mode,
            "release": asdict(pointer) if pointer else None,
            "quarantined": sorted(state.quarantined),
            "way_back": self._way_back(name, state, pointer, seen.now),
            "orders": [asdict(order) for order in state.standing.values()],
            "incidents": [
                {"id": item.id, "segment": asdict(item.key.segment), "state": item.state}
                for item in sorted(standing, key=lambda item: (-item.opened_at, item.id))
            ],
        }

    def _way_back(
        self, name: str, state: ModelState, pointer: ReleasePointer | None, now: float
    ) -> dict[str, str | None] | None:
        if pointer is None:
            return None
        version, problem = way_back(self._terms[name], state, pointer, now)
        return {"version": version, "problem": problem}

    def incidents(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the incidents, the newest first: of one `model`, in one `state`, or only those still `open`."""
        unknown = set(query) - {"model", "state", "open"}
        if unknown:
            raise RequestRefusedError(400, f"unknown filter {min(unknown)}; use model, state or open")
        if query.get("open", "true") not in {"true", "false"}:
            raise RequestRefusedError(400, "open is true or false")
        found = self._store.incidents()
        if "model" in query:
            found = [item for item in found if item["key"]["model"] == query["model"]]
        if "state" in query:
            found = [item for item in found if item["state"] == query["state"]]
        if "open" in query:
            found = [item for item in found if (item["state"] in OPEN) is (query["open"] == "true")]
        return {"incidents": leaving(found)}

    def report(self, key: str) -> dict[str, Any]:
        """Return the report of one incident."""
        found = self._store.incident(key)
        if found is None:
            raise RequestRefusedError(404, "no such incident")
        report: dict[str, Any] = json.loads(render_json(incident_report(leaving(found))))
        return report

    def acts(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return what people did, oldest first, about one `incident` or about all."""
        return {"acts": self._store.acts(query.get("incident"))}

    def signer(self, header: str, path: str, idempotency: str | None, body: bytes) -> Person:
        """Return who signed a request."""
        if self._persons is None:
            raise RequestRefusedError(401, "no people are registered with this controller; start it with --people")
        try:
            return self._persons.verify(header, Asked(path, idempotency or "", body), self._clock())
        except (NotThemError, AccessError) as error:
            raise RequestRefusedError(401, str(error)) from None

    def act(
        self, key: str, kind: str, idempotency: str | None, body: bytes, person: Person | None = None
    ) -> dict[str, Any]:
        """Store what a person does through a program, once; `person` is who signed it."""
        sent = checked_key(idempotency)
        if kind == CLOSE:
            return self._close(key, sent, body, person)
        if kind not in set(ActKind):
            raise RequestRefusedError(404, f"no such act; use {' or '.join(ActKind)}")
        fields = _fields(body, ActKind(kind), person)
        act = Act(key, ActKind(kind), method=f"key:{person.role}" if person else "api", **fields)
        said = digest(json.dumps([key, kind, act.by, act.reason, act.note]).encode())
        answer = stored_once(lambda: self._store.act_once(act, self._clock(), sent, said), self._worker.wake)
        return {"incident": key, "act": kind, "by": act.by, **answer}

    def _close(self, key: str, sent: str, body: bytes, person: Person | None) -> dict[str, Any]:
        """Close an undecided incident, or clear a review, as `otel-clinical rollback close` does."""
        if person is None:
            raise RequestRefusedError(401, "close is signed with a key of one's own: the AI keeps its reach by it")
        found, fields = self._store.incident(key), fields_of(body, person)
        if set(fields) != {"by", "reason"} or not isinstance(fields["reason"], str) or not fields["reason"].strip():
            raise RequestRefusedError(400, "expected reason, a text, and nothing else")
        if found is None:
            raise RequestRefusedError(404, "no such incident")
        if RollbackState(found["state"]) not in UNDECIDED | REVIEW:
            raise RequestRefusedError(409, f"the incident is {found['state']}: there is nothing left to close")
        closure = ClosedByPerson(key, person.name, fields["reason"])
        said = digest(json.dumps([key, CLOSE, closure.by, closure.reason]).encode())
        answer = stored_once(lambda: self._store.close_once(closure, self._clock(), sent, said), self._worker.wake)
        return {"incident": key, "act": CLOSE, "by": person.name, "state": found["state"], **answer}


def _fields(body: bytes, kind: ActKind, person: Person | None) -> dict[str, str]:
    """Return who and why."""
    fields = fields_of(body, person)
    texts = all(isinstance(value, str) for value in fields.values())
    if not texts or not {"by", "reason"} <= set(fields) <= _FIELDS:
        reasons = "; ".join(REASONS[kind])
        raise RequestRefusedError(400, f"expected by, reason and maybe note, each text. Reasons: {reasons}")
    return fields
