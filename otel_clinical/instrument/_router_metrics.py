"""Show which version serves and whether the router runs on an old pointer, at each collection."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Protocol

from opentelemetry.metrics import Observation

from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import DeploymentState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from opentelemetry.metrics import CallbackOptions

    from otel_clinical.release import ReleasePointer
    from otel_clinical.semconv import MetricDef

    from ._telemetry import Telemetry


class Router(Protocol):
    """What a router shows of itself."""

    model: str
    degraded: bool

    @property
    def versions(self) -> Mapping[str, object]:
        """The versions it can call."""

    @property
    def pointer(self) -> ReleasePointer | None:
        """The pointer in use."""

    def route(self) -> object:
        """Look at the pointer where it is time to."""

    def beside(self) -> Iterator[tuple[DeploymentState, str | None]]:
        """Yield in which parts another version may run beside the serving one, and which does now."""


_routers: weakref.WeakKeyDictionary[Telemetry, weakref.WeakSet[Router]] = weakref.WeakKeyDictionary()


def observe_router(telemetry: Telemetry, router: Router) -> None:
    """Add a router to those that the telemetry reports on."""
    known = _routers.get(telemetry)
    if known is None:
        known = _routers[telemetry] = weakref.WeakSet()
        _create(telemetry, metrics.DEPLOYMENT_STATUS, known, _status)
        _create(telemetry, metrics.ROUTER_DEGRADED, known, _degraded)
        _create(telemetry, metrics.ROUTER_SERVING_EPOCH, known, _epoch)
    known.add(router)


def _create(
    telemetry: Telemetry,
    metric: MetricDef,
    routers: Iterable[Router],
    observe: Callable[[Router], Iterator[Observation]],
) -> None:
    def callback(_: CallbackOptions) -> list[Observation]:
        # One model may be routed in several places of a process; they read the same file.
        latest = {router.model: router for router in routers}
        return [observation for router in latest.values() for observation in observe(router)]

    meter = telemetry.meter
    is_gauge = metric.instrument == "gauge"
    create = meter.create_observable_gauge if is_gauge else meter.create_observable_up_down_counter
    create(metric.name, [callback], metric.unit, metric.description)


def _status(router: Router) -> Iterator[Observation]:
    router.route()  # looks at the pointer even while no inference comes in
    active = router.pointer.version if router.pointer is not None else None
    for state, serving in ((DeploymentState.ACTIVE, active), *router.beside()):
        for version in router.versions:
            labels = {
                attributes.MODEL_NAME: router.model,
                attributes.MODEL_VERSION: version,
                attributes.DEPLOYMENT_STATE: state.value,
            }
            yield Observation(int(version == serving), labels)


def _degraded(router: Router) -> Iterator[Observation]:
    yield Observation(int(router.degraded), {attributes.MODEL_NAME: router.model})


def _epoch(router: Router) -> Iterator[Observation]:
    pointer = router.pointer
    if pointer is not None:
        yield Observation(pointer.epoch, {attributes.MODEL_NAME: router.model})
