"""The text of a metrics page, written directly: the same bytes as prometheus_client's, several times as fast."""

import threading
from collections.abc import Callable
from functools import lru_cache

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from otel_clinical.drift.runtime._families import Family

_number = lru_cache(4096)(floatToGoString)
Labels = dict[tuple[str, ...], str]


class PageText:
    """Writes the page of a registry in Prometheus's text format.

    The names are those of our registry of names, so no scheme of escaping changes them. The label text of a series
    is kept from one page to the next: which series there are hardly ever changes.

    Args:
        registry: What to show.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._labels: dict[str, Labels] = {}
        self._lock = threading.Lock()

    def __call__(self) -> bytes:
        """Return the page as of now."""
        with self._lock:
            return b"".join([self._family(metric) for metric in self._registry.collect()])

    def answer(self, accept: str) -> tuple[bytes, str]:
        """Return (page, content type) in the format that an Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        plain = getattr(encode, "func", encode) is generate_latest
        return (self() if plain else encode(self._registry)), content_type

    def _family(self, metric: Metric) -> bytes:
        if not isinstance(metric, Family):
            return generate_latest(_Alone(metric))
        known, used = self._labels.get(metric.name, {}), Labels()
        lines = [metric.head]
        write = _labels_of(metric)
        for labels, value in metric.rows:
            text = known.get(labels) or write(labels)
            used[labels] = text
            lines.append(f"{text} {_number(value)}\n")
        self._labels[metric.name] = used
        return "".join(lines).encode()


class _Alone(Collector):
    """One family as a registry of its own."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        return [self._metric]


def _labels_of(metric: Family) -> Callable[[tuple[str, ...]], str]:
    """Return what writes the name and labels of a series, labels sorted by name."""
    order = sorted(range(len(metric.keys)), key=lambda place: metric.keys[place])
    if not order:
        return lambda _labels: metric.series
    names = [metric.keys[place] for place in order]

    def write(labels: tuple[str, ...]) -> str:
        pairs = ",".join(f'{name}="{_escaped(labels[place])}"' for name, place in zip(names, order, strict=True))
        return f"{metric.series}{{{pairs}}}"

    return write


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
