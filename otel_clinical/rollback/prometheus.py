"""Ask Prometheus instant queries and believe only what is a finite number."""

from __future__ import annotations

import json
import math
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from otel_clinical.rollback.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_SERIES = 10_000


class PrometheusUnavailableError(RuntimeError):
    """Prometheus did not answer a query with a usable result."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an instant query's result, with a finite value."""

    labels: Mapping[str, str]
    value: float


class Prometheus:
    """A Prometheus server that can be asked. Thread-safe as httpx clients are.

    `reach` tells whether it answers; `address` is its URL without credentials.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
        at: Callable[[], float] | None = None,
    ) -> None:
        """`at` is the moment as of which everything is asked, in Unix seconds; now without it."""
        self._at = at
        self.address = str(httpx.URL(url).copy_with(userinfo=b""))
        self.reach = Reach(self.address, clock)
        # A system's proxies must not come between a controller and its evidence. Certificates are loaded only
        # where they are used: that takes longer than a query.
        verify = True if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=verify)

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def query(self, expression: str) -> list[Series]:
        """Return the series of an instant query; those whose value is NaN or infinite are left out.

        Raises:
            PrometheusUnavailableError: no answer, an error, or an answer that is no instant vector.
        """
        data = self._data(expression)
        if data.get("resultType") != "vector" or not isinstance(data.get("result"), list):
            raise PrometheusUnavailableError("the answer is no instant vector")
        try:
            found = [Series(dict(item["metric"]), float(item["value"][1])) for item in data["result"][:_MAX_SERIES]]
        except (KeyError, IndexError, TypeError, ValueError):
            raise PrometheusUnavailableError("the answer holds a series without labels or value") from None
        return [series for series in found if math.isfinite(series.value)]

    def values(self, expression: str) -> list[float]:
        """Return the finite values alone."""
        return [series.value for series in self.query(expression)]

    def history(self, expression: str, start: float, end: float, step: float) -> list[tuple[float, float]]:
        """Return (Unix time, value) of a range query, of all its series together and in order of time.

        For people's eyes: whether it is answered says nothing about `reach`, which is for decisions.

        Raises:
            PrometheusUnavailableError: as `query`.
        """
        window = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        data = self._ask("/api/v1/query_range", {"query": expression, **window})
        try:
            found = [(float(at), float(value)) for series in data["result"] for at, value in series["values"]]
        except (KeyError, TypeError, ValueError):
            raise PrometheusUnavailableError("the answer is no range of values") from None
        return sorted((at, value) for at, value in found if math.isfinite(value))

    def now(self) -> float:
        """Return Prometheus' clock in Unix seconds."""
        data = self._data("time()")
        try:
            return float(data["result"][1])
        except (KeyError, IndexError, TypeError, ValueError):
            raise PrometheusUnavailableError("the answer to time() is no number") from None

    def _data(self, expression: str) -> dict[str, Any]:
        try:
            moment = {} if self._at is None else {"time": f"{self._at():.3f}"}
            data = self._ask("/api/v1/query", {"query": expression, **moment})
        except PrometheusUnavailableError as error:
            self.reach.failed(str(error))
            raise
        self.reach.answered()
        return data

    def _ask(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = self._client.post(path, data=dict(form))
            answer.raise_for_status()
            body = json.loads(answer.content)
        except httpx.HTTPStatusError as error:
            raise PrometheusUnavailableError(f"it answers with error {error.response.status_code}") from None
        except httpx.TimeoutException:
            raise PrometheusUnavailableError("it takes too long to answer") from None
        except httpx.HTTPError as error:
            raise PrometheusUnavailableError(f"it cannot be reached ({type(error).__name__})") from None
        except (ValueError, RecursionError):
            raise PrometheusUnavailableError("the answer is no JSON") from None
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, dict):
            raise PrometheusUnavailableError("the answer has no data")
        return data


def selector(family: str, labels: Mapping[str, str]) -> str:
    r"""Return a PromQL selector with every label value escaped.

    >>> selector("up", {"job": 'a"b'})
    'up{job="a\\"b"}'
    """
    matchers = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{family}{{{matchers}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
