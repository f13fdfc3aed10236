"""Practise a rollback on a running system, with the real Alertmanager and controller, and write down how it went.

A synthetic alert that carries the label `drill` takes the way of a real one. The controller notes that it heard it and
does nothing; the switch is then made on a copy of the release pointer, or with `live` on the pointer itself and back.
"""

from __future__ import annotations

import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import httpx

from otel_clinical.release import EpochConflict, PointerError, read_pointer
from otel_clinical.rollback.alerts import AGGREGATE
from otel_clinical.rollback.confirm import instances_serving
from otel_clinical.rollback.prometheus import Prometheus, PrometheusUnavailableError
from otel_clinical.rollback.releases import ActivationRefusedError, activate_version
from otel_clinical.rollback.targets import Applied, Change, Conflict, FileTarget, Unreachable
from otel_clinical.semconv import attributes, prometheus_label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from otel_clinical.rollback.terms import Terms

ALERT: Final = "ClinicalAIRollbackDrill"
LABEL: Final = "drill"
_BEYOND: Final = (1 << 62) - 1
"""A sequence that no audit reaches: asked for what comes after it, the controller shows the head alone."""
_EVERY: Final = 0.1
"""Seconds between two looks."""


class DrillFailedError(RuntimeError):
    """A stage did not do what a real rollback would need; the message says which, and what to look at."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a drill: what was shown, and how many seconds it took."""

    name: str
    seconds: float
    detail: str


@dataclass(frozen=True, slots=True)
class Drill:
    """How a drill went. `failure` is empty where every stage passed; `started` in Unix seconds."""

    id: str
    model: str
    live: bool
    by: tuple[str, ...]
    version: str
    previous: str
    started: float
    stages: tuple[Stage, ...]
    failure: str = ""

    @property
    def passed(self) -> bool:
        """Tell whether every stage did."""
        return not self.failure

    @property
    def seconds(self) -> float:
        """Return how long all stages took together."""
        return sum(stage.seconds for stage in self.stages)


@dataclass(frozen=True, slots=True)
class Scene:
    """The running system: addresses, the controller's token, and how long each stage may take in seconds."""

    alertmanager: str
    controller: str
    token: str
    prometheus: str | None = None
    patience: float = 30.0


def drill(terms: Terms, scene: Scene, *, by: tuple[str, ...], live: bool = False) -> Drill:
    """Practise a rollback of one model and return how it went; a stage that fails ends it.

    Args:
        terms: Of the model.
        scene: The running system.
        by: Who practises. A live drill gives reach back at its end, so it needs two people.
        live: Switch the pointer itself, wait for every instance, and switch back.

    Raises:
        DrillFailedError: it cannot begin: no pointer, no previous version, or `live` by one person.
    """
    if live and len({name.strip().casefold() for name in by} - {""}) < 2:  # noqa: PLR2004 -- two people
        raise DrillFailedError("a live drill gives the present version its reach back: name two people")
    if live and scene.prometheus is None:
        raise DrillFailedError("a live drill waits until every instance serves: say where Prometheus is")
    try:
        pointer = read_pointer(terms.pointer)
    except (OSError, PointerError) as error:
        raise DrillFailedError(f"the release pointer cannot be read: {error}") from error
    previous = pointer.previous_version
    if previous is None or previous not in terms.versions:
        raise DrillFailedError(f"{terms.model} has no previous version to go back to; a rollback would refuse as well")
    key, started, failure = f"DRILL-{uuid.uuid4().hex[:12]}", time.time(), ""
    done: list[Stage] = []
    try:
        done.extend(_stages(terms, scene, key, pointer.version, previous, by=by, live=live))
    except DrillFailedError as error:
        failure = str(error)
    return Drill(key, terms.model, live, by, pointer.version, previous, started, tuple(done), failure)


