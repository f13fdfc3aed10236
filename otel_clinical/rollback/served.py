"""Read what serves, and note every activation in the ledger under a number that is its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from otel_clinical.rollback.events import PointerSeen, ReleaseSeen
from otel_clinical.rollback.targets import Applied, Unreachable
from otel_clinical.rollback.targets.file import ACTOR
from otel_clinical.semconv.enums import (
    DeploymentChangeReason,
    DeploymentChangeTrigger,
    DeploymentChangeType,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.stepping import Stepper
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.targets import Target
    from otel_clinical.rollback.telemetry import Counters

_log = logging.getLogger(__name__)


class Serving:
    """The release pointers, as last read.

    Args:
        targets: By model.
        stepper: What is told of a pointer that changed.
        store: Where activations are noted.
        counters: What counts them.
        clock: Unix seconds.

    Attributes:
        pointers: By model, those that could be read at least once.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        stepper: Stepper,
        store: Store,
        counters: Counters,
        clock: Callable[[], float],
    ) -> None:
        self._targets, self._stepper, self._store = targets, stepper, store
        self._counters, self._clock = counters, clock
        self._unread: set[str] = set()
        self.pointers: dict[str, ReleasePointer] = {}

    def read(self, model: str) -> ReleasePointer | None:
        """Return what serves, after whatever follows from a change of it; None where it cannot be read."""
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
        known = self.pointers.get(model)
        self.pointers[model] = pointer
        if known != pointer:
            self._observe(pointer)
            self._stepper.apply(model, PointerSeen(pointer))
            self._stepper.apply(model, ReleaseSeen(pointer, None))
        return pointer

    def changed(self, pointer: ReleasePointer) -> None:
        """Note what the controller itself let serve."""
        self.pointers[pointer.model] = pointer
        self._observe(pointer)

    def _numbered(self, model: str, pointer: ReleasePointer) -> ReleasePointer:
        """Return what serves under an activation number that is its own; raise `Unreachable` where that fails.

        Incidents, evidence and the limit of one rollback per activation are all kept by that number.
        """
        if pointer == self.pointers.get(model):
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
