"""Take what people order about a model through a program: arm, freeze, quarantine, lift, force to manual."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback.alerts import digest
from otel_clinical.rollback.orders import ENDS, TWO_PEOPLE, WAIT_FOR_SECOND, Order, OrderKind
from otel_clinical.rollback.refusal import RequestRefusedError
from otel_clinical.rollback.writing import checked_key, fields_of, stored_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_clinical.rollback.persons import Person
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.terms import Terms
    from otel_clinical.rollback.worker import Worker

ABOUT: Final[Mapping[OrderKind, str]] = {
    OrderKind.ACTIVATE: "version",
    OrderKind.QUARANTINE: "version",
    OrderKind.UNQUARANTINE: "version",
    OrderKind.KNOWN_GOOD: "version",
    OrderKind.RETIRE: "version",
    OrderKind.LIFT: "marker",
    OrderKind.APPROVE_POLICY: "hash",
}
"""What an order names beside its model."""
TAKEN: Final = (
    OrderKind.ARM,
    OrderKind.DISARM,
    OrderKind.OVERRIDE,
    OrderKind.FREEZE,
    OrderKind.FREEZE_ROLLBACK,
    OrderKind.THAW,
    OrderKind.FORCE_MANUAL,
    OrderKind.ROLLBACK,
    OrderKind.END_FORCE,
    *ABOUT,
)
"""Every order that the interface takes."""
SIGNED: Final = TWO_PEOPLE | {OrderKind.ACTIVATE}
"""What gives reach to the AI, or takes protection from patients: nobody's name is only typed."""


class Ordering:
    """Orders about models, each stored once by the key of its request; raises `RequestRefusedError`."""

    def __init__(self, terms: Mapping[str, Terms], store: Store, worker: Worker, clock: Callable[[], float]) -> None:
        self._terms, self._store, self._worker, self._clock = terms, store, worker, clock

    def order(
        self, model: str, kind: str, idempotency: str | None, body: bytes, person: Person | None
    ) -> dict[str, Any]:
        """Store an order for the controller, which takes it up within a second; `person` is who signed it."""
        sent = checked_key(idempotency)
        if model not in self._terms:
            raise RequestRefusedError(404, f"no such model; declared: {', '.join(sorted(self._terms))}")
        if kind not in set(TAKEN):
            raise RequestRefusedError(404, f"no such order; use {', '.join(TAKEN)}")
        wanted = OrderKind(kind)
        if wanted in TWO_PEOPLE and person is None:
            raise RequestRefusedError(
                401, f"{kind} takes two people: each signs it with a key of their own (`otel-clinical rollback order`)"
            )
        if wanted in SIGNED and person is None:
            raise RequestRefusedError(401, f"{kind} is signed with a key of one's own (`otel-clinical rollback order`)")
        order = self._read(model, wanted, body, person)
        self._known(order)
        said = digest(json.dumps([model, kind, order.by, order.reason, order.about]).encode())
        answer = stored_once(lambda: self._store.order_once(order, self._clock(), sent, said), self._worker.wake)
        within = WAIT_FOR_SECOND if wanted in TWO_PEOPLE else None
        return {"model": model, "kind": kind, "by": order.by, "second_within": within, **answer}

    def _read(self, model: str, kind: OrderKind, body: bytes, person: Person | None) -> Order:
        fields = fields_of(body, person)
        seconds = fields.pop("seconds", None)
        asked = {"by", "reason", *([ABOUT[kind]] if kind in ABOUT else [])}
        counts = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        texts = set(fields) == asked and all(isinstance(value, str) and value.strip() for value in fields.values())
        if not texts or (kind in ENDS) is not counts:
            more = " and seconds as a number" if kind in ENDS else ""
            raise RequestRefusedError(400, f"expected {', '.join(sorted(asked))}, each text{more}, and nothing else")
        now = self._clock()
        about = fields.get(ABOUT.get(kind, ""), "")
        until = now + seconds if counts else None
        method = f"key:{person.role}" if person else "api"
        return Order(kind, model, fields["by"], fields["reason"], now, about, until, method=method)

    def _known(self, order: Order) -> None:
        """Refuse at once what is about a version that nobody knows."""
        if ABOUT.get(order.kind) != "version":
            return
        state = self._worker.snapshot().states[order.model]
        known = {*state.releases, *(self._terms[order.model].versions if order.kind is OrderKind.QUARANTINE else ())}
        if order.kind is OrderKind.UNQUARANTINE:
            known = {*state.quarantined, *(version for version, _ in state.quarantined_in)}
        if order.about not in known:
            said = ", ".join(sorted(known)) or "none"
            raise RequestRefusedError(409, f"{order.kind}: no such version {order.about}; there are: {said}")
