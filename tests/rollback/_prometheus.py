"""A Prometheus for tests: answers instant queries over series that a test sets."""

from __future__ import annotations

import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from otel_clinical.rollback.confirm import BASELINE, LEVEL, MODEL, SEGMENT_NAME, SEGMENT_VALUE, STATE, VERSION
from otel_clinical.semconv import metrics

if TYPE_CHECKING:
    from collections.abc import Callable

_QUERY = re.compile(
    r"(?:(?P<function>timestamp|sum|max_over_time)\()?(?:increase\()?(?P<name>\w+)(?:\{(?P<labels>.*?)\})?(?:\[\d+s\])?\)*$"
)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class FakePrometheus:
    """Holds series by (name, labels). `evaluating`: the time of ALERTS samples moves with every query."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._series: dict[tuple[str, frozenset[tuple[str, str]]], str] = {}
        self._ended: dict[tuple[str, frozenset[tuple[str, str]]], str] = {}
        self.up = True
        self.evaluating = True
        self.skew = 0.0
        self.clock: Callable[[], float] = time.time
        self.queries: list[str] = []
        self.histories: dict[str, list[tuple[float, float]]] = {}
        """By name of the metric, what a range query is answered, whatever else it says."""
        handler = type("Handler", (_Handler,), {"prometheus": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._started = time.time()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, name: str, value: object, **labels: str) -> None:
        with self._lock:
            self._series[name, frozenset(labels.items())] = str(value)

    def drop(self, name: str, **labels: str) -> None:
        """Remove every series of this name that carries these labels."""
        with self._lock:
            wanted = set(labels.items())
            for key in [k for k in self._series if k[0] == name and wanted <= k[1]]:
                del self._series[key]

    def end(self, name: str, **labels: str) -> None:
        """Remove every series of this name that carries these labels, and remember that it was there."""
        with self._lock:
            ended = {key: value for key, value in self._series.items() if key[0] == name}
            self._ended |= {key: value for key, value in ended.items() if set(labels.items()) <= key[1]}
        self.drop(name, **labels)

    def answer_range(self, query: str) -> dict[str, Any]:
        values = next((found for name, found in self.histories.items() if f"({name}{{" in query), None)
        result = [] if values is None else [{"metric": {}, "values": [[at, str(value)] for at, value in values]}]
        return {"resultType": "matrix", "result": result}

    def answer(self, query: str, at: float | None = None) -> dict[str, Any]:
        """Answer as of `at`, as Prometheus does: with the same series, and that moment's time."""
        self.queries.append(query)
        now = (self.clock() if at is None else at) + self.skew
        if query == "time()":
            return {"resultType": "scalar", "result": [now, str(now)]}
        match = _QUERY.match(query)
        assert match is not None, f"the fake does not know {query}"
        wanted = {name: value.replace('\\"', '"') for name, value in _LABEL.findall(match["labels"] or "")}
        found = []
        with self._lock:
            known = self._series | (self._ended if match["function"] == "max_over_time" else {})
            for (name, labels), value in known.items():
                if name == match["name"] and set(wanted.items()) <= labels:
                    shown = value
                    if match["function"] == "timestamp":
                        shown = str(now if self.evaluating else self._started)
                    found.append({"metric": {"__name__": name, **dict(labels)}, "value": [now, shown]})
        return {"resultType": "vector", "result": found}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that was killed while it asked."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    prometheus: FakePrometheus
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or head and body of an answer are 40 ms apart, which no Prometheus is

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return  # whoever asked was killed meanwhile
        form = parse_qs(body.decode())
        query, at = form["query"][0], float(form["time"][0]) if "time" in form else None
        ranged = self.path.endswith("_range")
        data = self.prometheus.answer_range(query) if ranged else self.prometheus.answer(query, at)
        code, answer = (200, {"status": "success", "data": data})
        if not self.prometheus.up:
            code, answer = 503, {"status": "error"}
        text = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        del args


