"""Ask a live Prometheus what it knows about us."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import requests

from otel_clinical.doctor._http import fault_of
from otel_clinical.doctor._names import PREFIX, family_of
from otel_clinical.semconv import OTHER, attributes, metrics
from otel_clinical.semconv._prometheus import prometheus_label
from otel_clinical.semconv.enums import DeploymentState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.doctor._answer import Verdict

_COMPONENT: Final = prometheus_label(attributes.TELEMETRY_COMPONENT)
_MODEL: Final = prometheus_label(attributes.MODEL_NAME)
_REASON: Final = prometheus_label(attributes.TELEMETRY_REDACTION_REASON)
_STATE: Final = prometheus_label(attributes.DEPLOYMENT_STATE)
_INFERENCES: Final = metrics.INFERENCES.prometheus
_NAMED: Final = f'{_INFERENCES}{{{_MODEL}!="{OTHER}"}}'
_SERVING: Final = f'{metrics.DEPLOYMENT_STATUS.prometheus}{{{_STATE}="{DeploymentState.ACTIVE.value}"}}'
_ALIVE: Final = f'count by (__name__) ({{__name__=~".*{PREFIX.replace("_", ".")}.*"}})'
_RECENT: Final = 600.0
QUERIES: Final[Mapping[str, str]] = {
    "dropped": f"sum by ({_COMPONENT}) ({metrics.TELEMETRY_DROPPED.prometheus}) > 0",
    "errors": f"sum by ({_COMPONENT}) ({metrics.TELEMETRY_ERRORS.prometheus}) > 0",
    "redactions": f"sum by ({_REASON}) ({metrics.TELEMETRY_REDACTIONS.prometheus}) > 0",
    "spans": 'sum by (error_type) (otel_sdk_processor_span_processed_total{error_type!=""}) > 0',
    "unserved": f"count by ({_MODEL}) ({_NAMED} > 0) unless on ({_MODEL}) ({_SERVING} == 1)",
    "overflow": f'count({_INFERENCES}{{{_MODEL}=""}}) > 0',
    "resets": f"max(resets({_INFERENCES}[15m])) > 3",
}
"""What is asked for, by what it is about; each gives samples only when there is something to say."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Prometheus said.

    Attributes:
        fault: Why it said nothing; None when it answered.
        status: HTTP status where it was not 200.
        version: Its version; empty when it does not say.
        clock: Its clock minus ours, in seconds.
        names: Names of all series that hold our prefix and have a sample of the last five minutes.
        past: The same of all series that are kept.
        labels: Labels by family of ours.
        samples: Value by label value, by query.
    """

    fault: Verdict | None = None
    status: int = 200
    version: str = ""
    clock: float = 0.0
    names: frozenset[str] = frozenset()
    past: frozenset[str] = frozenset()
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    samples: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


class _StatusError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def ask_prometheus(url: str, timeout: float) -> Snapshot:
    """Return what Prometheus at a base URL says about us."""
    try:
        return _ask(url, timeout)
    except _StatusError as error:
        return Snapshot(status=error.status)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return Snapshot(status=0)
    except (requests.RequestException, OSError) as error:
        return Snapshot(fault=fault_of(error))


def _ask(url: str, timeout: float) -> Snapshot:
    def get(path: str, **parameters: str) -> Any:
        answer = requests.get(f"{url}/api/v1/{path}", params=parameters, timeout=timeout)
        if not answer.ok:
            raise _StatusError(answer.status_code)
        return answer.json()["data"]

    before = time.time()
    theirs = float(get("query", query="time()")["result"][1])
    clock = theirs - (before + time.time()) / 2
    alive = get("query", query=_ALIVE)["result"]
    names = frozenset(found["metric"]["__name__"] for found in alive)
    past = frozenset(name for name in get("label/__name__/values") if PREFIX in name.replace(".", "_"))
    families = {found.prometheus: name for name in sorted(names) if (found := family_of(name)) is not None}
    return Snapshot(
        version=str(get("status/buildinfo").get("version", "")),
        clock=clock,
        names=names,
        past=past,
        labels={
            family: frozenset(get("labels", start=str(before - _RECENT), **{"match[]": name}))
            for family, name in families.items()
        },
        samples={about: _samples(get("query", query=query)["result"]) for about, query in QUERIES.items()},
    )


def _samples(result: list[Any]) -> dict[str, float]:
    return {" ".join(found["metric"].values()): float(found["value"][1]) for found in result}
