"""Look at the running system through the doors a person on call has: Prometheus, Alertmanager, controller, pointer."""

from __future__ import annotations

import math
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.release import read_pointer
from otel_clinical.semconv import attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import InputQualityAction
from otel_clinical.simulate._http import client
from otel_clinical.simulate._view import EVERYWHERE, TIER_OF_LEVEL, Alert, Place, Standing, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import httpx

    from otel_clinical.semconv import MetricDef

_VERSION: Final = prometheus_label(attributes.MODEL_VERSION)
_NAME: Final = prometheus_label(attributes.SEGMENT_NAME)
_VALUE: Final = prometheus_label(attributes.SEGMENT_VALUE)
_LEVEL: Final = prometheus_label(attributes.ESCALATION_LEVEL)
_ROUTE: Final = prometheus_label(attributes.ROUTING_LEVEL)
_ACTION: Final = prometheus_label(attributes.INPUT_QUALITY_ACTION)
_LOW: Final = f"{InputQualityAction.FALLBACK}|{InputQualityAction.REFUSE}"
# Long enough for several scrapes, short enough to show a change within an act.
_RECENT: Final = "4s"

_ROUTES: Final = f"sum by ({_NAME}, {_VALUE}, {_ROUTE}) (rate({metrics.SEGMENT_INFERENCES.prometheus}[{_RECENT}])) > 0"
_SERVING: Final = f"sum by ({_VERSION}) (rate({metrics.INFERENCES.prometheus}[{_RECENT}])) > 0"
_RECORDS: Final = f'{metrics.SEGMENT_RECORDS.prometheus}{{{_NAME}="source_system"'
_LOW_SHARE: Final = (
    f'sum by ({_VALUE}) (rate({_RECORDS},{_ACTION}=~"{_LOW}"}}[{_RECENT}]))'
    f" / sum by ({_VALUE}) (rate({_RECORDS}}}[{_RECENT}]))"
)

Labels = dict[str, str]


class Observer:
    """Take views of a stack; holds one HTTP connection pool."""

    def __init__(self, *, prometheus: str, alertmanager: str, controller: str, token: Path, pointer: Path) -> None:
        self._prometheus = prometheus
        self._alertmanager = alertmanager
        self._controller = controller
        self._pointer = pointer
        self._authorization = {"Authorization": f"Bearer {token.read_text().strip()}"}
        self._http: httpx.Client = client()

    def __enter__(self) -> Self:
        """Return the observer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def look(self) -> View:
        """Return what everything says now.

        Raises:
            httpx.HTTPError: Prometheus, Alertmanager or the controller does not answer.
            KeyError: An answer lacks what its interface promises.
        """
        return View(
            at=time.time(),
            pointer=read_pointer(self._pointer),
            alerts=tuple(self._alerts()),
            notified=frozenset(self._notified()),
            standing=self._standing(),
            routes={((of[_NAME], of[_VALUE]), of[_ROUTE]): value for of, value in self.query(_ROUTES)},
            serving={of[_VERSION]: value for of, value in self.query(_SERVING)},
            low_share={of[_VALUE]: value for of, value in self.query(_LOW_SHARE) if math.isfinite(value)},
            incidents=tuple(self.incidents()),
            heartbeat_at=max((value for _, value in self._gauge(metrics.ROLLBACK_HEARTBEAT_TIME)), default=None),
        )

    def query(self, expression: str) -> list[tuple[Labels, float]]:
        """Return the labels and value of every series that a PromQL expression yields now."""
        answer = self._get(f"{self._prometheus}/api/v1/query", {"query": expression})
        return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]

    def query_range(
        self, expression: str, start: float, end: float, step: float = 1.0
    ) -> list[tuple[Labels, list[tuple[float, float]]]]:
        """Return the labels and (unix time, value) pairs of every series between two times."""
        about = {"query": expression, "start": f"{start}", "end": f"{end}", "step": f"{step}"}
        answer = self._get(f"{self._prometheus}/api/v1/query_range", about)
        rows = answer["data"]["result"]
        return [(row["metric"], [(float(at), float(value)) for at, value in row["values"]]) for row in rows]

    def sampled(self, selector: str, within: str) -> list[float]:
        """Return the unix times of the stored samples of all series that a selector names, back to ``within``."""
        answer = self._get(f"{self._prometheus}/api/v1/query", {"query": f"{selector}[{within}]"})
        return [float(at) for row in answer["data"]["result"] for at, _ in row["values"]]

    def incidents(self) -> list[dict[str, Any]]:
        """Return the controller's incidents."""
        answer = self._get(f"{self._controller}/v1/incidents", headers=self._authorization)
        return list(answer["incidents"])

    def audit(self) -> list[dict[str, Any]]:
        """Return the controller's audit, oldest event first."""
        return list(self._get(f"{self._controller}/v1/audit", headers=self._authorization)["events"])

    def _gauge(self, metric: MetricDef) -> list[tuple[Labels, float]]:
        return self.query(metric.prometheus)

    def _standing(self) -> dict[tuple[str, Place], Standing]:
        """Join the processor's gauges by version and place."""
        columns = {
            "drop": self._by_place(metrics.DEGRADATION_RATIO),
            "samples": self._by_place(metrics.EVIDENCE_SAMPLES),
            "window": self._by_place(metrics.PERFORMANCE_SAMPLES),
            "performance": self._by_place(metrics.PERFORMANCE_RATIO),
            "baseline": self._by_place(metrics.BASELINE_RATIO),
        }
        evidence: dict[tuple[str, Place], dict[str, float]] = {}
        for of, value in self._gauge(metrics.EVIDENCE):
            tier = TIER_OF_LEVEL.get(of[_LEVEL])
            if tier:
                evidence.setdefault(_key(of), {})[tier] = value
        keys = {key for column in columns.values() for key in column} | evidence.keys()
        return {
            key: Standing(**{name: column.get(key) for name, column in columns.items()}, evidence=evidence.get(key, {}))
            for key in keys
        }

    def _by_place(self, metric: MetricDef) -> dict[tuple[str, Place], float]:
        return {_key(of): value for of, value in self._gauge(metric) if math.isfinite(value)}

    def _alerts(self) -> Iterator[Alert]:
        for alert in self._get(f"{self._prometheus}/api/v1/alerts")["data"]["alerts"]:
            if alert["state"] != "firing":
                continue
            labels = alert["labels"]
            since = datetime.fromisoformat(alert["activeAt"]).timestamp()
            place = (labels.get(_NAME, EVERYWHERE[0]), labels.get(_VALUE, EVERYWHERE[1]))
            yield Alert(labels["alertname"], labels, since, place, labels.get(_VERSION, ""))

    def _notified(self) -> Iterator[str]:
        """Yield the names of the alerts that Alertmanager holds."""
        for alert in self._get(f"{self._alertmanager}/api/v2/alerts"):
            yield alert["labels"]["alertname"]

    def _get(self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Any:
        answer = self._http.get(url, params=params, headers=headers)
        answer.raise_for_status()
        return answer.json()


def _key(of: Labels) -> tuple[str, Place]:
    return of.get(_VERSION, ""), (of.get(_NAME, EVERYWHERE[0]), of.get(_VALUE, EVERYWHERE[1]))
