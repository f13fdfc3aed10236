"""Read what Alertmanager posts: lenient about keys it may add, strict about what an alert may name."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from otel_clinical.release import Segment
from otel_clinical.semconv import attributes, prometheus_label
from otel_clinical.semconv.enums import EscalationLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.rollback.terms import Terms

MAX_DEPTH: Final = 32
MAX_ALERTS: Final = 2_000
_FIRST_YEAR: Final = 2_000
REVIEWS: Final = {
    "engineering": EscalationLevel.ENGINEERING_REVIEW,
    "governance": EscalationLevel.GOVERNANCE_REVIEW,
}
"""Tiers that ask people for a review, by the label `tier` of their alerts."""
AGGREGATE: Final = Segment("all", "all")

_MODEL = prometheus_label(attributes.MODEL_NAME)
_VERSION = prometheus_label(attributes.MODEL_VERSION)
_SEGMENT_NAME = prometheus_label(attributes.SEGMENT_NAME)
_SEGMENT_VALUE = prometheus_label(attributes.SEGMENT_VALUE)
_NAME = re.compile(r"[A-Za-z0-9_:.\- ]{1,128}")
# A string that never ends is one token, so that no input is scanned twice.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|[][{}]', re.DOTALL)


class Cause(StrEnum):
    """What an incident is about: proved performance, the quality of one source's input, or a silent watchdog.

    `restored` is performance as well, of a version that was given back to one segment and fails there too; `ordered`
    is what a person wants, whatever the figures say.
    """

    PERFORMANCE = "performance"
    INPUT = "input"
    BLIND = "blind"
    RESTORED = "restored"
    ORDERED = "ordered"


class MalformedNotificationError(ValueError):
    """A request body that is no Alertmanager notification; the message says why."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert the controller may act on. `version` is None for input alerts; times are Unix seconds.

    One of a `drill`, which it names, is heard and noted, and never acted on. Of a `tier` below rollback people are
    told; only Prometheus is
    asked for those, Alertmanager need not send them.
    """

    name: str
    cause: Cause
    model: str
    version: str | None
    segment: Segment
    firing: bool
    starts_at: float
    drill: str = ""
    tier: EscalationLevel = EscalationLevel.ROLLBACK


@dataclass(frozen=True, slots=True)
class Refused:
    """One alert of a notification that cannot be used, and why."""

    index: int
    problem: str


@dataclass(frozen=True, slots=True)
class Notification:
    """What one request holds. `ignored` alerts are not for the controller; `truncated` were left out."""

    alerts: tuple[Alert, ...]
    refused: tuple[Refused, ...] = ()
    ignored: int = 0
    truncated: int = 0


class _RefusedAlertError(ValueError):
    """One alert cannot be used."""


def parse_notification(body: bytes, terms: Mapping[str, Terms]) -> Notification:
    """Read a notification; one bad alert costs none of the others.

    Raises:
        MalformedNotificationError: the body is not JSON, nests too deeply, or has no list of alerts.
    """
    document: Any = load_json(body)
    if not isinstance(document, dict) or not isinstance(alerts := document.get("alerts"), list):
        raise MalformedNotificationError("expected an object with a list `alerts`")
    if len(alerts) > MAX_ALERTS:
        raise MalformedNotificationError(f"{len(alerts)} alerts, expected at most {MAX_ALERTS}")
    found, refused = [], []
    for index, item in enumerate(alerts):
        try:
            found.append(_alert(item, terms))
        except _RefusedAlertError as error:
            refused.append(Refused(index, str(error)))
    truncated = document.get("truncatedAlerts", 0)
    kept = tuple(alert for alert in found if alert is not None)
    return Notification(
        alerts=kept,
        refused=tuple(refused),
        ignored=len(found) - len(kept),
        truncated=truncated if isinstance(truncated, int) and truncated > 0 else 0,
    )


def alert_from_labels(labels: Mapping[str, str], *, starts_at: float, terms: Mapping[str, Terms]) -> Alert | None:
    """Return the alert that Prometheus' own `ALERTS` series describes, or None where it is not for us."""
    tier = REVIEWS.get(labels.get("tier", ""))
    try:
        if tier is not None and labels.get("category") == "performance":
            # It names what a proved drop names.
            found = _from_labels({**labels, "tier": "rollback"}, firing=True, starts_at=starts_at, terms=terms)
            return found and replace(found, tier=tier)
        return _from_labels(labels, firing=True, starts_at=starts_at, terms=terms)
    except _RefusedAlertError:
        return None


