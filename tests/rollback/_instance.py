"""One instance of a service: a `ModelRouter` that is called again and again, and shows which version answered.

`python -m tests.rollback._instance POINTER PORT`
"""

from __future__ import annotations

import sys
import time

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from otel_clinical.instrument import ModelRouter
from otel_clinical.semconv import metrics, prometheus_label

_EVERY = 0.1


def _main(pointer: str, port: int) -> None:
    registry = CollectorRegistry()
    labels = [prometheus_label(key) for key in metrics.DEPLOYMENT_STATUS.attributes][:3]
    shown = Gauge(metrics.DEPLOYMENT_STATUS.prometheus, "x", labels, registry=registry)
    router = ModelRouter("coding", pointer=pointer, versions={name: lambda name=name: name for name in ("7", "8")})
    start_http_server(port, "127.0.0.1", registry)
    while True:
        answered = router()
        for version in ("7", "8"):
            shown.labels(*[{"model": "coding", "state": "active"}.get(_kind(key), version) for key in labels]).set(
                version == answered
            )
        time.sleep(_EVERY)


def _kind(label: str) -> str:
    return "model" if label.endswith("model_name") else "state" if label.endswith("state") else "version"


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
