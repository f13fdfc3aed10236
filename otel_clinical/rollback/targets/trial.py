"""Prove that a place can be switched, by credentials, comparison and permission, without changing what serves."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback.targets._base import Unreachable
from otel_clinical.rollback.targets._declared import declared_targets
from otel_clinical.rollback.targets._extra import MissingExtraError
from otel_clinical.rollback.targets._follow import Conflicted, Denied, Swapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from otel_clinical.policy import Policy
    from otel_clinical.rollback.targets._follow import VersionTarget

_MARKER: Final = "otel-clinical/test"
_FAR: Final = 10**12
PATIENCE: Final = 15.0
"""Seconds that all places of a model together are given to answer."""


def trial(target: VersionTarget, versions: Iterable[str]) -> Iterator[str]:
    """As `asked`, and let it be written what serves there already: what serves stays, its token may change.

    A place that rehearses is not written to: it has proved the permission, and even a mark could restart what serves.
    """
    wrong = tuple(asked(target, versions))
    yield from wrong
    if wrong or target.rehearses:
        return
    seen = target.read()
    if seen.version is None:
        return
    same = target.swap(seen, seen.version, seen.marker or _MARKER)
    if isinstance(same, Denied):
        yield same.because
    elif not isinstance(same, Swapped):
        yield "it changes while it is tested; try again"


def asked(target: VersionTarget, versions: Iterable[str]) -> Iterator[str]:
    """Yield what would keep a place from being switched between `versions`; writes nothing.

    Raises:
        Unreachable: it does not answer.
    """
    versions, seen = tuple(versions), target.read()
    if seen.version is None:
        yield "it serves no version; give it one first"
        return
    if seen.version not in versions:
        yield f"it serves {seen.version}, which the policy does not declare"
    # What is wrong with the place itself is said once, and not for each version.
    yield from dict.fromkeys(problem for version in versions for problem in target.preflight(version))
    # Towards the version that serves, so that even a place which does not compare stays as it is.
    stale = target.swap(replace(seen, token=_another(seen.token)), seen.version, seen.marker or _MARKER)
    if isinstance(stale, Denied):
        yield stale.because
    elif not isinstance(stale, Conflicted):
        yield "it accepted a swap that expected another state: changes of others would be overwritten"


def tried(
    make: Callable[[], VersionTarget],
    versions: Iterable[str],
    ask: Callable[[VersionTarget, Iterable[str]], Iterator[str]],
) -> tuple[VersionTarget | None, tuple[str, ...]]:
    """Make a place and ask it; what is wrong is said once, and a library of others that fails is wrong too."""
    target: VersionTarget | None = None
    try:
        target = make()
        return target, tuple(dict.fromkeys(ask(target, versions)))
    except (Unreachable, MissingExtraError) as error:
        return target, (str(error),)
    except Exception as error:  # noqa: BLE001 -- libraries of others
        return target, (f"its library failed ({type(error).__name__})",)


def trials(policy: Policy, model: str, patience: float = PATIENCE) -> dict[str, tuple[str, ...]]:
    """Ask every place that follows a model's pointer, side by side; return what is wrong with each, by its name."""
    versions, found = tuple(policy.models[model].versions), {}

    def one(name: str, make: Callable[[], VersionTarget]) -> None:
        found[name] = tried(make, versions, asked)[1]

    places = declared_targets(policy, model)
    # Threads that nobody waits for: one that hangs must hold up neither this nor the end of the process.
    threads = [threading.Thread(target=one, args=place, daemon=True) for place in places.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience / len(threads))
    return {name: found.get(name, (f"no answer within {patience:g} s",)) for name in places}


def problems(found: Mapping[str, tuple[str, ...]]) -> str:
    """Say in words what is wrong with which place.

    >>> problems({"registry": ("it may not be written",), "flag": ()})
    'registry: it may not be written'
    """
    return "; ".join(f"{name}: {', '.join(wrong)}" for name, wrong in found.items() if wrong)


def _another(token: str) -> str:
    """Return a token of the same form that is not the present one, nor one that it will have soon."""
    return str(int(token) + _FAR) if token.isdigit() else f'"not-{token.strip(chr(34))}"'
