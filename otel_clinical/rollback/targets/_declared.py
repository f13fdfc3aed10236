"""Make the targets that a policy declares."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback.targets._resource import Field
from otel_clinical.rollback.targets.command import Command
from otel_clinical.rollback.targets.flagd import FlagdFile
from otel_clinical.rollback.targets.http_hook import HttpHook
from otel_clinical.rollback.targets.kubernetes import KubernetesResource
from otel_clinical.rollback.targets.mlflow import MlflowAlias
from otel_clinical.rollback.targets.pointer import PointerFollower

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from otel_clinical.policy import (
        FollowCommand,
        FollowFlagd,
        FollowHttp,
        FollowKubernetes,
        FollowMlflow,
        FollowPointer,
        Policy,
    )
    from otel_clinical.rollback.targets._follow import VersionTarget


def declared_targets(policy: Policy, model: str) -> dict[str, Callable[[], VersionTarget]]:
    """Return, by name, what makes each place that must follow the pointer of `model`."""
    folder = policy.path.parent
    rollback = policy.models[model].rollback
    pointer = folder / rollback.target.path
    return {name: partial(_MAKERS[place.kind], place, folder, pointer) for name, place in rollback.follow.items()}


def _pointer(place: FollowPointer, folder: Path, _: Path) -> VersionTarget:
    return PointerFollower(folder / place.path)


def _http(place: FollowHttp, folder: Path, _: Path) -> VersionTarget:
    return HttpHook(place.url, folder / place.secret_file, timeout=place.timeout)


def _command(place: FollowCommand, _: Path, __: Path) -> VersionTarget:
    return Command(place.argv, environment=place.environment, timeout=place.timeout)


def _mlflow(place: FollowMlflow, _: Path, pointer: Path) -> VersionTarget:
    # Beside the pointer, where every process that may change the release already writes.
    lock = pointer.with_name(f"{pointer.name}.mlflow.lock")
    return MlflowAlias(place.uri, place.name, place.alias, lock, versions=place.versions, lock_timeout=place.timeout)


def _flagd(place: FollowFlagd, folder: Path, _: Path) -> VersionTarget:
    return FlagdFile(folder / place.path, place.flag, lock_timeout=place.timeout)


def _kubernetes(place: FollowKubernetes, folder: Path, _: Path) -> VersionTarget:
    return KubernetesResource(
        place.resource,
        place.namespace,
        place.name,
        Field(place.env, place.container, place.field),
        values=place.values,
        config=folder / place.config if place.config is not None else None,
        context=place.context,
        gitops_paused=place.gitops == "paused",
        timeout=place.timeout,
    )


_MAKERS: Final[Mapping[str, Callable[..., VersionTarget]]] = {
    "pointer": _pointer,
    "http": _http,
    "command": _command,
    "mlflow": _mlflow,
    "flagd": _flagd,
    "kubernetes": _kubernetes,
}
