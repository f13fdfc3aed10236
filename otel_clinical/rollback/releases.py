"""Activate a version by hand, and say what serves: the part of the release ledger people use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.release import ROUTES, ReleasePointer, create_pointer, read_pointer, swap_pointer
from otel_clinical.rollback.records import last_activation, promotion_problem, quarantined

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from otel_clinical.rollback.terms import Terms

WHOLE_ROUTE: Final = "route"
"""What stands for the route of the whole model where a marker stands for rules."""


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
        state: Directory of the controller, whose quarantines are honoured; a new pointer counts on from its ledger.
        expect_epoch: Epoch the pointer must have; by default the one it is read with.

    Raises:
        ActivationRefusedError: the version is not declared, quarantined, or serves already.
        EpochConflict: somebody else changed the pointer first.
        PointerError: the pointer cannot be trusted.
    """
    if version not in terms.versions:
        raise ActivationRefusedError(
            f"version {version} of {terms.model} is not declared in the policy; declared: {', '.join(terms.versions)}. "
            "Activate one of those, or add it under the model's versions"
        )
    if state is not None and version in quarantined(state, terms.model):
        raise ActivationRefusedError(
            f"version {version} of {terms.model} is quarantined after a rollback; activate another version: "
            f"`otel-clinical rollback activate {terms.model} VERSION --policy POLICY --by NAME --state {state}`"
        )
    if state is not None and (problem := promotion_problem(state, terms, version, at)):
        raise ActivationRefusedError(problem)
    try:
        current = read_pointer(terms.pointer)
    except FileNotFoundError:
        after = 0 if state is None else last_activation(state, terms.model)
        return _first(terms, version, by=by, at=at, after=after)
    if current.version == version:
        raise ActivationRefusedError(f"version {version} of {terms.model} serves already (epoch {current.epoch})")
    epoch = current.epoch if expect_epoch is None else expect_epoch
    return swap_pointer(terms.pointer, epoch, lambda pointer: pointer.activate(version, at=at, by=by))


def lift_hold(
    terms: Terms, marker: str, *, by: tuple[str, str], at: float, expect_epoch: int | None = None
) -> ReleasePointer:
    """Give the AI back the reach that an incident took: its rules, or its route of the whole model.

    Args:
        terms: Of the model.
        marker: Of the rules to lift, as in the pointer; `route` for the route of the whole model.
        by: Two different people: more reach is never one person's decision.
        at: Unix seconds.
        expect_epoch: Epoch the pointer must have; by default the one it is read with.

    Raises:
        ActivationRefusedError: one person twice, or the pointer holds no such change.
        EpochConflict: somebody else changed the pointer first.
    """
    first, second = (name.strip() for name in by)
    if not first or not second or first.casefold() == second.casefold():
        raise ActivationRefusedError("more reach for the AI needs two different people")
    try:
        current = read_pointer(terms.pointer)
    except FileNotFoundError:
        raise ActivationRefusedError(f"no version of {terms.model} serves yet; {how_to_activate(terms)}") from None
    whole = marker == WHOLE_ROUTE
    held = current.route != ROUTES[0] if whole else any(rule.marker == marker for rule in current.rules)
    if not held:
        raise ActivationRefusedError(
            f"the release pointer of {terms.model} holds nothing back under {marker}; "
            "`otel-clinical rollback status --policy POLICY` lists the markers"
        )
    names = f"{first} and {second}"

    def lifted(pointer: ReleasePointer) -> ReleasePointer:
        if whole:
            return pointer.with_route(ROUTES[0], at=at, by=names)
        return pointer.without_rules(marker, at=at, by=names)

    return swap_pointer(terms.pointer, current.epoch if expect_epoch is None else expect_epoch, lifted)


def how_to_activate(terms: Terms, policy: str = "POLICY") -> str:
    """Say which command makes the release pointer of a model."""
    return (
        f"make {terms.pointer} with `otel-clinical rollback activate {terms.model} VERSION "
        f"--policy {policy} --by NAME` (declared versions: {', '.join(terms.versions)})"
    )


def serving(terms: Mapping[str, Terms]) -> dict[str, ReleasePointer | None]:
    """Return the release pointer of every model, None where there is none yet."""
    found: dict[str, ReleasePointer | None] = {}
    for model, term in terms.items():
        try:
            found[model] = read_pointer(term.pointer)
        except FileNotFoundError:
            found[model] = None
    return found


def _first(terms: Terms, version: str, *, by: str, at: float, after: int) -> ReleasePointer:
    terms.pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer = ReleasePointer(
        model=terms.model, version=version, activation=after + 1, activated_at=at, updated_at=at, updated_by=by
    )
    return create_pointer(terms.pointer, pointer)