def _stages(
    terms: Terms, scene: Scene, key: str, version: str, previous: str, *, by: tuple[str, ...], live: bool
) -> Iterator[Stage]:
    if live:
        yield _timed("every instance reports the present version", lambda: _before(terms, scene, version))
    client = httpx.Client(timeout=5.0, trust_env=False, headers={"Authorization": f"Bearer {scene.token}"})
    with client:
        head = _head(client, scene)
        yield _timed("alert accepted", lambda: _post(client, scene, terms, key, version))
        yield _timed("controller heard it through Alertmanager", lambda: _heard(client, scene, key, head))
    if live:
        yield from _live(terms, scene, version, previous, by)
    else:
        yield _timed("switch on a copy of the pointer", lambda: _shadow(terms, previous, key))


def _timed(name: str, work: Callable[[], str]) -> Stage:
    began = time.monotonic()
    try:
        detail = work()
    except (
        httpx.HTTPError,
        PrometheusUnavailableError,
        OSError,
        PointerError,
        EpochConflict,
        ActivationRefusedError,
    ) as error:
        raise DrillFailedError(f"{name}: {type(error).__name__}: {error}") from error
    return Stage(name, time.monotonic() - began, detail)


def _post(client: httpx.Client, scene: Scene, terms: Terms, key: str, version: str) -> str:
    """Give Alertmanager the alert, ending soon by itself so that nothing of the drill stays behind."""
    labels = {
        "alertname": ALERT,
        LABEL: key,
        "tier": "rollback",
        prometheus_label(attributes.MODEL_NAME): terms.model,
        prometheus_label(attributes.MODEL_VERSION): version,
        prometheus_label(attributes.SEGMENT_NAME): AGGREGATE.name,
        prometheus_label(attributes.SEGMENT_VALUE): AGGREGATE.value,
    }
    now = time.time()
    alert = {
        "labels": labels,
        "annotations": {"summary": f"Drill {key}: nobody needs to act."},
        "startsAt": _iso(now),
        "endsAt": _iso(now + 2 * scene.patience),
    }
    where = f"{scene.alertmanager.rstrip('/')}/api/v2/alerts"
    try:
        answer = client.post(where, json=[alert], headers={"Authorization": ""})
    except httpx.HTTPError as error:
        raise DrillFailedError(
            f"Alertmanager at {scene.alertmanager} does not take the alert ({type(error).__name__}): is it running, "
            "and is this the http:// or https:// address that Prometheus sends alerts to?"
        ) from error
    if answer.status_code != httpx.codes.OK:
        raise DrillFailedError(f"Alertmanager answered {answer.status_code} to the alert, expected 200")
    return f"{ALERT} with {LABEL}={key}"


def _heard(client: httpx.Client, scene: Scene, key: str, head: int) -> str:
    deadline = time.monotonic() + scene.patience
    while time.monotonic() < deadline:
        for event in _events(client, scene, head):
            if event["action"] == "drill.heard" and event["data"]["alert"].get(LABEL) == key:
                return f"audit event {event['seq']}"
        time.sleep(_EVERY)
    raise DrillFailedError(
        f"the controller did not hear the alert within {scene.patience:g} s: look at Alertmanager's route for "
        f'{LABEL}!="" and tier="rollback", its webhook URL and token, and at ClinicalAIWebhookFailing'
    )


