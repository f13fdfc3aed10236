"""What the Kubernetes resources that serve models look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback.targets._base import Unreachable
from otel_clinical.rollback.targets._follow import Convergence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ARGO_CD: Final = "argocd.argoproj.io/tracking-id"
_FLUX: Final = ("kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name")
_EVERYTHING: Final = 100
# Argo CD may track by a label that Helm sets too; under what name it applied the specification is certain.
_APPLIED_BY: Final = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}


@dataclass(frozen=True, slots=True)
class Field:
    """Where a resource names the version: a variable of a container, or a JSON pointer.

    `container` None means the only container.
    """

    env: str | None = None
    container: str | None = None
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A field found in a resource: its JSON pointer, its text, and what must hold for the pointer to mean it."""

    path: str
    value: str | None
    tests: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource: its address, its progress, and what about it would delay a way back.

    `progress` is None where only pods tell.
    """

    group: str
    version: str
    plural: str
    progress: Callable[[dict[str, Any]], Convergence] | None
    problems: Callable[[dict[str, Any]], Iterator[str]]

    @property
    def resource(self) -> str:
        """What a role calls it."""
        return f"{self.plural}.{self.group}"


def notes_of(found: Mapping[str, Any]) -> dict[str, str]:
    """Return a resource's annotations."""
    kept: dict[str, str] = found["metadata"].get("annotations") or {}
    return kept


def owner(found: Mapping[str, Any]) -> str | None:
    """Return what keeps the resource in step with a repository, if anything does."""
    if _ARGO_CD in notes_of(found):
        return "Argo CD"
    if any(label in (found["metadata"].get("labels") or {}) for label in _FLUX):
        return "Flux"
    return next(filter(None, map(_applied_by, found["metadata"].get("managedFields") or [])), None)


def _applied_by(entry: Mapping[str, Any]) -> str | None:
    """Tell whether one of them set any of the specification."""
    return _APPLIED_BY.get(str(entry.get("manager"))) if "f:spec" in (entry.get("fieldsV1") or {}) else None


def field_of(found: Mapping[str, Any], field: Field, of: str) -> Place:
    """Find the field; raise `Unreachable` where the resource has none."""
    return _pointed(found, field.pointer, of) if field.pointer is not None else _variable(found, field, of)


def _pointed(found: Mapping[str, Any], pointer: str, of: str) -> Place:
    value: Any = found
    for part in pointer.removeprefix("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise Unreachable(f"{of} has no text at {pointer}")
    return Place(pointer, value)


def _variable(found: Mapping[str, Any], field: Field, of: str) -> Place:
    """Find a variable by the names of container and variable, and have the patch test both."""
    template = found.get("spec", {}).get("template")
    if template is None:
        raise Unreachable(
            f"{of} has no spec.template: name the resource that has it, or a field in place of a variable"
        )
    containers = template.get("spec", {}).get("containers") or []
    chosen = [i for i, c in enumerate(containers) if field.container in {None, c.get("name")}]
    if len(chosen) != 1:
        wanted = field.container or "the only container"
        raise Unreachable(f"{of}: {wanted} is {len(chosen)} of {len(containers)} containers, expected one; name it")
    container = containers[chosen[0]]
    at = f"/spec/template/spec/containers/{chosen[0]}"
    for index, variable in enumerate(container.get("env") or []):
        if variable.get("name") == field.env and isinstance(variable.get("value"), str):
            tests = (
                {"op": "test", "path": f"{at}/name", "value": container.get("name")},
                {"op": "test", "path": f"{at}/env/{index}/name", "value": field.env},
            )
            return Place(f"{at}/env/{index}/value", variable["value"], tests)
    raise Unreachable(f"{of}: container {container.get('name')} has no variable {field.env} with a value")


def _replicas(found: dict[str, Any]) -> Convergence:
    status = found.get("status") or {}
    total = int(found.get("spec", {}).get("replicas", 1))
    if not _observed(found, status):
        return Convergence(0, max(total, 1))
    ready = min(int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0))
    # Replicas of the old template may still serve while they are wound down.
    leftover = int(status.get("replicas") or 0) - int(status.get("updatedReplicas") or 0)
    return Convergence(ready if leftover <= 0 else min(ready, max(total - leftover, 0)), total)


def _observed(found: dict[str, Any], status: dict[str, Any]) -> bool:
    """Tell whether the status speaks of the present specification."""
    return str(status.get("observedGeneration")) == str(found["metadata"].get("generation"))


def _canary(found: dict[str, Any]) -> Iterator[str]:
    """Yield what would keep some of the requests with another version than the resource names."""
    spec = found.get("spec", {})
    share = spec.get("predictor", {}).get("canaryTrafficPercent")
    if share is not None and share != _EVERYTHING:
        yield (
            f"a change would be given {share} % of the requests (spec.predictor.canaryTrafficPercent), and the version "
            "before it the rest; remove it"
        )
    if spec.get("canary"):
        yield "spec.canary keeps its share of the requests with a version of its own; remove it"


def _paused(found: dict[str, Any]) -> Iterator[str]:
    if found.get("spec", {}).get("paused"):
        yield "it is paused (spec.paused): a change would be stored and not rolled out; resume it"


def _rollout(found: dict[str, Any]) -> Iterator[str]:
    yield from _paused(found)
    if not (found.get("spec", {}).get("rollbackWindow") or {}).get("revisions"):
        yield (
            "it has no spec.rollbackWindow.revisions: a way back would walk through every canary step; "
            "set it to the number of versions that may be gone back to"
        )


KINDS: Final[Mapping[str, Kind]] = {
    "deployment": Kind("apps", "v1", "deployments", _replicas, _paused),
    "rollout": Kind("argoproj.io", "v1alpha1", "rollouts", _replicas, _rollout),
    "inference_service": Kind("serving.kserve.io", "v1beta1", "inferenceservices", None, _canary),
}
