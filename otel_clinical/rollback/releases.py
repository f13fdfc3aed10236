"""Activate a version by hand, and say what serves: the part of the release ledger people use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.release import ReleasePointer, create_pointer, read_pointer, swap_pointer
from otel_clinical.rollback.records import quarantined

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from otel_clinical.rollback.terms import Terms


class ActivationRefusedError(ValueError):
    """A version may not be activated; the message says why and what would be allowed."""


def activate_version(
    terms: Terms, version: str, *, by: str, at: float, state: Path | None = None, expect_epoch: int | None = None
) -> ReleasePointer:
    """Let `version` serve, creating the release pointer where there is none, and return the pointer.

    Args:
        terms: Of the model.
        version: Declared in the policy and not quarantined.
        by: Who asks.
        at: Unix seconds.
        state: Directory of the controller, whose quarantines are honoured.
        expect_epoch: Epoch the pointer must have; by default the one it is read with.

    Raises:
        ActivationRefusedError: the version is not declared, quarantined, or serves already.
        EpochConflict: somebody else changed the pointer first.
        PointerError: the pointer cannot be trusted.
    """
    if version not in terms.versions:
        raise ActivationRefusedError(
            f"version {version} of {terms.model} is not declared in the policy; declared: {', '.join(terms.versions)}"
        )
    if state is not None and version in quarantined(state, terms.model):
        raise ActivationRefusedError(f"version {version} of {terms.model} is quarantined after a rollback")
    try:
        current = read_pointer(terms.pointer)
    except FileNotFoundError:
        return _first(terms, version, by=by, at=at)
    if current.version == version:
        raise ActivationRefusedError(f"version {version} of {terms.model} serves already (epoch {current.epoch})")
    epoch = current.epoch if expect_epoch is None else expect_epoch
    return swap_pointer(terms.pointer, epoch, lambda pointer: pointer.activate(version, at=at, by=by))


def serving(terms: Mapping[str, Terms]) -> dict[str, ReleasePointer | None]:
    """Return the release pointer of every model, None where there is none yet."""
    found: dict[str, ReleasePointer | None] = {}
    for model, term in terms.items():
        try:
            found[model] = read_pointer(term.pointer)
        except FileNotFoundError:
            found[model] = None
    return found


def _first(terms: Terms, version: str, *, by: str, at: float) -> ReleasePointer:
    terms.pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer = ReleasePointer(model=terms.model, version=version, activated_at=at, updated_at=at, updated_by=by)
    create_pointer(terms.pointer, pointer)
    return pointer