def load_json(body: bytes) -> object:
    """Decode JSON from outside; raise `MalformedNotificationError` for depth, NaN, or no JSON at all."""
    if _depth(body) > MAX_DEPTH:
        raise MalformedNotificationError(f"nested deeper than {MAX_DEPTH} levels")
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise MalformedNotificationError("not UTF-8 text") from None
    except (ValueError, RecursionError):
        raise MalformedNotificationError("not JSON") from None


def digest(body: bytes) -> str:
    """Return the hash by which the audit refers to a body."""
    return hashlib.sha256(body).hexdigest()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _depth(body: bytes) -> int:
    deepest = depth = 0
    for match in _TOKEN.finditer(body):
        if match[0] in {b"[", b"{"}:
            depth += 1
        elif match[0] in {b"]", b"}"}:
            depth -= 1
        deepest = max(deepest, depth)
    return deepest


def _alert(item: object, terms: Mapping[str, Terms]) -> Alert | None:
    if not isinstance(item, dict):
        raise _RefusedAlertError("not an object")
    labels, status = item.get("labels"), item.get("status")
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise _RefusedAlertError("labels are not text")
    if not isinstance(status, str) or status not in {"firing", "resolved"}:
        raise _RefusedAlertError("status is neither firing nor resolved")
    starts_at = _time(item.get("startsAt"))
    return _from_labels(cast("Mapping[str, str]", labels), firing=status == "firing", starts_at=starts_at, terms=terms)


def _from_labels(
    labels: Mapping[str, str], *, firing: bool, starts_at: float, terms: Mapping[str, Terms]
) -> Alert | None:
    cause = _cause(labels)
    if cause is None:
        return None
    model = terms.get(labels.get(_MODEL, ""))
    if model is None:
        raise _RefusedAlertError(f"label {_MODEL} names no model of the policy")
    segment = Segment(labels.get(_SEGMENT_NAME, ""), labels.get(_SEGMENT_VALUE, ""))
    if not model.declares(segment.name, segment.value):
        raise _RefusedAlertError(f"{_SEGMENT_NAME} and {_SEGMENT_VALUE} name no segment of the policy")
    version = labels.get(_VERSION) if cause is Cause.PERFORMANCE else None
    if cause is Cause.PERFORMANCE and version not in model.versions:
        raise _RefusedAlertError(f"label {_VERSION} names no version of the policy")
    name = labels.get("alertname", "")
    if not _NAME.fullmatch(name):
        raise _RefusedAlertError("alertname is not a plain name")
    drill = labels.get("drill", "")
    if drill and not _NAME.fullmatch(drill):
        raise _RefusedAlertError("drill is not a plain name")
    return Alert(name, cause, model.model, version, segment, firing, starts_at, drill)


def _cause(labels: Mapping[str, str]) -> Cause | None:
    if labels.get("tier") == "rollback":
        return Cause.PERFORMANCE
    return Cause.INPUT if labels.get("action") == "hold" else None


def _time(value: object) -> float:
    try:
        moment = datetime.fromisoformat(cast("str", value))
    except (TypeError, ValueError):
        raise _RefusedAlertError("startsAt is not a time") from None
    if moment.tzinfo is None:
        raise _RefusedAlertError("startsAt has no zone")
    if moment.year < _FIRST_YEAR:
        raise _RefusedAlertError("startsAt is not set")
    return moment.timestamp()
