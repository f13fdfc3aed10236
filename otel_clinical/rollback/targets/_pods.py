"""Tell from its pods which model an InferenceService serves.

Its status cannot: `observedGeneration` there is the generation of what KServe made from it, and `Ready` stays true
while one set of pods replaces another. A pod says itself what it was started with: KServe notes the storage URI on it,
and copies the annotations of the InferenceService, our marker among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback.targets._follow import Convergence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_clinical.rollback.targets._resource import Place

_SOURCE: Final = "internal.serving.kserve.io/storage-initializer-sourceuri"
_STORAGE_URI: Final = "/storageUri"
_ENDED: Final = frozenset({"Succeeded", "Failed"})


def selector_of(name: str) -> str:
    """Return the labels of the pods that predict for an InferenceService."""
    return f"serving.kserve.io/inferenceservice={name},component=predictor"


def served_by(pods: Iterable[dict[str, Any]], place: Place, marker: tuple[str, str], *, may_sleep: bool) -> Convergence:
    """Count the pods that are ready and were started with what the resource says now, of all that are not ending.

    Args:
        pods: As the API server lists them.
        place: Where the resource names the version.
        marker: Key and text of our annotation of the resource; the text is empty where there is none.
        may_sleep: Whether the service may be scaled to zero; then none is on another version while there is no pod.
    """
    living = [pod for pod in pods if _lives(pod)]
    if not living:
        return Convergence(int(may_sleep), 1)
    return Convergence(sum(_ready(pod) and _started_with(pod, place, marker) for pod in living), len(living))


def _lives(pod: dict[str, Any]) -> bool:
    ending = pod["metadata"].get("deletionTimestamp") is not None
    return not ending and (pod.get("status") or {}).get("phase") not in _ENDED


def _ready(pod: dict[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _started_with(pod: dict[str, Any], place: Place, marker: tuple[str, str]) -> bool:
    notes = pod["metadata"].get("annotations") or {}
    if place.path.endswith(_STORAGE_URI):
        return notes.get(_SOURCE) == place.value
    key, text = marker
    return bool(text) and notes.get(key) == text