def degraded(prometheus: FakePrometheus, *, baseline: str, change_point: float, **stream: Any) -> dict[str, str]:
    """Show one version degraded with proof, everything else healthy; return the alert's labels."""
    version, activation = stream.get("version", "8"), stream.get("activation", 2)
    segment, value = stream.get("segment", ("all", "all"))
    mine = {MODEL: "coding", VERSION: version}
    where = {**mine, SEGMENT_NAME: segment, SEGMENT_VALUE: value}
    whole = {**mine, SEGMENT_NAME: "all", SEGMENT_VALUE: "all"}
    labels = {"alertname": "ClinicalAIPerformanceDropRollback", "tier": "rollback", **where}
    prometheus.put("ALERTS", 1, alertstate="firing", **labels)
    prometheus.put(metrics.EVIDENCE.prometheus, 12.5, **where, **{LEVEL: "rollback"})
    prometheus.put(metrics.EVIDENCE_SAMPLES.prometheus, 240, **where)
    prometheus.put(metrics.DEGRADATION_RATIO.prometheus, 0.25, **where)
    prometheus.put(metrics.CHANGE_POINT_TIME.prometheus, change_point, **where)
    prometheus.put(metrics.EVIDENCE_ACTIVATION.prometheus, activation, **mine)
    aggregate = stream.get("aggregate", 0.0 if segment != "all" else 30.0)
    prometheus.put(metrics.EVIDENCE.prometheus, aggregate, **whole, **{LEVEL: "governance_review"})
    serving(prometheus, version)
    prometheus.put(metrics.BASELINE_STATUS.prometheus, 1, **{MODEL: "coding", BASELINE: baseline})
    prometheus.put(metrics.LABEL_COVERAGE_RATIO.prometheus, 0.93, **mine)
    prometheus.put(metrics.LABEL_TIME.prometheus, prometheus.clock(), **{MODEL: "coding"})
    processor(prometheus)
    return labels


def low_input(prometheus: FakePrometheus, source: str, *, version: str = "7", records: float = 400.0) -> dict[str, str]:
    """Show the input of one source as low; return the alert's labels."""
    where = {MODEL: "coding", SEGMENT_NAME: "source_system", SEGMENT_VALUE: source}
    labels = {"alertname": "ClinicalAIInputQualityLow", "action": "hold", **where}
    prometheus.put("ALERTS", 1, alertstate="firing", **labels)
    prometheus.put(metrics.SEGMENT_RECORDS.prometheus, records, **where)
    serving(prometheus, version)
    return labels


def serving(prometheus: FakePrometheus, version: str, instances: tuple[str, ...] = ("a:1", "b:1")) -> None:
    """Show `version` active in every instance, and nothing else."""
    family = metrics.DEPLOYMENT_STATUS.prometheus
    prometheus.drop(family)
    for instance in instances:
        for known in {"7", "8", version}:
            prometheus.put(
                family,
                int(known == version),
                job="service",
                instance=instance,
                **{MODEL: "coding", VERSION: known, STATE: "active"},
            )


def processor(prometheus: FakePrometheus, *, started: float = 1000.0, silent: float = 0.0) -> None:
    """Show one drift processor, up, that heard its newest event `silent` seconds ago."""
    at = {"job": "processor", "instance": "p:1"}
    prometheus.put(metrics.PROCESSOR_START_TIME.prometheus, started, **at)
    prometheus.put(metrics.PROCESSOR_EVENT_TIME.prometheus, prometheus.clock() - silent, **at)
    prometheus.put(metrics.PROCESSOR_WATERMARK_TIME.prometheus, prometheus.clock() - silent - 30, **at)
    prometheus.put("up", 1, **at)


def recovered(prometheus: FakePrometheus, *, version: str = "7", activation: int = 3, **values: float) -> None:
    """Show the restored version in service and near its baseline."""
    where = {MODEL: "coding", VERSION: version, SEGMENT_NAME: "all", SEGMENT_VALUE: "all"}
    serving(prometheus, version)
    prometheus.put(metrics.EVIDENCE_ACTIVATION.prometheus, activation, **{MODEL: "coding", VERSION: version})
    prometheus.put(metrics.PERFORMANCE_RATIO.prometheus, values.get("performance", 0.91), **where)
    prometheus.put(metrics.PERFORMANCE_SAMPLES.prometheus, values.get("samples", 80), **where)
    prometheus.put(metrics.BASELINE_RATIO.prometheus, 0.92, **where)