def _head(client: httpx.Client, scene: Scene) -> int:
    """Return the sequence of the audit's newest event."""
    try:
        answer = client.get(f"{scene.controller.rstrip('/')}/v1/audit", params={"after": str(_BEYOND)})
        answer.raise_for_status()
        return int(answer.json()["head"]["seq"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise DrillFailedError(
            f"the controller at {scene.controller} does not show its audit ({type(error).__name__}): "
            "is it running, and is the token one of its own?"
        ) from error


def _events(client: httpx.Client, scene: Scene, after: int) -> list[dict[str, Any]]:
    answer = client.get(f"{scene.controller.rstrip('/')}/v1/audit", params={"after": str(after)})
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


def _shadow(terms: Terms, previous: str, key: str) -> str:
    """Make the change of a rollback on a copy beside the pointer, twice: the second must change nothing."""
    copy = terms.pointer.with_name(f"{terms.pointer.name}.{key}")
    try:
        shutil.copyfile(terms.pointer, copy)
        target = FileTarget(copy)
        found = target.read()
        change = Change(reason="drill", version=previous)
        made = target.swap(found.epoch, change, key)
        again = target.swap(found.epoch, change, key)
        seen = target.read()
    except Unreachable as error:
        raise DrillFailedError(f"the pointer's folder does not take a change: {error}") from error
    finally:
        for left in (copy, copy.with_name(f"{copy.name}.lock")):
            with suppress(FileNotFoundError):
                left.unlink()
    if not isinstance(made, Applied) or not isinstance(again, Conflict) or seen != made.pointer:
        raise DrillFailedError("a switch on a copy of the pointer was not made exactly once")
    return f"version {seen.version}, epoch {found.epoch} to {seen.epoch}; a second try changed nothing"


def _before(terms: Terms, scene: Scene, version: str) -> str:
    """Look, before anything is switched, whether it could be seen that every instance follows."""
    prometheus = Prometheus(scene.prometheus or "")
    try:
        serving = instances_serving(prometheus, terms.model)
    except PrometheusUnavailableError as error:
        raise DrillFailedError(
            f"Prometheus at {scene.prometheus} does not say which version each instance serves: {error}. "
            "Nothing was switched"
        ) from error
    finally:
        prometheus.close()
    if set(serving) != {version}:
        raise DrillFailedError(
            f"Prometheus shows {_shown(serving)} and the release pointer names {version}: nothing was switched. "
            "Wait until every instance reports what the pointer says"
        )
    return _counted(serving[version])


def _live(terms: Terms, scene: Scene, version: str, previous: str, by: tuple[str, ...]) -> Iterator[Stage]:
    """Switch the pointer, wait for every instance, and switch it back however that went."""
    prometheus, who = Prometheus(scene.prometheus or ""), " and ".join(by)
    try:
        yield _timed("pointer switched", lambda: _activate(terms, previous, who))
        try:
            there = _timed("every instance on the previous version", lambda: _all(prometheus, terms, previous, scene))
        except DrillFailedError as error:
            back = _timed("pointer switched back", lambda: _activate(terms, version, who))
            raise DrillFailedError(f"{error}. The pointer was switched back: {back.detail}") from error
        except BaseException:
            _timed("pointer switched back", lambda: _activate(terms, version, who))
            raise
        yield there
        yield _timed("pointer switched back", lambda: _activate(terms, version, who))
        yield _timed("every instance on the present version", lambda: _all(prometheus, terms, version, scene))
    finally:
        prometheus.close()


def _activate(terms: Terms, version: str, by: str) -> str:
    pointer = activate_version(terms, version, by=f"drill of {by}", at=time.time())
    return f"version {pointer.version}, epoch {pointer.epoch}, activation {pointer.activation}"


def _all(prometheus: Prometheus, terms: Terms, version: str, scene: Scene) -> str:
    deadline = time.monotonic() + scene.patience
    serving: dict[str, int] = {}
    while time.monotonic() < deadline:
        serving = instances_serving(prometheus, terms.model)
        if set(serving) == {version}:
            return _counted(serving[version])
        time.sleep(_EVERY)
    raise DrillFailedError(f"after {scene.patience:g} s not every instance serves {version}: {_shown(serving)}")


def _shown(serving: Mapping[str, int]) -> str:
    return ", ".join(f"{count} on {name}" for name, count in sorted(serving.items())) or "no instance at all"


def _counted(instances: int) -> str:
    return f"{instances} instance{'s' if instances > 1 else ''}"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
