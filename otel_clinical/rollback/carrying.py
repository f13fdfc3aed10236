"""Do at once what people order that is a matter of files: activate, lift a hold, put every call on the manual route."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from otel_clinical.release import EpochConflict, PointerError, PointerLocked, force_manual_path
from otel_clinical.rollback.orders import CARRIED_OUT, OrderKind
from otel_clinical.rollback.releases import ActivationRefusedError, activate_version, lift_hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from otel_clinical.rollback._records import Record
    from otel_clinical.rollback.orders import Order
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.terms import Terms

_log = logging.getLogger(__name__)


class FilesBeside:
    """The release pointers and the FORCE_MANUAL files beside them, where people change them through the controller."""

    def __init__(self, terms: Mapping[str, Terms], store: Store, clock: Callable[[], float]) -> None:
        self._terms, self._store, self._clock = terms, store, clock
        self._forced: set[str] = set()

    def look(self, model: str) -> None:
        """Note that people put every call on the manual route by hand, or ended that."""
        forced = force_manual_path(self._terms[model].pointer).exists()
        if forced is not (model in self._forced):
            self._forced ^= {model}
            action = "force_manual.found" if forced else "force_manual.gone"
            self._store.note(action, model, {"page": True} if forced else {}, self._clock())
            _log.warning("%s: %s", model, "FORCE_MANUAL: every call is on the manual route" if forced else action)

    def carry_out(self, order: Order, records: Iterable[Record]) -> None:
        """Change the files that an order is about as soon as it stands, and note where that failed."""
        wanted = f"order.{order.kind}" if order.kind in CARRIED_OUT else ""
        standing = next((record for record in records if record.action == wanted), None)
        if standing is None:
            return
        people = tuple(standing.data["by"])
        problem = _changed(self._terms[order.model], order, people, self._clock(), self._store.folder)
        if problem:
            self._store.note("order.failed", order.model, {"order": order.kind, "problem": problem}, self._clock())
        self.look(order.model)


def _changed(terms: Terms, order: Order, people: tuple[str, ...], at: float, state: Path) -> str:
    """Change the files that an order is about; return what went wrong, or an empty string."""
    forced = force_manual_path(terms.pointer)
    try:
        if order.kind is OrderKind.FORCE_MANUAL:
            forced.touch()
        elif order.kind is OrderKind.END_FORCE:
            forced.unlink(missing_ok=True)
        elif order.kind is OrderKind.ACTIVATE:
            activate_version(terms, order.about, by=people[0], at=at, state=state)
        else:
            first, second = people
            lift_hold(terms, order.about, by=(first, second), at=at)
    except (ActivationRefusedError, EpochConflict, PointerError, PointerLocked, OSError) as error:
        return str(error)
    return ""
