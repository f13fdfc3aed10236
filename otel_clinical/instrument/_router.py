"""Choose the serving version of a model by its release pointer, on every call."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from otel_clinical._spelling import spelled_class
from otel_clinical.release import (
    PointerError,
    ReleasePointer,
    Resolution,
    force_manual_path,
    pointer_signature,
    read_pointer,
)
from otel_clinical.semconv.enums import DeploymentState, RoutingLevel, RoutingReason, TelemetryComponent, UseCase

from ._current import find_inference
from ._declared import checked_identifier
from ._fork import renew_in_child
from ._misuse import entries
from ._names import CODE
from ._refusals import RoutedToManual
from ._router_metrics import observe_router
from ._telemetry import default_telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from otel_clinical.release import ReleasePointer

    from ._arguments import Arguments
    from ._beside import ControlArm
    from ._current import Inference
    from ._receipt import Receipt
    from ._shadow import Case, Shadow
    from ._telemetry import Telemetry

REFRESH_SECONDS: Final = 0.2
NOBODY: Final = Resolution("", RoutingLevel.MANUAL.value, 0, 0, RoutingReason.OTHER.value)


@spelled_class
class ModelRouter:
    """Serve the version that the release pointer names.

    The pointer file is looked at (one `stat`) at most every `refresh` seconds. A pointer that is missing, broken,
    older than the one in use, or that names an unknown version changes nothing: the last good one goes on serving
    and `degraded` is true. Where there never was a good one, and while the file `POINTER.FORCE_MANUAL` exists,
    every call takes the manual route.

    Args:
        model: Name of the model, as in the policy and the pointer.
        pointer: Path of the release pointer.
        versions: A callable per version; `router(…)` calls the one that serves.
        fallback: Called with the same arguments on the manual route; without it `RoutedToManual` is raised.
        use_case: For the counters that start at zero when the versions are registered.
        refresh: Seconds between looks at the pointer; 0 looks on every call.
        telemetry: Where to report; the process default otherwise.
        control: Share of the calls, at most 0.5, that the version before answers; see "Beside the serving version"
            in docs/instrumentation.md. It needs `control_key`, and `versions` in the order of their release.
        control_key: What decides the arm of a call: a parameter, a field, a dotted path, or a function of the
            arguments; the same value is always in the same arm. Never exported.
        shadow: Let the version before score the same calls in the background; its result is shown to nobody.
        shadow_confidence: Where its result holds the confidence, as for `inference`.
        shadow_copy: Copies one argument before the serving version may change it, such as `copy.deepcopy`; without
            it the shadow sees the same objects.
        keep_shadow: Told the result of the shadow, its receipt, and the id of the inference that served.
    """

    def __init__(
        self,
        model: str,
        *,
        pointer: str | os.PathLike[str],
        versions: Mapping[str, Callable[..., Any]],
        fallback: Callable[..., Any] | None = None,
        use_case: UseCase = UseCase.OTHER,
        refresh: float = REFRESH_SECONDS,
        telemetry: Telemetry | None = None,
        control: float = 0.0,
        control_key: str | Callable[[Arguments], object] | None = None,
        shadow: bool = False,
        shadow_confidence: str | Callable[[Any], object] | None = None,
        shadow_copy: Callable[[Any], Any] | None = None,
        keep_shadow: Callable[[Any, Receipt, str], object] | None = None,
    ) -> None:
        if not versions:
            raise ValueError("ModelRouter: versions is empty, expected a callable per version")
        self.model = checked_identifier("model", model)
        self.versions: Mapping[str, Callable[..., Any]] = MappingProxyType(
            {checked_identifier("version", version): function for version, function in _functions(versions).items()}
        )
        self.fallback = fallback
        self.degraded = False
        self._path = os.fspath(pointer)
        self._force_manual = os.fspath(force_manual_path(pointer))
        self._refresh = refresh
        self._telemetry = telemetry
        self._pointer: ReleasePointer | None = None
        self._signature: object = None
        self._fault = ""
        self._manual = False
        self._next_look = 0.0
        self.control = _control(self.model, control, control_key)
        self._shadow = _shadow(
            self.versions, wanted=shadow, confidence=shadow_confidence, copy=shadow_copy, keep=keep_shadow
        )
        self._renew()
        renew_in_child(self._renew)
        self._register(UseCase(use_case))

    def _renew(self) -> None:
        # A signal handler may interrupt the holder and come here on the same thread.
        self._lock = threading.RLock()

    @property
    def pointer(self) -> ReleasePointer | None:
        """The pointer in use; None until a good one was read."""
        return self._pointer

    def route(self, segments: Mapping[str, str] | None = None) -> Resolution:
        """Decide version and route for an inference with these segment values. Never raises."""
        if time.monotonic() >= self._next_look:
            self._look()
        pointer = self._pointer
        if pointer is None:
            return NOBODY
        resolution = pointer.resolve(segments or {})
        if resolution.version not in self.versions:  # a rule may name a version that this process does not have
            resolution = replace(resolution, route=RoutingLevel.MANUAL.value, reason=RoutingReason.OTHER.value)
        if self._manual:
            return replace(resolution, route=RoutingLevel.MANUAL.value, reason=RoutingReason.GOVERNANCE_HOLD.value)
        return resolution

    def route_call(self, segments: Mapping[str, str], arguments: Arguments) -> tuple[Resolution, bool]:
        """Decide as `route` does, and whether a call is of the control arm; for a router that has one."""
        resolution, pointer = self.route(segments), self._pointer
        if self.control is None or pointer is None:
            return resolution, False
        from ._beside import control_version, earlier_activation  # noqa: PLC0415 -- for those who have an arm

        version = control_version(pointer, resolution, segments, self.versions)
        if version is None or not self.control.takes(arguments, self._telemetry or default_telemetry()):
            return resolution, False
        return replace(resolution, version=version, activation=earlier_activation(pointer)), True

    def beside(self) -> Iterator[tuple[DeploymentState, str | None]]:
        """Yield in which parts another version may run beside the serving one, and which does now."""
        if self.control is None and self._shadow is None:
            return
        from ._beside import earlier_version  # noqa: PLC0415 -- for those who have an arm

        pointer = self._pointer
        earlier = None if pointer is None or self._manual else earlier_version(pointer, self.versions)
        if self.control is not None:
            yield DeploymentState.CANARY, None if pointer is None or pointer.marker else earlier
        if self._shadow is not None and self._shadow.comparable:
            yield DeploymentState.SHADOW, earlier

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the serving version, as routed by the inference under way or, outside of one, by no segment."""
        inference = find_inference()
        resolution = inference.resolution if inference is not None and inference.model == self.model else None
        resolution = resolution or self.route()
        if resolution.route == RoutingLevel.MANUAL:
            return self.answer_manually(*args, **kwargs)
        function = self.versions[resolution.version]
        if self._shadow is None or inference is None or inference.model != self.model:
            return function(*args, **kwargs)
        case = self._shadow_case(self._shadow, inference, resolution, args, kwargs)
        result = function(*args, **kwargs)
        if case is not None:
            self._shadow.submit(case)
        return result

    def _shadow_case(
        self,
        shadow: Shadow,
        inference: Inference,
        resolution: Resolution,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Case | None:
        """Return what the version before is to score; None where it serves itself, or must not come back."""
        from ._beside import earlier_activation, earlier_version  # noqa: PLC0415 -- for those who have a shadow

        pointer = self._pointer
        version = (
            None if pointer is None or pointer.epoch != resolution.epoch else earlier_version(pointer, self.versions)
        )
        if pointer is None or version is None or version == resolution.version:
            return None
        function, activation = self.versions[version], earlier_activation(pointer)
        return shadow.prepare(inference, function, args, kwargs, version=version, activation=activation)

    def answer_manually(self, *args: Any, **kwargs: Any) -> Any:
        """Call the fallback, or raise `RoutedToManual` where there is none."""
        if self.fallback is None:
            raise RoutedToManual(self.model)
        return self.fallback(*args, **kwargs)

    def _look(self) -> None:
        """Look at the files; one thread at a time, the others go on with what is known."""
        if not self._lock.acquire(blocking=self._pointer is None):
            return
        before, was_degraded = self._pointer, self.degraded
        try:
            self._manual = os.path.lexists(self._force_manual)
            fault = self._read()
            self.degraded = bool(fault)
            self._next_look = time.monotonic() + self._refresh
        finally:
            self._lock.release()
        # Without the lock: a log handler is anybody's code, and may come back here.
        if fault and not was_degraded:
            telemetry = self._telemetry or default_telemetry()
            telemetry.failed(TelemetryComponent.ROUTING, fault, self._explain(fault))
        if before is not None and before is not self._pointer:
            (self._telemetry or default_telemetry()).flush_soon()

    def _read(self) -> str:
        """Take over a pointer that changed; return what is wrong with it, or nothing."""
        signature = pointer_signature(self._path)
        if signature is None:
            self._signature = None
            return "PointerMissing"
        if signature == self._signature:
            return self._fault
        self._signature = signature
        self._fault = self._take()
        return self._fault

    def _take(self) -> str:
        try:
            found = read_pointer(self._path)
        except (OSError, PointerError) as error:
            self._signature = None
            return type(error).__qualname__
        fault = self._fault_of(found)
        if not fault:
            self._pointer = found
            # A rule may name a version that this process has not: it is an operator's word all the same.
            CODE.declare(self.model, found.version, *(rule.version for rule in found.rules if rule.version))
        return fault

    def _fault_of(self, found: ReleasePointer) -> str:
        if found.model != self.model:
            return "OtherModel"
        if found.version not in self.versions:
            return "UnknownVersion"
        known = self._pointer
        if known is not None and found != known and found.epoch <= known.epoch:
            return "LowerEpoch"
        return ""

    def _explain(self, fault: str) -> str:
        """Say what is wrong with the pointer, what happens to calls, and what to do."""
        if self._pointer is not None:
            consequence = f"version {self._pointer.version} goes on as last told"
        else:
            consequence = (
                "every call goes to the fallback (or RoutedToManual) until "
                f"`otel-clinical rollback activate {self.model} VERSION --policy POLICY --by NAME`"
            )
        problem = {
            "PointerMissing": f"no release pointer at {self._path}",
            "OtherModel": f"the release pointer at {self._path} is not of model {self.model}",
            "UnknownVersion": f"the release pointer at {self._path} names none of {', '.join(self.versions)}",
            "LowerEpoch": f"the release pointer at {self._path} is older than the one in use",
        }.get(fault, f"the release pointer at {self._path} cannot be read ({fault})")
        return f"{problem}: {consequence}"

    def _register(self, use_case: UseCase) -> None:
        telemetry = self._telemetry or default_telemetry()
        CODE.declare(self.model, *self.versions)
        for version in self.versions:
            telemetry.versions.add(self.model, version, use_case.value)
        observe_router(telemetry, self)
        self._look()


def _functions(versions: Mapping[str, Callable[..., Any]]) -> Mapping[str, Callable[..., Any]]:
    """Return the versions; one that cannot be called would be found out by the patient who gets it after a rollback."""
    for version, function in entries("ModelRouter: versions", versions, 'versions={"7": model_7}').items():
        if not callable(function):
            raise TypeError(
                f"ModelRouter: version {version!r} is a {type(function).__qualname__}, expected a callable; write "
                'versions={"7": model_7}, without calling it'
            )
    return versions


def _control(model: str, share: float, key: str | Callable[[Arguments], object] | None) -> ControlArm | None:
    if share == 0 and key is None:
        return None
    if share == 0 or key is None:
        raise ValueError(
            "ModelRouter: control and control_key belong together: control=0.05 says how many, "
            'control_key="encounter_id" says which'
        )
    from ._beside import ControlArm  # noqa: PLC0415 -- for those who have an arm

    return ControlArm(model, share, key)


def _shadow(versions: Mapping[str, Callable[..., Any]], *, wanted: bool, **options: Any) -> Shadow | None:
    if not wanted:
        if any(option is not None for option in options.values()):
            raise ValueError("ModelRouter: shadow_confidence, shadow_copy and keep_shadow need shadow=True")
        return None
    from ._shadow import Shadow  # noqa: PLC0415 -- for those who have a shadow

    return Shadow(versions, **options)
