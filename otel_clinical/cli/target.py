"""`otel-clinical target`: the places that follow the release pointer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_clinical.cli._errors import CliError
from otel_clinical.cli._policy import read_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_clinical.policy import Policy
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.targets import VersionTarget

FAILED = 1
_POLICY = click.option(
    "--policy",
    "policy_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The policy file.",
)


@click.group("target")
def command() -> None:
    """Look at, test and mend the places that follow the release pointer."""


@command.command("status")
@click.argument("model", required=False)
@_POLICY
def status(*, model: str | None, policy_path: Path) -> None:
    """Say for every place what it serves and what the pointer names. Changes nothing."""
    from otel_clinical.rollback.targets import MissingExtraError, Step, Unreachable, next_step

    words = {
        Step.NOTHING: "in step",
        Step.SWAP: "will be moved by the controller",
        Step.STAND_BACK: "changed by somebody else; see `otel-clinical target sync`",
    }
    policy, wrong = read_policy(policy_path), False
    for owner, name, make in _places(policy, model):
        pointer = _pointer(policy, owner)
        try:
            seen = make().read()
        except (Unreachable, MissingExtraError) as error:
            click.echo(f"{owner} {name}: cannot be read: {error}")
            wrong = True
            continue
        except Exception as error:  # noqa: BLE001 -- libraries of others
            click.echo(f"{owner} {name}: cannot be read: its library failed ({type(error).__name__})")
            wrong = True
            continue
        step = next_step(pointer, seen)
        wrong = wrong or seen.version != pointer.version
        click.echo(f"{owner} {name}: serves {seen.version}, the pointer names {pointer.version}: {words[step]}")
    _end(wrong=wrong)


@command.command("test")
@click.argument("model", required=False)
@_POLICY
def test(*, model: str | None, policy_path: Path) -> None:
    """Prove credentials, comparison and permissions of every place without changing what serves.

    Each place is read, asked for what would keep it from serving each version of the policy, asked for a swap that
    expects what is not there (which must be refused), and asked for a swap to the version that it serves already; a
    Kubernetes resource is not written to, for its API server rehearses the change.
    """
    from otel_clinical.rollback.targets.trial import trial, tried

    policy = read_policy(policy_path)
    wrong = False
    for owner, name, make in _places(policy, model):
        target, problems = tried(make, policy.models[owner].versions, trial)
        wrong = wrong or bool(problems)
        said = problems if problems or target is None else (_proved(target),)
        click.echo("\n  ".join([f"{owner} {name}: " + ("NOT READY" if problems else "ok"), *said]))
    _end(wrong=wrong)


@command.command("sync")
@click.argument("model")
@click.argument("place")
@_POLICY
@click.option("--by", required=True, help="Who decides that the pointer is right.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="State directory, for the audit.")
def sync(*, model: str, place: str, policy_path: Path, by: str, state: Path | None) -> None:
    """Let PLACE serve what the pointer of MODEL names, whatever somebody else put there."""
    import time

    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.targets import MissingExtraError, Swapped, Unreachable, marker_of

    policy = read_policy(policy_path)
    makers = {name: make for _, name, make in _places(policy, model)}
    if place not in makers:
        raise CliError(f"the policy names no place {place} for {model}; named: {', '.join(makers) or 'none'}")
    pointer = _pointer(policy, model)
    try:
        target = makers[place]()
        seen = target.read()
        outcome = target.swap(seen, pointer.version, marker_of(pointer))
    except (Unreachable, MissingExtraError) as error:
        raise CliError(str(error)) from error
    if not isinstance(outcome, Swapped):
        raise CliError(getattr(outcome, "because", f"{place} was changed at the same moment; look at it and try again"))
    if state is not None:
        store = Store(state)
        try:
            store.note("target.synced", model, {"target": place, "from": seen.version, "by": by}, time.time())
        finally:
            store.close()
    click.echo(f"{model} {place}: serves {outcome.active.version}, before {seen.version}; by {by}")


def _places(policy: Policy, model: str | None) -> Iterator[tuple[str, str, Callable[[], VersionTarget]]]:
    from otel_clinical.rollback.targets import declared_targets

    if model is not None and model not in policy.models:
        raise CliError(f"{policy.path} declares no model {model}; declared: {', '.join(sorted(policy.models))}")
    found = False
    for owner in [model] if model is not None else policy.models:
        for name, make in declared_targets(policy, owner).items():
            found = True
            yield owner, name, make
    if not found:
        click.echo("the policy names no place that follows a release pointer (rollback.follow)")


def _proved(target: VersionTarget) -> str:
    """Say what was found out about a place with which nothing is wrong."""
    compared = (
        "a swap that expected another state was refused"
        if target.compares
        else "it cannot compare, so ours take turns by a lock and whoever moves it at that moment is overwritten"
    )
    permitted = "its server rehearsed the change" if target.rehearses else "it let us write what it serves already"
    return f"it can be read; {compared}; {permitted}"


def _pointer(policy: Policy, model: str) -> ReleasePointer:
    from otel_clinical.rollback.targets import FileTarget, Unreachable

    try:
        return FileTarget(policy.path.parent / policy.models[model].rollback.target.path).read()
    except Unreachable as error:
        raise CliError(str(error)) from error


def _end(*, wrong: bool) -> None:
    if wrong:
        click.get_current_context().exit(FAILED)
