"""Keep the places that follow the release pointer in step with it, each at its own pace."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from otel_clinical.release import pointer_signature
from otel_clinical.rollback.targets import (
    Conflicted,
    Denied,
    FileTarget,
    MissingExtraError,
    Step,
    Swapped,
    Unreachable,
    declared_targets,
    marker_of,
    next_step,
)
from otel_clinical.semconv import metrics, prometheus_label
from otel_clinical.semconv.enums import TargetState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from otel_clinical.policy import Policy
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.targets import Active, VersionTarget

_log = logging.getLogger(__name__)
_GLANCE: Final = 0.5
"""Seconds between two looks at whether the pointer changed (one `stat`)."""
_TRIES: Final = 5
"""Times that a conflict is looked at anew before the place is left to its next turn: its status may just have moved."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a place stands: its state, the version it serves where that is known, and why it is not in step."""

    state: TargetState
    version: str | None = None
    because: str = ""


class Follower:
    """One place that follows the pointer of one model.

    Args:
        model: Whose pointer it is.
        name: Of the place, as in the policy.
        pointer: Path of the pointer.
        make: Builds the target; may raise `Unreachable`, and is then asked again.
        note: Called with (action, object, data) when the standing changes.
        pull: Seconds between two looks at the place while nothing changes.
    """

    def __init__(
        self,
        model: str,
        name: str,
        pointer: Path,
        make: Callable[[], VersionTarget],
        note: Callable[[str, str, dict[str, Any]], None],
        *,
        pull: float = 15.0,
    ) -> None:
        self.model, self.name = model, name
        self.standing: Standing | None = None
        self._path, self._pointer = pointer, FileTarget(pointer)
        self._make, self._note, self._pull = make, note, pull
        self._target: VersionTarget | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"follow-{model}-{name}", daemon=True)

    def start(self) -> None:
        """Begin to follow, on a thread of its own: a place that hangs holds up nothing else."""
        self._thread.start()

    def stop(self, patience: float) -> None:
        """End after the present look, waiting at most `patience` seconds for it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    def look(self) -> None:
        """Look at the place once and move it if it may be moved."""
        try:
            pointer = self._pointer.read()
        except Unreachable:
            return  # the worker says so; without a pointer there is nothing to follow
        try:
            standing = self._followed(pointer)
        except (Unreachable, MissingExtraError) as error:
            known = self.standing.version if self.standing is not None else None
            standing = Standing(TargetState.UNREACHABLE, known, str(error))
        self._stand(standing, pointer)

    def _run(self) -> None:
        seen: object = None
        waited = self._pull
        while not self._stopping.is_set():
            signature = pointer_signature(self._path)
            if signature != seen or waited >= self._pull:
                seen, waited = signature, 0.0
                try:
                    self.look()
                except Exception as error:  # noqa: BLE001 -- libraries of others; the place must be looked at again
                    self._stand(Standing(TargetState.UNREACHABLE, None, type(error).__name__), None)
            self._stopping.wait(_GLANCE)
            waited += _GLANCE

    def _followed(self, pointer: ReleasePointer) -> Standing:
        if self._target is None:
            self._target = self._make()
        target, seen = self._target, self._target.read()
        for _ in range(_TRIES):
            step = next_step(pointer, seen)
            if step is Step.STAND_BACK:
                return Standing(TargetState.OVERRIDDEN, seen.version, "somebody else changed it")
            if step is Step.NOTHING:
                return self._arrived(target, pointer, seen)
            outcome = target.swap(seen, pointer.version, marker_of(pointer))
            if isinstance(outcome, Denied):
                # Where only the mark is missing, what serves is right.
                state = TargetState.IN_STEP if seen.version == pointer.version else TargetState.DENIED
                return Standing(state, seen.version, outcome.because)
            if isinstance(outcome, Swapped) and seen.version != pointer.version:
                data = {"target": self.name, "from": seen.version, "to": pointer.version, "epoch": pointer.epoch}
                self._note("target.changed", self.model, data)
            seen = outcome.active
            if isinstance(outcome, Conflicted) and self._stopping.is_set():
                break
        raise Unreachable(f"{self.name} changes faster than it can be compared; it will be looked at again")

    def _arrived(self, target: VersionTarget, pointer: ReleasePointer, seen: Active) -> Standing:
        progress = target.converged(pointer.version)
        if progress.complete:
            return Standing(TargetState.IN_STEP, seen.version)
        how_far = f"{progress.ready} of {progress.total} instances serve {pointer.version}"
        return Standing(TargetState.CONVERGING, seen.version, how_far)

    def _stand(self, standing: Standing, pointer: ReleasePointer | None) -> None:
        before, self.standing = self.standing, standing
        if before is not None and (before.state, before.version) == (standing.state, standing.version):
            return
        wanted = pointer.version if pointer is not None else None
        data = {"target": self.name, "serves": standing.version, "pointer": wanted, "because": standing.because}
        self._note(f"target.{standing.state}", self.model, data)
        if standing.state not in {TargetState.IN_STEP, TargetState.CONVERGING}:
            _log.error("%s: place %s is %s: %s", self.model, self.name, standing.state, standing.because)


class FollowerCollector(Collector):
    """Show where every place stands."""

    def __init__(self, followers: Sequence[Follower]) -> None:
        self._followers = followers

    def collect(self) -> Iterator[Metric]:
        """Yield one family, with a point per place and state."""
        metric = metrics.TARGET_STATUS
        family = GaugeMetricFamily(
            metric.prometheus, metric.description, labels=[prometheus_label(key) for key in metric.attributes]
        )
        for follower in self._followers:
            standing = follower.standing
            if standing is None:
                continue
            for state in TargetState:
                family.add_metric([follower.model, follower.name, state.value], int(state is standing.state))
        yield family


def read_followers(
    policy: Policy, note: Callable[[str, str, dict[str, Any]], None], *, pull: float
) -> tuple[Follower, ...]:
    """Return a follower for every place that the policy declares, not yet started."""
    return tuple(
        Follower(model, name, policy.path.parent / declared.rollback.target.path, make, note, pull=pull)
        for model, declared in policy.models.items()
        for name, make in declared_targets(policy, model).items()
    )
