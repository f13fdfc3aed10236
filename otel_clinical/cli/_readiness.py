"""`otel-clinical rollback readiness` and `judge`: has the controller earned more freedom?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli._policy import read_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.policy import Policy
    from otel_clinical.rollback.readiness import Condition
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.terms import Terms

NOT_READY = 1
_STATE = click.option(
    "--state",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="State directory of the controller.",
)


@click.command("readiness")
@click.option("--policy", "policy_path", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@_STATE
def readiness(*, policy_path: Path, state: Path) -> None:
    """Say for every model what must still be shown before `mode: enforce`. Ends with 1 while anything is missing."""
    from otel_clinical.rollback import read_terms
    from otel_clinical.rollback.store import Store

    policy = read_policy(policy_path)
    terms = read_terms(policy)
    store = Store(state)
    try:
        found = {model: (*_conditions(store, term), *_places(policy, model)) for model, term in terms.items()}
        armed = {model: _may_act(store, term) for model, term in terms.items()}
    finally:
        store.close()
    for model, conditions in found.items():
        ready = all(condition.met for condition in conditions)
        click.echo(f"{model} (mode {terms[model].mode}): {'ready' if ready else 'not ready'}")
        for condition in conditions:
            click.echo(f"  {'ok ' if condition.met else 'no '} {condition.name}: {condition.found}")
            if not condition.met and condition.todo:
                click.echo(f"      {_filled(condition.todo, model, policy_path, state)}")
        click.echo(f"  {armed[model] or _next(terms[model].mode, ready=ready)}")
    if not all(condition.met for conditions in found.values() for condition in conditions):
        click.get_current_context().exit(NOT_READY)


def _filled(todo: str, model: str, policy: Path, state: Path) -> str:
    """Put in what is known already, so that the command can be copied."""
    for word, known in (("MODEL", model), ("POLICY", str(policy)), ("DIR", str(state))):
        todo = todo.replace(word, known)
    return todo


def _next(mode: str, *, ready: bool) -> str:
    """Say what the way up is from here."""
    if mode == "enforce":
        return "in mode enforce: it acts"
    if ready:
        return "next: set mode: enforce in the policy; two people approve the changed policy while it runs"
    if mode == "observe":
        return "next: mode: recommend tells people what it would change, and asks for none of this; enforce for all"
    return "next: mode: enforce, once nothing is missing here"


@click.command("judge")
@click.argument("incident")
@_STATE
@click.option("--right/--false", "right", required=True, help="Was what the controller decided right?")
@click.option("--by", required=True, help="Who judges.")
@click.option("--reason", required=True, help="Why; no patient data.")
def judge(*, incident: str, state: Path, right: bool, by: str, reason: str) -> None:
    """Say whether the controller decided INCIDENT rightly; it goes into the audit and counts for its readiness."""
    from otel_clinical.rollback.readiness import JUDGED
    from otel_clinical.rollback.store import Store

    store = Store(state)
    try:
        if store.incident(incident) is None:
            raise CliError(f"{state} knows no incident {incident}; `otel-clinical rollback status` lists them")
        store.note(JUDGED, incident, {"right": right, "by": by, "reason": reason}, time.time())
    finally:
        store.close()
    click.echo(f"{incident}: {'right' if right else 'false'}, by {by}")


def _conditions(store: Store, terms: Terms) -> tuple[Condition, ...]:
    from otel_clinical.release import PointerError, read_pointer
    from otel_clinical.rollback.earned import readiness_of

    try:
        serving = read_pointer(terms.pointer).version
    except (OSError, PointerError):
        serving = None
    return readiness_of(store, terms.model, store.load(terms.model), serving, time.time())


def _places(policy: Policy, model: str) -> Iterator[Condition]:
    """Try every place that follows the pointer, as arming does."""
    from otel_clinical.rollback.readiness import Condition
    from otel_clinical.rollback.targets.trial import trials

    for name, wrong in trials(policy, model).items():
        found = ", ".join(wrong) or "it can be read, compared and written"
        yield Condition(f"{name} follows the pointer", not wrong, found, "otel-clinical target test --policy POLICY")


def _may_act(store: Store, terms: Terms) -> str:
    """Say whether the controller acts, in mode enforce, and why."""
    from otel_clinical.rollback.orders import ARMED, NOT_READY, POLICY_LOOSER

    standing = store.load(terms.model).standing
    if (held := standing.get(POLICY_LOOSER)) is not None:
        return (
            f"kept from acting, it tells people instead: {held.reason}; two people approve it: "
            f"otel-clinical rollback approve-policy {terms.model} {held.about} --state DIR --by NAME --reason TEXT"
        )
    if (armed := standing.get(ARMED)) is not None:
        return f"armed by {' and '.join(armed.by)}: {armed.reason}"
    if NOT_READY in standing:
        return (
            f"in mode enforce and kept from acting, it tells people instead; two people may let it act all the same: "
            f"otel-clinical rollback arm {terms.model} --state DIR --by NAME --reason TEXT"
        )
    return ""
